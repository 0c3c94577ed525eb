"""The checks of a Django project: its database, its migrations, its Redis cache.

They are Django's kind of checks, ``check(app_configs, **kwargs)``, which give messages
of `django.core.checks`. Those that ``DOCKERFLOW_CHECKS`` lists, these or others, are
run by ``manage.py check`` as well as by each heartbeat.

A heartbeat runs them on a thread of their own, where each opens a connection and gives
it back: nothing is kept for a database to have lost meanwhile, and those of the
requests are let alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeAlias

from django.core import checks as django_checks
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from dockerflow_mw import health
from dockerflow_mw.checks import default_registry
from dockerflow_mw.checks.builtin import redis
from dockerflow_mw.django import site
from dockerflow_mw.django.system import adapted, names_of

Messages: TypeAlias = list[django_checks.CheckMessage]
Key: TypeAlias = tuple[str, str]

# How many of the migrations that are not applied a message names.
NAMED_MIGRATIONS = 10


def register() -> None:
    """Register the ``DOCKERFLOW_CHECKS`` with Django, and for every heartbeat.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
        TypeError: a check does not accept ``**kwargs``.
    """
    for name, check in names_of(site.load().checks).items():
        django_checks.register(check)
        default_registry.register(adapted(check), name=name)


def check_database_connected(app_configs: Any = None, **kwargs: Any) -> Messages:  # noqa: ARG001 - Django's
    """Check that the default database answers."""
    try:
        usable = _answers()
    except ImproperlyConfigured as error:
        text = "The database is not set up"
        return [_error(text, health.ERROR_MISCONFIGURED_DATABASE, error)]
    except (OperationalError, InterfaceError) as error:
        text = "The database cannot be reached"
        return [_error(text, health.ERROR_CANNOT_CONNECT_DATABASE, error)]
    except DatabaseError as error:
        text = "The database driver failed"
        return [_error(text, health.ERROR_DB_API_EXCEPTION, error)]
    if usable:
        return []
    return [_error("The database does not answer", health.ERROR_UNUSABLE_DATABASE)]


def _answers() -> bool:
    connection.ensure_connection()
    if connection.is_usable() or connection.in_atomic_block:
        return bool(connection.is_usable())
    # It may come from a pool, or from before, and have died meanwhile.
    connection.close()
    connection.ensure_connection()
    return bool(connection.is_usable())


def check_migrations_applied(app_configs: Any = None, **kwargs: Any) -> Messages:  # noqa: ARG001 - Django's
    """Check that every migration is applied to the default database.

    A database that is ahead of the code is fine, as it is while a release is rolled
    out or back.
    """
    try:
        scripts = _scripts()
    except Exception as error:
        text = "The migrations cannot be read"
        return [_error(text, health.ERROR_MIGRATIONS_UNREADABLE, error)]
    try:
        applied = _applied()
    except (ImproperlyConfigured, DatabaseError) as error:
        text = "The migrations cannot be checked, for the database cannot be asked"
        message = f"{text} ({type(error).__name__})."
        identity = health.INFO_CANT_CHECK_MIGRATIONS
        return [django_checks.Info(message, obj=error, id=identity)]
    pending = [key for key in scripts if not _is_applied(key, applied, scripts)]
    if not pending:
        return []
    text = f"Unapplied migrations: {_listed(pending)}."
    return [django_checks.Warning(text, id=health.WARNING_UNAPPLIED_MIGRATION)]


@functools.cache
def _scripts() -> Mapping[Key, Migration]:
    # Once, because it imports them all; without a connection, so from the files alone.
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return {key: loader.disk_migrations[key] for key in sorted(loader.graph.nodes)}


def _forget_scripts(**_: Any) -> None:
    _scripts.cache_clear()


setting_changed.connect(_forget_scripts, dispatch_uid="dockerflow_mw.forget_scripts")


def _applied() -> set[Key]:
    recorder = MigrationRecorder(connection)
    try:
        return set(recorder.migration_qs.values_list("app", "name"))
    except DatabaseError:
        # Looked for only now, because that lists all the tables that there are.
        if recorder.has_table():
            raise
        return set()


def _is_applied(key: Key, applied: set[Key], scripts: Mapping[Key, Migration]) -> bool:
    if key in applied:
        return True
    replaced = scripts[key].replaces if key in scripts else ()
    # A squashed migration is recorded only by the next migrate.
    return bool(replaced) and all(_is_applied(r, applied, scripts) for r in replaced)


def _listed(pending: list[Key]) -> str:
    named = ", ".join(f"{app}.{name}" for app, name in pending[:NAMED_MIGRATIONS])
    more = len(pending) - NAMED_MIGRATIONS
    return f"{named} and {more} more" if more > 0 else named


def check_redis_connected(app_configs: Any = None, **kwargs: Any) -> Messages:  # noqa: ARG001 - Django's
    """Check that the Redis of the default cache answers.

    The cache is django-redis's or Django's own.
    """
    try:
        client = _redis_client()
    except (ImportError, NotImplementedError) as error:
        text = "The default cache has no Redis client"
        return [_error(text, health.ERROR_MISSING_REDIS_CLIENT, error)]
    except (ImproperlyConfigured, InvalidCacheBackendError, ValueError) as error:
        text = "The Redis of the default cache is not set up"
        return [_error(text, health.ERROR_MISCONFIGURED_REDIS, error)]
    # Of a sync client, which both are, there are messages and no promise of them.
    found: Any = redis.check_redis_connected(client)
    return [django_checks.Error(m.msg, m.hint, m.obj, m.id) for m in found]


def _redis_client() -> Any:
    cache = _default_cache()
    if isinstance(cache, RedisCache):
        # There is no other way to its client than this; reading would not do, for it
        # may ask a replica.
        return cache._cache.get_client(write=True)
    return import_module("django_redis").get_redis_connection("default")


@functools.cache
def _default_cache() -> Any:
    # Each thread has caches of its own, and Django's own Redis cache a pool in each.
    return caches.create_connection("default")


def _forget_cache(**_: Any) -> None:
    _default_cache.cache_clear()


setting_changed.connect(_forget_cache, dispatch_uid="dockerflow_mw.forget_cache")


def _error(
    text: str, identity: str, error: Exception | None = None
) -> django_checks.Error:
    # The text of the error goes to the log alone, because it names hosts and users.
    kind = f" ({type(error).__name__})" if error else ""
    return django_checks.Error(f"{text}{kind}.", obj=error, id=identity)
