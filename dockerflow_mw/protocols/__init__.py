"""The protocols that servers speak: WSGI and ASGI."""
