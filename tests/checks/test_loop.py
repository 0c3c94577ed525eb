from __future__ import annotations

import subprocess
import sys

import pytest

UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
import asyncio, gevent, time
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings

calls = []

async def async_():
    calls.append("async")
    await asyncio.sleep(0.05)

def sync():
    calls.append("sync")
    time.sleep(0.05)

async def hangs():
    await asyncio.Event().wait()

async def application():
    return "an event loop of the application's own"

runner = Runner(Settings(check_timeout=0.5))
checks = [Check("async", async_), Check("sync", sync)]
probes = [gevent.spawn(runner.run, checks) for _ in range(10)]
gevent.joinall(probes, raise_error=True)
print([result.level for probe in probes for result in probe.value] == [0] * 20)
print(sorted(calls))
print(runner.run([Check("hangs", hangs)]).statuses)
print(asyncio.run(application()))
"""


PATCHED_LATE = """
from dockerflow_mw import DockerflowMiddleware

def app(environ, start_response): ...

application = DockerflowMiddleware(app)

@application.check
def sync(): pass

@application.check
async def async_(): pass

from gevent import monkey
monkey.patch_all()
import gevent

def probe():
    environ = {"PATH_INFO": "/__heartbeat__", "REQUEST_METHOD": "GET"}
    statuses = []
    application(environ, lambda status, headers: statuses.append(status))
    return statuses

probes = [gevent.spawn(probe) for _ in range(50)]
gevent.joinall(probes, timeout=40)
print({status for probe in probes for status in probe.value or ["hangs"]})
"""


def test_checks_run_if_gevent_patches_after_the_middleware_was_made() -> None:
    # Gunicorn patches after the import with --preload.
    pytest.importorskip("gevent", reason="gevent is not installed")
    command = [sys.executable, "-W", "ignore", "-c", PATCHED_LATE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "{'200 OK'}\n"


def test_async_checks_run_under_gevent_beside_a_loop_of_the_application() -> None:
    pytest.importorskip("gevent", reason="gevent is not installed")
    command = [sys.executable, "-c", UNDER_GEVENT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "True",
        "['async', 'sync']",
        "{'hangs': 'error'}",
        "an event loop of the application's own",
    ]
    assert done.returncode == 0
