"""Projects that use python-dockerflow, with the import renamed.

Each has its settings, its own names and its own tests, and is run in a process of its
own, because Django is set up once in a process.
"""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

CONTRIB = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]

SECURITY = "django.middleware.security.SecurityMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
DOCKERFLOW = "dockerflow_mw.django.middleware.DockerflowMiddleware"


def folder() -> Path:
    """Make a folder that is there as long as the process."""
    made = tempfile.TemporaryDirectory(prefix="dockerflow-mw-")
    atexit.register(made.cleanup)
    return Path(made.name)


def set_up(name: str, base: Path, *, migrate: bool = True, **given: Any) -> None:
    """Set Django up with a database in a file.

    Args:
        name: the module that has the URL patterns.
        base: the folder of the project.
        migrate: whether the database has its tables.
        given: the project's settings.
    """
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": base / "db.sqlite3"}
    known = {
        "ALLOWED_HOSTS": ["testserver"],
        "DATABASES": {"default": database},
        "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
        "ROOT_URLCONF": name,
        "SECRET_KEY": "made up for a project of the tests, and 50 characters long",
        "USE_TZ": True,
    }
    settings.configure(**{**known, **given})
    django.setup()
    if migrate:
        call_command("migrate", verbosity=0)
