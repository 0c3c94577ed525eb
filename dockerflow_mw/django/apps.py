"""The Django app, which registers the checks."""

from __future__ import annotations

from django.apps import AppConfig

from dockerflow_mw.django import checks


class DockerFlowAppConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """The configuration of the app ``dockerflow_mw.django``."""

    name = "dockerflow_mw.django"
    label = "dockerflow_mw"

    def ready(self) -> None:
        """Register the ``DOCKERFLOW_CHECKS``."""
        checks.register()
