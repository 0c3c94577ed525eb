"""A Django project in one file, with one page and checks on a SQLite database.

Serve it with any WSGI server, or run Django's commands::

    DEMO_DATABASE=books.sqlite gunicorn django_app:application
    DEMO_DATABASE=books.sqlite python django_app.py check
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from dockerflow_mw import summary

logger = logging.getLogger("bookshop")

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DEMO_DATABASE"],
        }
    },
    DOCKERFLOW_CHECKS=[
        "dockerflow_mw.django.checks.check_database_connected",
        f"{__name__}.check_books",
    ],
    DOCKERFLOW_CONFIGURE_LOGGING=True,
    INSTALLED_APPS=["dockerflow_mw.django"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["dockerflow_mw.django.middleware.DockerflowMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="made up",
)


def read_titles() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM books")
        return [title for (title,) in cursor.fetchall()]


def check_books(app_configs: Any, **_: Any) -> list[CheckMessage]:  # noqa: ARG001
    try:
        read_titles()
    except DatabaseError as error:
        return [Error("The books cannot be read.", obj=error, id="bookshop.E001")]
    return []


def books(_request: HttpRequest) -> HttpResponse:
    titles = read_titles()
    logger.info("Listing the books.")
    summary.add_fields(books=len(titles))
    return HttpResponse("\n".join(titles), content_type="text/plain")


urlpatterns = [path("", books)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
