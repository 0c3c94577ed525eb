"""Opens the summaries of a middleware's requests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from dockerflow_mw.request_id import RequestIdReader
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import OnClose, Summary
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.policy import SummaryPolicy


class RequestLog:
    """The request log of one middleware.

    Args:
        settings: the settings of the middleware.
        key: returns the key of a header in the mappings of headers, from its name.
        logger: the logger of the summaries. If it is None, summaries are opened and
            an inner middleware logs them.

    Attributes:
        on_close: logs a summary; None without a logger.
    """

    def __init__(
        self,
        settings: Settings,
        key: Callable[[str], object],
        logger: logging.Logger | None = summary_logger,
    ) -> None:
        self._ids = RequestIdReader(settings.request_id_header_name, key)
        self._logs_querystring = settings.summary_log_querystring
        self._policy = None if logger is None else SummaryPolicy(settings, logger)
        self.on_close: OnClose | None = (
            None if self._policy is None else self._policy.log
        )

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
        """Open the summary of a request, which becomes the current one.

        Args:
            headers: the request's headers, for its id and its trace.
            method, path, agent, lang, probe: see `Summary`.
            query: the query string as the client sent it.
        """
        ids, policy = self._ids, self._policy
        rid = ids.read(headers)
        summary = Summary(rid, method, path, agent, lang, self.on_close)
        summary.enabled = policy is None or policy.is_enabled()
        if probe:
            summary.probe = True
        if ids.traces:
            summary.trace = ids.read_trace(headers)
        if self._logs_querystring:
            summary.querystring = query
        return summary
