"""Built-in checks of common services. None imports a client library before its use."""
