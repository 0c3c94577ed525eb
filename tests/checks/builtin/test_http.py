"""Tests of the HTTP check with real servers and all kinds of redirects."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin.http import MAX_REDIRECTS, http_reachable
from tests.checks.builtin.faults import (
    SOON,
    WebServer,
    probe,
    silent_port,
    until,
)
from tests.servers import free_port

OK: tuple[int, list[str]] = (200, [])
UNREACHABLE = (200, ["E107"])
BAD_STATUS = (200, ["E108"])

TIMEOUT = 0.5


class Service:
    """An HTTP server with a configurable response."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/there"
        self.status = 200
        self.requests: list[str] = []
        self.connections = 0
        self.drips = False
        self._dried = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                service.connections += 1
                super().setup()

            def finish(self) -> None:
                super().finish()
                service.connections -= 1

            def do_GET(self) -> None:
                service.requests.append(f"{self.command} {self.path}")
                self.send_response(service.status)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while service.drips and not service._dried.wait(0.05):
                        self.wfile.write(b".")

            do_HEAD = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None:
            self._dried.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    made.start()
    yield made
    made.stop()


Check = Callable[..., WebServer]


@pytest.fixture(params=["own", "sync", "async"])
def check(request: pytest.FixtureRequest, web_server: WebServer) -> Iterator[Check]:
    client: Any = None
    if request.param == "sync":
        client = httpx.Client()
    elif request.param == "async":
        client = httpx.AsyncClient()

    def make(url: str, **options: Any) -> WebServer:
        options = {"client": client, "timeout": TIMEOUT, **options}
        web_server.application.check(http_reachable(url, **options))
        return web_server

    yield make
    if request.param == "sync":
        client.close()
    elif request.param == "async":
        web_server.run(client.aclose())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_service_that_responds_is_ok(
    check: Check, service: Service, method: str
) -> None:
    web_server = check(service.url, method=method)
    assert [probe(web_server).outcome for _ in range(5)] == [OK] * 5
    assert service.requests == [f"{method} /there"] * 5
    until(lambda: service.connections == 0)


def test_a_stopped_service_is_unreachable_until_it_starts_again(
    check: Check, service: Service
) -> None:
    web_server = check(service.url.replace("//", "//somebody:secret@"))
    assert probe(web_server).outcome == OK
    service.stop()
    down = probe(web_server)
    assert down.outcome == UNREACHABLE
    assert list(down.messages.values()) == [
        "The service cannot be reached (ConnectError)."
    ]
    for told in ("somebody", "secret", "127.0.0.1", str(service.port)):
        assert told not in down.body

    service.start()
    assert probe(web_server).outcome == OK


def test_a_status_that_is_not_accepted_fails(check: Check, service: Service) -> None:
    web_server = check(service.url)
    service.status = 503
    failing = probe(web_server)
    assert failing.outcome == BAD_STATUS
    assert list(failing.messages.values()) == [
        "The service answers with the status 503."
    ]

    service.status = 204
    assert probe(web_server).outcome == OK
    until(lambda: service.connections == 0)


def test_a_service_that_accepts_and_does_not_respond_is_unreachable(
    check: Check,
) -> None:
    with silent_port() as port:
        silent = probe(check(f"http://127.0.0.1:{port}/"))
        assert silent.outcome == UNREACHABLE
        assert TIMEOUT <= silent.seconds < SOON


def test_an_endless_body_does_not_delay_the_check(
    check: Check, service: Service
) -> None:
    service.drips = True
    assert probe(check(service.url)).outcome == OK
    until(lambda: service.connections == 0)


def test_a_critical_check_fails_the_heartbeat(web_server: WebServer) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    web_server.application.check(http_reachable(url), critical=True)
    assert probe(web_server).outcome == (500, ["E107"])


