"""Opens the summary of each request, which has the request's id from then on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from dockerflow_mw.request_id import RequestIdReader
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import Summary, at_hand, still_open
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary_policy import SummaryPolicy


class RequestLog:
    """What the requests of a middleware have in common.

    Args:
        settings: the middleware's settings.
        key: turns a header's name into its key in the mappings of headers.
        logger: what the summaries are logged with; None logs nothing.

    Attributes:
        policy: what is logged of which requests.
    """

    __slots__ = ("_ids", "_querystring", "policy")

    def __init__(
        self,
        settings: Settings,
        key: Callable[[str], object],
        logger: logging.Logger | None = summary_logger,
    ) -> None:
        self._ids = RequestIdReader(settings.request_id_header_name, key)
        self.policy = SummaryPolicy(settings, logger)
        self._querystring = settings.summary_log_querystring

    def open(
        self,
        headers: Mapping[Any, Any],
        method: str,
        path: str,
        agent: str | bytes,
        lang: str | bytes,
        query: str | bytes,
        probe: bool = False,
    ) -> Summary:
        """Make the summary of a request, and make it that of the request at hand.

        Args:
            headers: the request's headers, from which its id and its trace are read.
            method: the request's method.
            path: its path, mount point included, decoded.
            agent: its User-Agent header, or an empty string.
            lang: its Accept-Language header, or an empty string.
            query: its query string, as it was sent.
            probe: whether it is for one of our own paths.
        """
        record = Summary(
            self.policy,
            method,
            path,
            agent,
            lang,
            self._ids.read(headers),
            query if self._querystring else None,
            self._ids.read_trace(headers) if self._ids.traces else None,
            probe,
        )
        former = at_hand.get()
        if former is not None:
            record.former = still_open(former)
        at_hand.set(record)
        return record
