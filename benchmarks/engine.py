"""What the engine adds to a delivery, apart from its request: the claim and the record."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
import uvloop

from benchmarks.databases import ENGINES, size_mib, sqlite
from benchmarks.filling import VAULT, fill
from benchmarks.floor import sqlite_floor
from benchmarks.measure import progress
from benchmarks.report import Table, Wanted
from hookseal_sender.model import AttemptDraft, Result
from hookseal_sender.store import open_store

if TYPE_CHECKING:
    from benchmarks.databases import Opening
    from hookseal_sender.store import SqlStore

__all__ = ["run"]

_WANTED_US = {"SQLite": 25.0, "PostgreSQL": 60.0}
_FLAT = 1.2
_WARM_UP = 2_000  # uncounted: what a process does once, such as preparing statements
_URL = "http://127.0.0.1/"
_ATTEMPT = AttemptDraft(
    url=_URL,
    started_ms=1,
    duration_ms=1,
    succeeded=True,
    status=200,
    response="ok",
    reason="the endpoint answered 200",
)


class _Cost(NamedTuple):
    """Microseconds a delivery: of this process, and of the clock for both steps.

    ``mib`` is what the database had grown to before.
    """

    claim: float
    record: float
    wall: float
    mib: float

    @property
    def cpu(self) -> float:
        return self.claim + self.record


def run(*, quick: bool) -> list[Table]:
    """Measure both engines with few and with many finished deliveries stored."""
    count, stored = (5_000, (10_000, 100_000)) if quick else (20_000, (10_000, 1_000_000))
    few, many = stored
    table = Table(
        title="engine: us for a delivery, claimed and recorded by the hundred",
        columns=["CPU, claim", "CPU, record", "CPU, both", "wall, both", "MiB stored"],
        note="with so many finished deliveries in the database, each with its attempts and a "
        "message of 1 KiB for 20 of them; no requests are made; CPU is this process's; the floor "
        "is the same rows and commits by Python's own sqlite3",
    )
    progress(f"  SQLite's floor, {few:,} stored")
    _add_row(table, f"floor, SQLite, {few:,} stored", _floor(count, few))
    for engine, opening in ENGINES.items():
        costs = []
        for finished in stored:
            progress(f"  {engine}, {finished:,} stored")
            costs.append(_cost(opening, count, finished))
            _add_row(table, f"{engine}, {finished:,} stored", costs[-1])
        small, big = costs
        over = f"{many:,} over {few:,} stored"
        table.wanted += [
            Wanted(what=f"{engine}, CPU us", measured=small.cpu, wanted=_WANTED_US[engine]),
            Wanted(what=f"{engine}, CPU, {over}", measured=big.cpu / small.cpu, wanted=_FLAT),
            Wanted(what=f"{engine}, wall, {over}", measured=big.wall / small.wall, wanted=_FLAT),
        ]
    return [table]


def _add_row(table: Table, name: str, cost: _Cost) -> None:
    cells = [f"{each:.1f}" for each in (cost.claim, cost.record, cost.cpu)]
    table.rows.append((name, [*cells, f"{cost.wall:.0f}", f"{cost.mib:,.0f}"]))


def _floor(count: int, finished: int) -> _Cost:
    with sqlite() as database_url:
        uvloop.run(fill(database_url, _URL, ready=count, finished=finished))
        mib = size_mib(database_url)
        return _Cost(*sqlite_floor(sa.make_url(database_url).database or "", count), mib)


def _cost(opening: Opening, count: int, finished: int) -> _Cost:
    with opening() as database_url:
        uvloop.run(fill(database_url, _URL, ready=_WARM_UP + count, finished=finished))
        mib = size_mib(database_url)
        return uvloop.run(_claim_and_record(database_url, count, mib))


async def _claim_and_record(database_url: str, count: int, mib: float) -> _Cost:
    store = open_store(database_url, VAULT)
    await _turns(store, _WARM_UP)
    begun = time.perf_counter()
    claiming, recording, done = await _turns(store, count)
    wall = time.perf_counter() - begun
    await store.close()
    return _Cost(claiming / done * 1e6, recording / done * 1e6, wall / done * 1e6, mib)


async def _turns(store: SqlStore, count: int) -> tuple[float, float, int]:
    """Claim and record at least so many; return the processor seconds of both, and how many."""
    claiming = recording = 0.0
    done = 0
    while done < count:
        cpu = time.process_time()
        claimed = await store.claim(limit=100, per_endpoint=10, lease=60)
        claiming += time.process_time() - cpu
        results = [
            Result(lease=task.lease, attempt=_ATTEMPT, retry_in=None) for task in claimed.tasks
        ]
        cpu = time.process_time()
        await asyncio.gather(*map(store.complete, results))
        recording += time.process_time() - cpu
        done += len(results)
    return claiming, recording, done
