"""Checks of a Django project: its database, its migrations, its Redis cache.

Each heartbeat runs the checks that ``DOCKERFLOW_CHECKS`` lists, and so does
``manage.py check --deploy --tag dockerflow``.
"""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.core import checks as django_checks
from django.core.cache import InvalidCacheBackendError
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader

from dockerflow_mw import health
from dockerflow_mw.checks import default_registry
from dockerflow_mw.checks.builtin import redis
from dockerflow_mw.django.service import current_service
from dockerflow_mw.django.system import check_heartbeat

__all__ = [
    "check_database_connected",
    "check_migrations_applied",
    "check_redis_connected",
    "register",
]


def register() -> None:
    """Register the ``DOCKERFLOW_CHECKS``, and with Django a check that runs them all.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting is invalid, or a check needs
            other arguments than Django's.
    """
    for check in current_service().settings.checks:
        default_registry.register(check)
    # Only ``--deploy`` runs it: a failed heartbeat must not stop migrate or runserver.
    django_checks.register(check_heartbeat, "dockerflow", deploy=True)


def check_database_connected(app_configs: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ARG001 - Django passes them
    """Check that the default database answers."""
    try:
        connection.ensure_connection()
        usable = connection.is_usable()
    except ImproperlyConfigured as error:
        text = "The database is not set up"
        return [_error(text, health.ERROR_MISCONFIGURED_DATABASE, error)]
    except (OperationalError, InterfaceError) as error:
        text = "The database cannot be reached"
        return [_error(text, health.ERROR_CANNOT_CONNECT_DATABASE, error)]
    except DatabaseError as error:
        text = "The database driver failed"
        return [_error(text, health.ERROR_DB_API_EXCEPTION, error)]
    text = "The database does not answer"
    return [] if usable else [_error(text, health.ERROR_UNUSABLE_DATABASE)]


def check_migrations_applied(app_configs: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ARG001 - Django passes them
    """Check that every migration of the code is applied to the default database.

    Further migrations in the database do not count: a release may be rolled back.

    Args:
        app_configs: the applications to look at; None or empty for all.
        kwargs: further arguments of Django, which do not matter.
    """
    try:
        loader = MigrationLoader(connection, ignore_no_migrations=True)
    except (ImproperlyConfigured, DatabaseError) as error:
        text = f"The database cannot list its migrations ({type(error).__name__})."
        identity = health.INFO_CANT_CHECK_MIGRATIONS
        return [django_checks.Info(text, obj=error, id=identity)]
    except Exception as error:
        text = "The migrations cannot be read"
        return [_error(text, health.ERROR_MIGRATIONS_UNREADABLE, error)]
    labels = {config.label for config in app_configs or ()}
    missing = loader.graph.nodes.keys() - loader.applied_migrations.keys()
    pending = sorted(node for node in missing if not labels or node[0] in labels)
    if not pending:
        return []
    named = ", ".join(f"{app}.{name}" for app, name in pending[:10])
    more = f" and {len(pending) - 10} more" if len(pending) > 10 else ""
    text = f"Unapplied migrations: {named}{more}."
    return [django_checks.Warning(text, id=health.WARNING_UNAPPLIED_MIGRATION)]


def check_redis_connected(app_configs: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ARG001 - Django passes them
    """Check that the Redis server of the default cache answers.

    The cache is the one of django-redis or the one of Django.
    """
    try:
        found: Any = redis.check_redis_connected(SimpleNamespace(ping=_ping))
    except (ImportError, NotImplementedError) as error:
        text = "The default cache has no Redis client"
        return [_error(text, health.ERROR_MISSING_REDIS_CLIENT, error)]
    except (ImproperlyConfigured, InvalidCacheBackendError, ValueError) as error:
        text = "The Redis of the default cache is not set up"
        return [_error(text, health.ERROR_MISCONFIGURED_REDIS, error)]
    return [django_checks.Error(m.msg, m.hint, m.obj, m.id) for m in found]


def _ping() -> Any:
    cache = current_service().cache
    if not isinstance(cache, RedisCache):
        # A client may connect when it is made, and so raise what a ping raises.
        return import_module("django_redis").get_redis_connection("default").ping()
    # Django has no public way to its Redis client. `touch` of a missing key changes
    # nothing and asks the first server, whereas `get` may ask a replica.
    cache.touch("dockerflow_mw")
    return True


def _error(text: str, identity: str, error: Exception | None = None) -> Any:
    # Only the log shows the text of the error, which may name hosts and users.
    kind = f" ({type(error).__name__})" if error else ""
    return django_checks.Error(f"{text}{kind}.", obj=error, id=identity)
