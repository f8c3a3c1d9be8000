"""What the sender delivers beside a raw aiohttp client that posts the same bytes.

``python -m benchmarks.deliver DATABASE_URL COUNT`` is a worker, on core 1, that stops after so many
deliveries and prints how it went. What both send to, and PostgreSQL, are on core 0.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import uvloop

from benchmarks import kept, posting
from benchmarks.databases import ENGINES, server_cpu_seconds
from benchmarks.filling import ENDPOINTS, VAULT, fill
from benchmarks.measure import on_core, pin, progress
from benchmarks.processes import peak_mib, sender
from benchmarks.report import Table, Wanted
from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.observe import NoObserver
from hookseal_sender.store import open_store
from hookseal_sender.transport import HttpTransport
from hookseal_sender.worker import Worker, WorkerPolicy

if TYPE_CHECKING:
    from benchmarks.databases import Opening
    from benchmarks.processes import Listening, Sender
    from hookseal_sender.model import Result

__all__ = ["run"]

_IN_FLIGHT = 200
_PARKED = 100_000
_PUBLISHERS = 64
_EVENT_TYPE = "order.placed"
_PAYLOAD = {"text": "x" * 1013}  # 1 KiB, as the raw client posts
_RAW = "raw aiohttp post and read"
_WHOLE = {
    "SQLite": "SQLite, serve: from publish over HTTP to recorded attempt",
    "PostgreSQL": "PostgreSQL, api and worker: the same",
}
_WANTED_RATIO = {"SQLite": 0.75, "PostgreSQL": 0.6}
_WANTED_MIB = 200
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 120
_DELIVERED = re.compile(r'^hookseal_sender_attempts_total\{outcome="2xx"\} (\S+)$', re.MULTILINE)


class _Delivered(NamedTuple):
    """Deliveries a second; microseconds of processor each, of the sender and of the database.

    ``mib`` is the most memory that what delivers has held.
    """

    per_second: float
    cpu_us: float
    database_us: float = 0.0
    mib: float = 0.0


def run(*, quick: bool) -> list[Table]:
    """Measure the raw client, and both engines from publish to recorded attempt, taking turns."""
    count, rounds = (10_000, 1) if quick else (40_000, 3)
    turns: dict[str, list[_Delivered]] = {}
    with posting.endpoint() as url:
        for turn in range(rounds):
            progress(f"  round {turn + 1} of {rounds}: raw")
            turns.setdefault(_RAW, []).append(uvloop.run(_raw(url, count)))
            for engine, opening in ENGINES.items():
                progress(f"  round {turn + 1} of {rounds}: {engine}")
                for name, found in _engine_turn(engine, opening, url, count).items():
                    turns.setdefault(name, []).append(found)
    best = {name: _best(of) for name, of in turns.items()}
    return [_table(best, f"best of {rounds} turns of {count:,} deliveries")]


def _engine_turn(engine: str, opening: Opening, url: str, count: int) -> dict[str, _Delivered]:
    found = {_WHOLE[engine]: _published(opening, url, count, split=engine == "PostgreSQL")}
    for parked, name in ((0, _alone(engine)), (_PARKED, _beside_parked(engine))):
        found[name] = _drained(opening, url, count, parked=parked)
    return found


def _alone(engine: str) -> str:
    return f"{engine}, a worker alone: published before"


def _beside_parked(engine: str) -> str:
    return f"{engine}, a worker alone, {_PARKED:,} retries parked"


def _best(turns: list[_Delivered]) -> _Delivered:
    return _Delivered(
        max(each.per_second for each in turns),
        min(each.cpu_us for each in turns),
        min(each.database_us for each in turns),
        max(each.mib for each in turns),
    )


def _table(best: dict[str, _Delivered], turns: str) -> Table:
    raw = best[_RAW].per_second
    table = Table(
        title=f"deliver: 1 KiB to {ENDPOINTS} endpoints, {_IN_FLIGHT} in flight, a second",
        columns=["best", "of raw", "CPU us each", "database's", "peak MiB"],
        note=f"{turns}; every message goes to all endpoints; what delivers is one process on core "
        "1, its CPU includes the database's client and, in serve, the API; endpoints, publisher, "
        "PostgreSQL and its API are on core 0",
    )
    for name, found in best.items():
        cells = [f"{found.per_second:,.0f}", f"{found.per_second / raw:.2f}"]
        cells += [f"{each:.0f}" if each else "" for each in found[1:]]
        table.rows.append((name, cells))
    for engine, wanted in _WANTED_RATIO.items():
        whole, alone, parked = (
            best[name] for name in (_WHOLE[engine], _alone(engine), _beside_parked(engine))
        )
        ratio = whole.per_second / raw
        lost = 100 * (1 - parked.per_second / alone.per_second)
        table.wanted += [
            Wanted(what=f"{engine}, share of raw", measured=ratio, wanted=wanted, at_least=True),
            Wanted(what=f"{engine}, lost to parked retries", measured=lost, wanted=15, unit=" %"),
            Wanted(
                what=f"{engine}, worker beside parked retries",
                measured=parked.mib,
                wanted=_WANTED_MIB,
                unit=" MiB",
            ),
        ]
    return table


async def _raw(url: str, count: int) -> _Delivered:
    async with posting.raw(url) as post:
        await posting.turn(post, _IN_FLIGHT, count // 4)  # opens the connections
        return _Delivered(*await posting.turn(post, _IN_FLIGHT, count))


# --- from publish to recorded attempt ----------------------------------------------------------


def _published(opening: Opening, url: str, count: int, *, split: bool) -> _Delivered:
    with opening() as database_url, sender(database_url, split=split) as running, on_core(0):
        return uvloop.run(_publish_and_wait(running, database_url, url, count))


async def _publish_and_wait(running: Sender, database_url: str, url: str, count: int) -> _Delivered:
    headers = {"authorization": f"Bearer {running.token}"}
    base = f"http://127.0.0.1:{running.api.port}"
    async with aiohttp.ClientSession(base, headers=headers) as session:
        app_id = await _create(session, "/api/v1/app", name="Acme")
        await _create(session, "/api/v1/event-type", name=_EVENT_TYPE, description="An order")
        for _ in range(ENDPOINTS):
            await _create(session, f"/api/v1/app/{app_id}/endpoint", url=url)
        target = f"/api/v1/app/{app_id}/msg?with_content=false"
        messages = count // ENDPOINTS
        warm = messages // 4  # opens the connections
        await _publish(session, running, target, range(warm))
        before = running.worker.cpu_seconds(), server_cpu_seconds(database_url)
        begun = time.perf_counter()
        await _publish(session, running, target, range(warm, warm + messages))
        seconds = time.perf_counter() - begun
    after = running.worker.cpu_seconds(), server_cpu_seconds(database_url)
    return _delivered(count, seconds, before, after, peak_mib(running.worker.pid))


def _delivered(
    count: int,
    seconds: float,
    before: tuple[float, float],
    after: tuple[float, float],
    mib: float,
) -> _Delivered:
    """Return the figures, given the processor seconds of sender and database on both ends."""
    cpu, database = (last - first for first, last in zip(before, after, strict=True))
    return _Delivered(count / seconds, cpu / count * 1e6, database / count * 1e6, mib)


async def _publish(
    session: aiohttp.ClientSession, running: Sender, target: str, numbers: range
) -> None:
    """Publish a message for each number, and return when all there are so far are delivered."""
    body = json.dumps({"eventType": _EVENT_TYPE, "payload": _PAYLOAD}).encode()
    fields = {"content-type": "application/json", "authorization": f"Bearer {running.token}"}
    requests = [kept.post(target, fields, body) for _ in numbers]
    await kept.send_all(running.api.port, requests, connections=_PUBLISHERS)
    begun = time.perf_counter()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (left := numbers.stop * ENDPOINTS - await _recorded(session, running.worker)) > 0:
            done = len(numbers) * ENDPOINTS - left
            await asyncio.sleep(_pause(done, left, time.perf_counter() - begun))


def _pause(done: float, left: float, elapsed: float) -> float:
    """Return half of the time that the rest will take: a look costs the sender milliseconds."""
    return min(1.0, max(_POLL_SECONDS, elapsed * left / max(1, done) / 2))


async def _recorded(session: aiohttp.ClientSession, worker: Listening) -> float:
    """Return how many attempts the worker has recorded."""
    async with session.get(f"http://127.0.0.1:{worker.port}/metrics") as answer:
        found = _DELIVERED.search(await answer.text())
    return float(found[1]) if found else 0.0


async def _create(session: aiohttp.ClientSession, path: str, **fields: object) -> str:
    async with session.post(path, json=fields) as answer:
        answer.raise_for_status()
        return str((await answer.json()).get("id"))


# --- a worker alone ----------------------------------------------------------------------------


def _drained(opening: Opening, url: str, count: int, *, parked: int) -> _Delivered:
    """Return what a new worker process makes of ``count`` deliveries that were published before."""
    with opening() as database_url:
        uvloop.run(fill(database_url, url, ready=count, parked=parked))
        command = [sys.executable, "-m", "benchmarks.deliver", database_url, str(count)]
        return _Delivered(*json.loads(subprocess.check_output(command)))


async def _drain(database_url: str, count: int) -> _Delivered:
    store = open_store(database_url, VAULT)
    transport = HttpTransport(AddressGuard([parse_network("127.0.0.0/8")]))
    counting = _Counting(count)
    policy = WorkerPolicy(
        max_in_flight=_IN_FLIGHT, max_in_flight_per_endpoint=_IN_FLIGHT // ENDPOINTS
    )
    worker = Worker(store, transport, policy, observer=counting)
    counting.worker = worker
    before = time.process_time(), server_cpu_seconds(database_url)
    begun = time.perf_counter()
    await worker.run()
    seconds = time.perf_counter() - begun
    after = time.process_time(), server_cpu_seconds(database_url)
    await transport.close()
    await store.close()
    return _delivered(count, seconds, before, after, peak_mib(os.getpid()))


class _Counting(NoObserver):
    """Stops the worker when it has made its attempts."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.worker: Worker

    def attempted(self, result: Result, **_how: object) -> None:
        if not result.attempt.succeeded:
            raise RuntimeError(result.attempt.reason)
        self.left -= 1
        if self.left == 0:
            self.worker.stop()


def main() -> None:
    """Be the worker that is measured."""
    pin(1)
    database_url, count = sys.argv[1:]
    print(json.dumps(uvloop.run(_drain(database_url, int(count)))))


if __name__ == "__main__":
    main()
