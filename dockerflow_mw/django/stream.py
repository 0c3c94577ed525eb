"""Closes the summary of a request at the end of its response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import cast

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase

from dockerflow_mw.django.service import current_service
from dockerflow_mw.protocols.asgi_events import record_failure
from dockerflow_mw.protocols.wsgi_response import Body
from dockerflow_mw.summary import Summary


def observe(response: HttpResponseBase, summary: Summary, request: HttpRequest) -> None:
    """Record the status of a response, and close the summary at its end."""
    echo = current_service().settings.response_header_name
    if echo is not None:
        response.headers.setdefault(echo, summary.rid)
    summary.code = response.status_code
    file = getattr(response, "file_to_stream", None)
    # Under ASGI, Django sends the headers before it reads the body.
    summary.started = is_asgi = isinstance(request, ASGIRequest)
    if file is not None and request.META.get("wsgi.file_wrapper"):
        # PEP 3333, "Optional Platform-Specific File Handling".
        summary.mark(sendfile=True)
    elif response.streaming:
        kind = AsyncBody if response.is_async else BufferedBody if is_asgi else Body
        response.streaming_content = kind(response.streaming_content, summary)
        return
    summary.close()


class BufferedBody(Body):
    """A sync response body under ASGI, which closes the summary in `close`.

    Django reads such a body as a whole before it sends the first byte.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as error:
            self._summary.record_exception(error)
            # Django does not close a response whose body raised.
            self._summary.close()
            raise


class AsyncBody(Body):
    """An async response body that closes the summary at its end; see `Body`."""

    __slots__ = ()

    # Django takes a body with this method for a sync one.
    __iter__ = None  # type: ignore[assignment]  # removes the method

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        # `close` tests this: from here on, it counts as a disconnect before the end.
        self._iterator = self._body  # type: ignore[assignment]  # an async iterator
        try:
            return await anext(cast("AsyncIterator[bytes]", self._body))
        except BaseException as error:
            if not isinstance(error, StopAsyncIteration):
                record_failure(self._summary, error)
            self._summary.close()
            raise
