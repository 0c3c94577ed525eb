"""One project a framework, as its users write it with python-dockerflow.

Each tree has a module ``ask``, which prints the status of ``/__heartbeat__``.
"""

from __future__ import annotations

from typing import NamedTuple

LOGGING = """\
LOGGING = {
    "version": 1,
    "filters": {"rid": {"()": "dockerflow.logging.RequestIdLogFilter"}},
    "formatters": {
        "json": {"()": "dockerflow.logging.JsonLogFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["rid"],
            "formatter": "json",
        }
    },
    "loggers": {
        "dockerflow": {"handlers": ["console"], "level": "WARNING"},
        "dockerflow.django": {"level": "ERROR"},
        "request.summary": {"handlers": ["console"], "level": "ERROR"},
    },
}
"""

LOGGING_CHANGES = [
    (
        '    "filters": {"rid": {"()": "dockerflow.logging.RequestIdLogFilter"}},',
        '    "filters": {"rid": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},',
    ),
    (
        '        "json": {"()": "dockerflow.logging.JsonLogFormatter"},',
        '        "json": {"()": "dockerflow_mw.logging.JsonLogFormatter"},',
    ),
]


class Tree(NamedTuple):
    """A project, and the pairs of lines that the command changes in each file."""

    files: dict[str, str]
    changes: dict[str, list[tuple[str, str]]]
    findings: list[str]


DJANGO = Tree(
    {
        "ask.py": """\
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"

import django
from django.test import Client

django.setup()
print(Client().get("/__heartbeat__").status_code)
""",
        "requirements.txt": "django\ndockerflow[django]==2026.3.4\n",
        "setup.cfg": """\
[options]
install_requires =
    django
    dockerflow
""",
        "shop/__init__.py": "",
        "shop/checks.py": """\
from django.core import checks
from dockerflow import health

SILENCED = [health.ERROR_MISCONFIGURED_REDIS, "dockerflow.health.E004"]


def check_stock(app_configs, **kwargs):
    return [checks.Info("The stock is low.", id="shop.I001")]
""",
        "shop/middleware.py": """\
from dockerflow.django.middleware import DockerflowMiddleware


class ShopMiddleware(DockerflowMiddleware):
    def _build_extra_meta(self, request):
        return {**super()._build_extra_meta(request), "shop": "books"}
""",
        "shop/settings.py": LOGGING
        + """
from pathlib import Path

from shop.checks import SILENCED

BASE_DIR = Path(__file__).parent
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DOCKERFLOW_CHECKS = [
    "dockerflow.django.checks.check_database_connected",
    "shop.checks.check_stock",
]
DOCKERFLOW_VERSION_CALLBACK = "dockerflow.version.get_version"
INSTALLED_APPS = ["dockerflow.django"]
MIDDLEWARE = ["shop.middleware.ShopMiddleware"]
ROOT_URLCONF = "shop.urls"
SECRET_KEY = "made up"
SILENCED_SYSTEM_CHECKS = SILENCED
""",
        "shop/urls.py": """\
import logging

from dockerflow.django.signals import heartbeat_passed

logger = logging.getLogger("dockerflow.django")
heartbeat_passed.connect(lambda **kwargs: logger.info("passed"), weak=False)
urlpatterns = []
""",
    },
    {
        "shop/checks.py": [
            ("from dockerflow import health", "from dockerflow_mw import health")
        ],
        "shop/middleware.py": [
            (
                "from dockerflow.django.middleware import DockerflowMiddleware",
                "from dockerflow_mw.django.middleware import DockerflowMiddleware",
            )
        ],
        "shop/settings.py": [
            *LOGGING_CHANGES,
            (
                '    "dockerflow.django.checks.check_database_connected",',
                '    "dockerflow_mw.django.checks.check_database_connected",',
            ),
            (
                'DOCKERFLOW_VERSION_CALLBACK = "dockerflow.version.get_version"',
                'DOCKERFLOW_VERSION_CALLBACK = "dockerflow_mw.version.get_version"',
            ),
            (
                'INSTALLED_APPS = ["dockerflow.django"]',
                'INSTALLED_APPS = ["dockerflow_mw.django"]',
            ),
        ],
        "shop/urls.py": [
            (
                "from dockerflow.django.signals import heartbeat_passed",
                "from dockerflow_mw.django.signals import heartbeat_passed",
            )
        ],
    },
    ["requirements.txt:2", "setup.cfg:4"],
)

