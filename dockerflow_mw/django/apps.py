"""The Django app, which reads the settings and registers the checks."""

from __future__ import annotations

from django.apps import AppConfig

from dockerflow_mw.django import checks, signals


class DockerFlowAppConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """The configuration of the app ``dockerflow_mw.django``."""

    name = "dockerflow_mw.django"
    label = "dockerflow_mw"
    verbose_name = "Dockerflow"

    def ready(self) -> None:
        """Register the ``DOCKERFLOW_CHECKS`` and connect Django's signals."""
        checks.register()
        signals.connect()
