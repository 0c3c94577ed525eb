"""The filter that adds the request id to log records."""

from __future__ import annotations

import logging

from dockerflow_mw.request_id import request_id_context, trace_fields


class RequestIdLogFilter(logging.Filter):
    """A filter that adds the current request's id to every record, as ``rid``.

    Outside of requests ``rid`` is None. If there is a current trace, its ``trace_id``
    and ``span_id`` are added as well. The filter accepts all records.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attributes that the record does not have yet; return True."""
        if not hasattr(record, "rid"):
            record.rid = request_id_context.get()
        for name, value in trace_fields().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True
