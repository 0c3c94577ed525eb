"""Dockerflow for Django: endpoints, health checks, request summaries and request ids.

In the settings::

    INSTALLED_APPS = ["dockerflow_mw.django", ...]
    MIDDLEWARE = ["dockerflow_mw.django.middleware.DockerflowMiddleware", ...]
    DOCKERFLOW_CHECKS = [
        "dockerflow_mw.django.checks.check_database_connected",
        "dockerflow_mw.django.checks.check_migrations_applied",
        "project.checks.check_search",
    ]

Every setting of `dockerflow_mw.settings.Settings` is a Django setting in capitals with
the prefix ``DOCKERFLOW_``. It precedes the environment variable of the same name.
By default version.json is in ``BASE_DIR``, ``SILENCED_SYSTEM_CHECKS`` are silenced,
and heartbeats show details only in ``DEBUG``.
"""
