"""Makes any WSGI or ASGI application Dockerflow-compliant."""

from dockerflow_mw import checks, summary
from dockerflow_mw.middleware import DockerflowMiddleware

__all__ = ["DockerflowMiddleware", "checks", "summary"]