FLASK = Tree(
    {
        "ask.py": """\
from shop import app

print(app.test_client().get("/__heartbeat__").status_code)
""",
        "pyproject.toml": 'dependencies = ["flask", "dockerflow[flask]>=2024.4"]\n',
        "shop.py": LOGGING
        + """
import logging.config

import dockerflow.checks
import flask
from dockerflow.flask import Dockerflow
from dockerflow.flask.signals import heartbeat_passed

logging.config.dictConfig(LOGGING)
logging.getLogger("dockerflow.flask").setLevel("ERROR")
app = flask.Flask(__name__)
extension = Dockerflow(app)
heartbeat_passed.connect(lambda *args, **kwargs: None, weak=False)


@dockerflow.checks.register(name="stock")
def check_stock():
    return [dockerflow.checks.Info("The stock is low.", id="shop.I001")]
""",
    },
    {
        "shop.py": [
            *LOGGING_CHANGES,
            (
                "import dockerflow.checks",
                "import dockerflow_mw as dockerflow, dockerflow_mw.checks",
            ),
            (
                "from dockerflow.flask import Dockerflow",
                "from dockerflow_mw.flask import Dockerflow",
            ),
            (
                "from dockerflow.flask.signals import heartbeat_passed",
                "from dockerflow_mw.flask.signals import heartbeat_passed",
            ),
        ]
    },
    ["pyproject.toml:1"],
)

FASTAPI = Tree(
    {
        "ask.py": """\
import asyncio
import logging.config
from pathlib import Path

import httpx
import yaml

from shop import app

logging.config.dictConfig(yaml.safe_load(Path("logging.yaml").read_text()))


async def ask():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.get("http://shop/__heartbeat__")


print(asyncio.run(ask()).status_code)
""",
        "logging.yaml": """\
version: 1
disable_existing_loggers: false
formatters:
  json: {"()": dockerflow.logging.JsonLogFormatter}
handlers:
  console:
    class: logging.StreamHandler
    formatter: json
loggers:
  dockerflow.fastapi:
    level: ERROR
  request.summary:
    handlers: [console]
    level: ERROR
""",
        "shop.py": """\
from dockerflow import checks
from dockerflow.fastapi import router as dockerflow_router
from dockerflow.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)
from fastapi import FastAPI

app = FastAPI()
app.include_router(dockerflow_router)
app.add_middleware(RequestIdMiddleware)
app.add_middleware(MozlogRequestSummaryLogger)


@checks.register
async def stock():
    return [checks.Info("The stock is low.", id="shop.I001")]
""",
    },
    {
        "logging.yaml": [
            (
                '  json: {"()": dockerflow.logging.JsonLogFormatter}',
                '  json: {"()": dockerflow_mw.logging.JsonLogFormatter}',
            )
        ],
        "shop.py": [
            ("from dockerflow import checks", "from dockerflow_mw import checks"),
            (
                "from dockerflow.fastapi import router as dockerflow_router",
                "from dockerflow_mw.fastapi import router as dockerflow_router",
            ),
            (
                "from dockerflow.fastapi.middleware import (",
                "from dockerflow_mw.fastapi.middleware import (",
            ),
        ],
    },
    [],
)

SANIC = Tree(
    {
        "ask.py": """\
import asyncio
import logging.config

import httpx

from shop import app

logging.config.fileConfig("logging.ini", disable_existing_loggers=False)


messages = ["lifespan.startup", "lifespan.shutdown"]


async def receive():
    message = messages.pop(0)
    if not messages:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
            print((await http.get("/__heartbeat__")).status_code)
    return {"type": message}


async def send(message):
    pass


asyncio.run(app({"type": "lifespan", "state": {}}, receive, send))
""",
        "logging.ini": """\
[loggers]
keys = root, dockerflow

[handlers]
keys = console

[formatters]
keys = json

[logger_root]
handlers =

[logger_dockerflow]
qualname = dockerflow.sanic
level = ERROR
handlers = console

[handler_console]
class = StreamHandler
formatter = json

[formatter_json]
class = dockerflow.logging.JsonLogFormatter
""",
        "shop.py": """\
import dockerflow.checks as checks
from dockerflow.sanic import Dockerflow
from sanic import Sanic

app = Sanic("shop", configure_logging=False)
dockerflow = Dockerflow(app)


@checks.register
async def stock():
    return [checks.Info("The stock is low.", id="shop.I001")]
""",
    },
    {
        "logging.ini": [
            (
                "class = dockerflow.logging.JsonLogFormatter",
                "class = dockerflow_mw.logging.JsonLogFormatter",
            )
        ],
        "shop.py": [
            (
                "import dockerflow.checks as checks",
                "import dockerflow_mw.checks as checks",
            ),
            (
                "from dockerflow.sanic import Dockerflow",
                "from dockerflow_mw.sanic import Dockerflow",
            ),
        ],
    },
    [],
)

TREES = {"django": DJANGO, "fastapi": FASTAPI, "flask": FLASK, "sanic": SANIC}