def test_the_default_client_is_made_once(
    web_server: WebServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Client(httpx.Client):
        def __init__(self) -> None:
            made.append(self)
            super().__init__()

    monkeypatch.setattr(httpx, "Client", Client)
    web_server.application.check(http_reachable(service.url))
    assert made == []
    assert [probe(web_server).outcome for _ in range(3)] == [OK] * 3
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There are no forks here.")
def test_a_forked_process_makes_its_own_client(service: Service) -> None:
    code = (
        "import os, sys, httpx\n"
        "from dockerflow_mw.checks.builtin.http import http_reachable\n"
        "made = []\n"
        "class Client(httpx.Client):\n"
        "    def __init__(self):\n"
        "        made.append(os.getpid())\n"
        "        super().__init__()\n"
        "httpx.Client = Client\n"
        "check = http_reachable(sys.argv[1])\n"
        "assert check() == []\n"
        "child = os.fork()\n"
        "assert check() == []\n"
        "if not child:\n"
        "    os._exit(made != [os.getppid(), os.getpid()])\n"
        "assert made == [os.getpid()]\n"
        "sys.exit(os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, service.url], check=True, timeout=SOON)


Answer = Callable[[httpx.Request], httpx.Response]


def ask(asynchronous: bool, answer: Answer, url: str, **options: Any) -> list[str]:
    """Return the ids of the messages of a check whose client has no network."""
    transport = httpx.MockTransport(answer)
    if not asynchronous:
        with httpx.Client(transport=transport, **options.pop("given", {})) as client:
            return ids(http_reachable(url, client=client, **options)())

    async def ask_async() -> list[str]:
        given = options.pop("given", {})
        async with httpx.AsyncClient(transport=transport, **given) as client:
            outcome: Any = http_reachable(url, client=client, **options)()
            return ids(await outcome)

    return asyncio.run(ask_async())


def ids(messages: object) -> list[str]:
    assert isinstance(messages, list)
    return [message.id.rpartition(".")[2] for message in messages]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.param
    return chosen


def redirecting(location: str, status: int = 302) -> Answer:
    """Return a function that redirects /from and responds to others with 200."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/from":
            return httpx.Response(status, headers={"Location": location})
        return httpx.Response(200)

    return answer


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        pytest.param("/to", [], id="path"),
        pytest.param("http://here/to", [], id="same host"),
        pytest.param("http://HERE:80/to", [], id="same host, written otherwise"),
        pytest.param("https://here/to", [], id="from http to https"),
        pytest.param("http://there/to", ["E109"], id="another host"),
        pytest.param("https://there/to", ["E109"], id="another host by https"),
        pytest.param("http://here:8080/to", ["E109"], id="another port"),
        pytest.param("//here.evil.example/to", ["E109"], id="a host that begins so"),
        pytest.param("http://here:port/", ["E107"], id="no URL"),
        pytest.param("ftp://here/to", ["E109"], id="another scheme"),
    ],
)
def test_redirects_are_followed_on_the_same_host_only(
    asynchronous: bool, location: str, expected: list[str]
) -> None:
    answer = redirecting(location)
    assert ask(asynchronous, answer, "http://here/from") == expected


def test_redirects_from_https_to_http_are_not_followed(asynchronous: bool) -> None:
    answer = redirecting("http://here/to")
    assert ask(asynchronous, answer, "https://here/from") == ["E109"]


def test_redirects_to_another_host_are_followed_if_allowed(
    asynchronous: bool,
) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("authorization")))
        return redirecting("http://there/to")(request)

    url, given = "http://here/from", {"auth": ("somebody", "secret")}
    options: dict[str, Any] = {"off_host_redirects": True, "given": given}
    assert ask(asynchronous, answer, url, **options) == []
    # The credentials are for the first host only.
    (_, credentials), there = seen
    assert credentials is not None
    assert there == ("there", None)


def test_a_redirect_with_an_accepted_status_is_not_followed(asynchronous: bool) -> None:
    answer = redirecting("http://there/to")
    assert ask(asynchronous, answer, "http://here/from", statuses={302}) == []


def test_endless_redirects_fail(asynchronous: bool) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"Location": "/again"})

    assert ask(asynchronous, answer, "http://here/") == ["E109"]
    assert len(seen) == 1 + MAX_REDIRECTS


def test_the_timeout_limits_all_redirects_together(asynchronous: bool) -> None:
    waiting = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        waiting.wait(0.1)
        return httpx.Response(302, headers={"Location": "/again"})

    assert ask(asynchronous, answer, "http://here/", timeout=0.15) == ["E107"]


def test_a_url_may_be_relative_to_the_base_url_of_the_client(
    asynchronous: bool,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.url.path == "/api/alive" else 404)

    given = {"base_url": "http://here/api"}
    assert ask(asynchronous, answer, "/alive", given=given) == []


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("/alive", {}, "url has no host; it must begin with http:// or https://."),
        ("ftp://h", {}, "url has no host; it must begin with http:// or https://."),
        ("http://u:secret@h:port", {}, "url cannot be read (InvalidURL)."),
        (None, {}, "url cannot be read (TypeError)."),
        ("http://h", {"method": "POST"}, "method is 'POST'; it must be GET or HEAD."),
        ("http://h", {"statuses": 200}, "statuses is 200; it must be a set of whole"),
        ("http://h", {"timeout": 0}, "timeout is 0; it must be a number of seconds"),
        ("http://h", {"client": "secret"}, "client is str; it must be an httpx"),
    ],
)
def test_an_invalid_argument_raises_an_error_that_names_it(
    url: Any, options: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match=r"; it must|cannot be read") as raised:
        http_reachable(url, **options)
    assert str(raised.value).startswith(expected)
    assert "secret" not in str(raised.value)


def test_checks_are_identified_by_their_url_and_show_no_credentials() -> None:
    check = http_reachable("https://somebody:secret@host:8443/a?token=secret#x")
    assert check.__name__ == "http_reachable"
    assert not check.critical
    assert repr(check) == "<http_reachable of https://host:8443/a>"
    again = http_reachable("https://host:8443/a?token=secret")
    assert again.identity == check.identity
    others = [
        http_reachable("https://host:8443/b?token=secret"),
        http_reachable("https://host/a?token=secret"),
        http_reachable("http://host:8443/a?token=secret"),
        http_reachable("https://host:8443/a?token=other"),
        http_reachable("https://host:8443/a"),
    ]
    identities = {check.identity, *(other.identity for other in others)}
    assert len(identities) == 1 + len(others)
    told = repr([identities, check, *others])
    assert "secret" not in told
    assert "somebody" not in told
    registry = checks.Registry()
    registry.register(check)
    registry.register(again)
    with pytest.raises(checks.DuplicateCheckError):
        registry.register(others[0])
