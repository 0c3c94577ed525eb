"""The cost of a line: its formatter and its handler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from dockerflow.logging import MozlogFormatter as PeerFormatter
from dockerflow.logging import MozlogHandler as PeerHandler
from pythonjsonlogger.json import JsonFormatter

from dockerflow_mw.logging import MozlogFormatter, MozlogHandler, encoding
from dockerflow_mw.logging.records import make_record
from tests.benchmarks.logs import NULL, stream_handler
from tests.benchmarks.measure import PEER, Effort, Run, Samples, interleaved, repeated
from tests.benchmarks.table import Bound, Row, either

FIELDS = {
    "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "path": "/articles/health-checks",
    "method": "GET",
    "code": 200,
    "errno": 0,
    "lang": "de,en-US;q=0.7,en;q=0.3",
    "uid": "",
    "rid": "3f2b8c1d9e7a4f6b8d0c2e4a6b8c0d1e",
    "t": 12,
}

# The members of mozlog that python-json-logger has as well.
_FORMAT = "%(asctime)s %(name)s %(levelname)s %(process)d %(message)s"

JSON = "python-json-logger, json"
ORJSON = "python-json-logger, orjson"
STRUCTLOG = "structlog, JSONRenderer"


LOGGER = logging.getLogger("request.summary")


def summary_record() -> logging.LogRecord:
    """Return a record of a summary."""
    return make_record(LOGGER, logging.INFO, "", FIELDS)


def application_record() -> logging.LogRecord:
    """Return the record of ``logger.info("user %s logged in", 5)``."""
    place = ("app", logging.INFO, "/srv/app/views.py", 12)
    message = ("user %s logged in", (5,))
    return logging.getLogger("app").makeRecord(*place, *message, None, "login")


def formatters() -> dict[str, logging.Formatter]:
    """Return the formatters by their names."""
    made: dict[str, logging.Formatter] = {
        "ours": MozlogFormatter(),
        PEER: PeerFormatter(),
        JSON: JsonFormatter(_FORMAT),
        STRUCTLOG: _structlog(),
    }
    if encoding.orjson is not None:
        from pythonjsonlogger.orjson import OrjsonFormatter

        made[ORJSON] = OrjsonFormatter(_FORMAT)
    return made


def _structlog() -> logging.Formatter:
    # "Rendering using structlog-based formatters" in structlog's documentation.
    options: dict[str, Any] = {}
    if encoding.orjson is not None:
        options["serializer"] = lambda value, **_: encoding.orjson.dumps(value).decode()
    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(**options),
        ],
    )
    return formatter


def rows(effort: Effort) -> Iterator[Row]:
    """Measure."""
    yield from _formatted(effort)
    yield from _handled(effort)


def _formatted(effort: Effort) -> Iterator[Row]:
    records = {
        "format of a summary": summary_record,
        "format of an application's own record": application_record,
    }
    for what, make in records.items():
        # Some formatters change the record, so each has its own.
        candidates = {n: repeated(_format(f, make())) for n, f in formatters().items()}
        samples = interleaved(candidates, effort)
        bounds = {PEER: either(0.45, 0.85), ORJSON: Bound(0.80)}
        for name in (PEER, ORJSON, JSON, STRUCTLOG):
            if name in candidates:
                yield samples.row(what, theirs=name, bare=None, bound=bounds.get(name))


def _format(
    formatter: logging.Formatter, record: logging.LogRecord
) -> Callable[[], object]:
    return lambda: formatter.format(record)


def _handled(effort: Effort) -> Iterator[Row]:
    ours, theirs = summary_record(), summary_record()
    samples = interleaved(
        {
            "stream": _handle(stream_handler(MozlogFormatter()), ours),
            "their stream": _handle(stream_handler(PeerFormatter()), theirs),
            "ours": _handle(MozlogHandler(NULL), ours),
            PEER: _handle(PeerHandler(NULL), theirs),
        },
        effort,
    )
    yield _handled_row(samples, "logging.StreamHandler", "stream", "their stream")
    yield _handled_row(samples, "each one's MozlogHandler", "ours", PEER)


def _handled_row(samples: Samples, handler: str, ours: str, theirs: str) -> Row:
    what = f"a summary formatted and written, {handler}"
    return samples.row(what, ours=ours, theirs=theirs, beside=PEER, bare=None)


def _handle(handler: logging.Handler, record: logging.LogRecord) -> Run:
    return repeated(lambda: handler.handle(record))
