"""A load on a local server, by wrk, or by Python if wrk is not installed."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

CONNECTIONS = 16

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclasses.dataclass(frozen=True)
class Load:
    """The figures of a load.

    Attributes:
        rate: responses a second.
        answers: the number of responses.
        p50: the median latency in seconds.
        p99: the 99th percentile of the latency in seconds.
    """

    rate: float
    answers: int
    p50: float
    p99: float


def loaded(url: str, seconds: float = 1.0) -> Load:
    """Load a URL for some seconds, and return the figures.

    Raises:
        RuntimeError: a response has another status than 200, or there is none.
    """
    if shutil.which("wrk") is None:
        command = [sys.executable, "-m", __name__, url, str(seconds)]
    else:
        # wrk accepts whole seconds only. On SIGINT it prints the figures so far.
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d1h", "--latency", url]
    text = _printed(command, seconds)
    if "Non-2xx" in text:
        raise RuntimeError(f"{url} has responded with another status:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    answers = re.search(r"(\d+) requests in", text)
    if rate is None or answers is None:
        raise RuntimeError(f"{url} has not responded:\n{text}")
    latencies = _latency(text, "50%"), _latency(text, "99%")
    return Load(float(rate[1]), int(answers[1]), *latencies)


def _printed(command: list[str], seconds: float) -> str:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            if command[0] == "wrk":
                process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        return process.communicate()[0]


def _latency(text: str, percentile: str) -> float:
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)\b", text)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0


async def _connection(host: str, port: int, request: bytes, ends: float) -> list[float]:
    taken: list[float] = []
    writer: asyncio.StreamWriter | None = None
    while time.perf_counter() < ends:
        started = time.perf_counter()
        if writer is None:
            reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
            print("Non-2xx:", head)
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        if b"connection: close" in head:
            writer.close()
            writer = None
        taken.append(time.perf_counter() - started)
    if writer is not None:
        writer.close()
    return taken


async def _main(url: str, seconds: float) -> None:
    # The output has the format of wrk's.
    place, _, path = url.removeprefix("http://").partition("/")
    host, _, port = place.partition(":")
    request = f"GET /{path} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()
    ends = time.perf_counter() + seconds
    connections = [
        _connection(host, int(port), request, ends) for _ in range(CONNECTIONS)
    ]
    taken = [each for some in await asyncio.gather(*connections) for each in some]
    percentiles = statistics.quantiles(taken, n=100)
    print(f"50% {percentiles[49] * 1e6:.2f}us\n99% {percentiles[98] * 1e6:.2f}us")
    print(f"{len(taken)} requests in {seconds}s")
    print(f"Requests/sec: {len(taken) / seconds:.2f}")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2])))
