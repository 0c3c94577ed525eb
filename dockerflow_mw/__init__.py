"""Middleware that makes any WSGI or ASGI application Dockerflow-compliant."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockerflow_mw import checks, summary
    from dockerflow_mw.middleware import DockerflowMiddleware

__all__ = ["DockerflowMiddleware", "checks", "summary"]


def __getattr__(name: str) -> Any:
    """Return a public name, imported at its first use (PEP 562).

    A command imports the package without asyncio and the parts that serve requests.

    Raises:
        AttributeError: the package has no such name.
    """
    if name == "DockerflowMiddleware":
        return import_module("dockerflow_mw.middleware").DockerflowMiddleware
    if name in __all__:
        return import_module(f"dockerflow_mw.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the module, with those of modules imported later."""
    return sorted({*globals(), *__all__})
