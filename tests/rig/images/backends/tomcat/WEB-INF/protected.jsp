the protected page
