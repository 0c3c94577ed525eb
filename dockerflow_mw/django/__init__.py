"""Dockerflow for Django: endpoints, health checks, request summaries and ids.

In the settings::

    INSTALLED_APPS = ["dockerflow_mw.django", ...]
    MIDDLEWARE = ["dockerflow_mw.django.middleware.DockerflowMiddleware", ...]
    DOCKERFLOW_CHECKS = [
        "dockerflow_mw.django.checks.check_database_connected",
        "dockerflow_mw.django.checks.check_migrations_applied",
        "project.checks.check_search",
    ]

Every setting of `dockerflow_mw.settings.Settings` is a Django setting in capitals
behind ``DOCKERFLOW_``, over the environment variable of the same name. Where they are
not set, version.json is in ``BASE_DIR``, the silenced checks are those of
``SILENCED_SYSTEM_CHECKS``, and the body of a heartbeat has details only in ``DEBUG``.

The middleware is best the first one, in front of host checks and redirects. Outside of
Django altogether, in ``wsgi.py`` or ``asgi.py``, there is the other way in::

    application = DockerflowMiddleware(get_wsgi_application())

It runs the same checks and sends the same signals; the middleware inside, where it is
in ``MIDDLEWARE`` as well, then only adds what Django alone knows to the one summary.
"""
