"""The protocols between servers and applications: WSGI and ASGI."""
