"""What endpoints that hang cost the others: the time from publish to attempt, with and without."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import uvloop

from benchmarks.databases import ENGINES
from benchmarks.measure import on_core, progress
from benchmarks.posting import ANSWER
from benchmarks.processes import sender
from benchmarks.report import Table, Wanted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.databases import Opening
    from benchmarks.processes import Sender

__all__ = ["run"]

_GOOD, _HANGING = 180, 20  # with ten requests each, those that hang could take every place
_PER_SECOND = 3  # messages, each to all: well under what one core carries
_WARM_UP = 50
_TIMEOUT_SECONDS = 2  # many times in a turn
_SETTINGS = {"HOOKSEAL_REQUEST_TIMEOUT": str(_TIMEOUT_SECONDS)}
_DRAIN_SECONDS = 20
_EVENT = "order.placed"


def run(*, quick: bool) -> list[Table]:
    """Measure both engines, each with and without endpoints that hang, taking turns."""
    seconds, rounds = (5, 2) if quick else (15, 4)
    table = Table(
        title=f"fairness: ms from publish to attempt, {_GOOD} endpoints and {_HANGING} that hang",
        columns=["p50 without", "p50 with", "p99 without", "p99 with", "p99 ratio"],
        note=f"{_PER_SECOND} messages/s to each, timeout {_TIMEOUT_SECONDS} s; medians "
        f"of {rounds} turns of {seconds} s, each with a new sender of one process on core 1; "
        "publisher, endpoints and PostgreSQL are on core 0",
    )
    for engine, opening in ENGINES.items():
        alone, beside = _turns(engine, opening, seconds, rounds)
        ratio = beside[1] / alone[1]
        cells = [alone[0], beside[0], alone[1], beside[1]]
        table.rows.append((engine, [f"{each * 1e3:.1f}" for each in cells] + [f"{ratio:.2f}"]))
        table.wanted.append(
            Wanted(what=f"{engine} p99 over that without them", measured=ratio, wanted=2)
        )
    return [table]


def _turns(
    engine: str, opening: Opening, seconds: int, rounds: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return p50 and p99 without and with the endpoints that hang."""
    found: dict[int, list[tuple[float, float]]] = {0: [], _HANGING: []}
    for turn in range(rounds):
        for hanging, figures in found.items():
            progress(f"  {engine}, {hanging} hang, round {turn + 1} of {rounds}")
            with opening() as database_url, sender(database_url, _SETTINGS) as running, on_core(0):
                figures.append(uvloop.run(_measure(running, hanging, seconds)))
    alone, beside = (
        (statistics.median(p50 for p50, _ in of), statistics.median(p99 for _, p99 in of))
        for of in found.values()
    )
    return alone, beside


async def _measure(running: Sender, hanging: int, seconds: int) -> tuple[float, float]:
    waits: list[float] = []
    async with _receiving(waits) as sink, _calling(running) as session:
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


def _calling(running: Sender) -> aiohttp.ClientSession:
    headers = {"authorization": f"Bearer {running.token}"}
    return aiohttp.ClientSession(f"http://127.0.0.1:{running.api.port}", headers=headers)


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
            self._transport.write(ANSWER)
