"""Streamed responses, whose requests end with their last byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from django.http import HttpRequest, HttpResponseBase

from dockerflow_mw.protocols.wsgi import Body, close_record
from dockerflow_mw.summary import Summary


def watch(response: HttpResponseBase, record: Summary, request: HttpRequest) -> None:
    """Close the summary when the streamed response is through."""
    # Under ASGI, Django sends the headers before it asks for the body.
    record.begun = is_asgi = isinstance(getattr(request, "scope", None), dict)
    if getattr(response, "is_async", False):
        response.streaming_content = AsyncBody(response.streaming_content, record)
    elif is_asgi:
        response.streaming_content = ReadBody(response.streaming_content, record)
    elif _is_sent_by_the_server(response, request):
        record.mark(sendfile=True)
        record.close()
    else:
        response.streaming_content = Body(response.streaming_content, record)


def _is_sent_by_the_server(response: HttpResponseBase, request: HttpRequest) -> bool:
    # Django hands the server such a file only where nobody has wrapped it.
    is_file = getattr(response, "file_to_stream", None) is not None
    return is_file and bool(request.META.get("wsgi.file_wrapper"))


def is_cancelled(error: BaseException) -> bool:
    """Tell whether a request was cancelled, which Django does when its client left."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    # The application may have cancelled something of its own.
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class ReadBody:
    """A sync body under ASGI, which Django reads as a whole before it sends it.

    The summary is closed when Django closes the response, after that.
    """

    def __init__(self, body: Iterable[bytes], record: Summary) -> None:
        self._body = iter(body)
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._body)
        except StopIteration:
            raise
        except BaseException as error:
            self._record.fail(error)
            raise

    def close(self) -> None:
        """Close the summary; Django calls it once the response is through."""
        close_record(self._record)

    def __del__(self) -> None:
        close_record(self._record)


class AsyncBody:
    """An async response body that closes the summary at its end; see `wsgi.Body`."""

    def __init__(self, body: AsyncIterator[bytes], record: Summary) -> None:
        self._body = body
        self._is_read = False
        self._record = record

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        record, self._is_read = self._record, True
        try:
            chunk = await anext(self._body)
        except StopAsyncIteration:
            record.close()
            raise
        except BaseException as error:
            record.disconnected |= is_cancelled(error)
            record.fail(error)
            record.close()
            raise
        record.begun = True
        return chunk

    def close(self) -> None:
        """Close the summary; Django calls it once the response is through."""
        if self._is_read and not self._record.closed:
            # Begun and not ended: there is nobody any more to send the rest to.
            self._record.disconnected = True
        close_record(self._record)

    def __del__(self) -> None:
        # Of a response that another middleware has replaced, nobody closes the body.
        if not self._record.closed:
            self._record.mark(incomplete=True)
            close_record(self._record)
