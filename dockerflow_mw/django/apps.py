"""The app, which makes itself known to Django when that is ready."""

from __future__ import annotations

from django.apps import AppConfig

from dockerflow_mw.logging import configure_logging


class DockerFlowAppConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Registers the ``DOCKERFLOW_CHECKS``, and connects the signals."""

    name = "dockerflow_mw.django"
    label = "dockerflow_mw"
    verbose_name = "Dockerflow"

    def ready(self) -> None:
        """Read the settings, and stop the start where one cannot be used.

        Raises:
            dockerflow_mw.settings.SettingsError: a setting cannot be used.
        """
        # Not before, because they are about models and databases.
        from dockerflow_mw.django import checks, handlers, receivers, site

        if site.load().configure_logging:
            configure_logging()
        checks.register()
        receivers.connect()
        handlers.replace_requests()
