// The protected page as a route of Express, and an open page for every other path.
const express = require('express');
const app = express();
app.use(['/admin', '/api/v2'], (request, response) => response.send('the protected page'));
app.use((request, response) => response.send('the open page'));
app.listen(8003, '::');
