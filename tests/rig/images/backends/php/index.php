<?php
// A front controller, as most PHP applications have one: it decodes the path and compares.
$path = urldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/');
$closed = preg_match('~^/+(admin|api/v2)(/|$)~', $path);
echo $closed ? 'the protected page' : 'the open page';
