"""What the summaries of a middleware's requests have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dockerflow_mw.request_id import RequestIdReader
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.policy import SummaryPolicy


class RequestLog:
    """What the requests of a middleware have in common.

    Args:
        settings: the middleware's settings.
        key: turns a header's name into its key in the mappings of headers.
        logger: what the summaries are logged with; None logs nothing.

    Attributes:
        ids: reads the requests' ids and traces.
        logs_querystring: whether the summaries have the query string.
        policy: what is logged of which requests.
    """

    __slots__ = ("ids", "logs_querystring", "policy")

    def __init__(
        self,
        settings: Settings,
        key: Callable[[str], object],
        logger: logging.Logger | None = summary_logger,
    ) -> None:
        self.ids = RequestIdReader(settings.request_id_header_name, key)
        self.policy = SummaryPolicy(settings, logger)
        self.logs_querystring = settings.summary_log_querystring
