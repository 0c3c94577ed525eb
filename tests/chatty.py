"""Applications that log lines of all sizes, for servers with several workers.

No test imports this module, which sets the root logger up.
"""

from __future__ import annotations

import logging
from typing import Any

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
from tests.servers import SIZES

handler = MozlogHandler()
handler.setFormatter(MozlogFormatter(max_bytes=0))
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)


def chat(path: str) -> None:
    """Log a line of each size for a request."""
    for size in SIZES:
        logging.getLogger("chatty").info("x" * size, extra={"path": path, "size": size})


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    chat(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    chat(scope["path"])
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


wsgi = DockerflowMiddleware(wsgi_app)
asgi = DockerflowMiddleware(asgi_app)
