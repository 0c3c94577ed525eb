"""JSON log lines in the mozlog format, for applications and for request.summary.

The names are python-dockerflow's. They work in any logging configuration, for example
as ``{"()": "dockerflow_mw.logging.MozlogFormatter", "logger_name": "myservice"}``
among the ``formatters`` of `logging.config.dictConfig`. `configure_logging` sets all of
them up in one call.
"""

from dockerflow_mw.logging.encoding import SafeJSONEncoder
from dockerflow_mw.logging.formatter import (
    JsonLogFormatter,
    MozlogFormatter,
    safer_format_traceback,
)
from dockerflow_mw.logging.handler import MozlogHandler
from dockerflow_mw.logging.records import log_safely as log_safely
from dockerflow_mw.logging.setup import RequestIdLogFilter, configure_logging
from dockerflow_mw.logging.setup import enable_loggers as enable_loggers
from dockerflow_mw.request_id import (
    get_or_generate_request_id,
    request_id_context,
    wrap,
)

__all__ = [
    "JsonLogFormatter",
    "MozlogFormatter",
    "MozlogHandler",
    "RequestIdLogFilter",
    "SafeJSONEncoder",
    "configure_logging",
    "get_or_generate_request_id",
    "request_id_context",
    "safer_format_traceback",
    "wrap",
]
