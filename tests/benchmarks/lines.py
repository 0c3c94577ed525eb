"""What a line of a summary costs: its formatter, and its handler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from dockerflow.logging import MozlogFormatter as PeerFormatter
from dockerflow.logging import MozlogHandler as PeerHandler
from pythonjsonlogger.json import JsonFormatter

from dockerflow_mw.logging import MozlogFormatter, MozlogHandler, encoding
from dockerflow_mw.logging.record import RecordMaker
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

# What mozlog has beside the fields, as far as python-json-logger has it.
_FORMAT = "%(asctime)s %(name)s %(levelname)s %(process)d %(message)s"

JSON = "python-json-logger, json"
ORJSON = "python-json-logger, orjson"
STRUCTLOG = "structlog, JSONRenderer"


def our_record() -> logging.LogRecord:
    """Make a record as our summaries are."""
    maker = RecordMaker("request.summary")
    return maker.make(logging.INFO, "", dict(FIELDS))


def their_record() -> logging.LogRecord:
    """Make a record as everybody's summaries are."""
    logger = logging.getLogger("request.summary")
    place = (logger.name, logging.INFO, "", 0)
    return logger.makeRecord(*place, "", (), None, None, dict(FIELDS))


def formatters() -> dict[str, tuple[logging.Formatter, logging.LogRecord]]:
    """Give the formatters, each with a record that is its own to change."""
    made: dict[str, logging.Formatter] = {
        PEER: PeerFormatter(),
        JSON: JsonFormatter(_FORMAT),
        STRUCTLOG: _structlog(),
    }
    if encoding.orjson is not None:
        from pythonjsonlogger.orjson import OrjsonFormatter

        made[ORJSON] = OrjsonFormatter(_FORMAT)
    return {
        "ours": (MozlogFormatter(), our_record()),
        "ours, any record": (MozlogFormatter(), their_record()),
        **{name: (each, their_record()) for name, each in made.items()},
    }


def _structlog() -> logging.Formatter:
    # As structlog's documentation has it for the records of others.
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
    found = formatters()
    candidates = {n: repeated(_format(each, r)) for n, (each, r) in found.items()}
    samples = interleaved(candidates, effort)
    bounds = {PEER: either(0.30, 0.60), ORJSON: Bound(0.80)}
    for name in (PEER, ORJSON, JSON, STRUCTLOG):
        if name in found:
            what, bound = "format of a summary", bounds.get(name)
            yield samples.row(what, theirs=name, bare=None, bound=bound)
    what = "format of any other record with the same fields"
    yield samples.row(what, ours="ours, any record", bare=None)


def _format(
    formatter: logging.Formatter, record: logging.LogRecord
) -> Callable[[], object]:
    return lambda: formatter.format(record)


def _handled(effort: Effort) -> Iterator[Row]:
    ours, theirs = our_record(), their_record()
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
