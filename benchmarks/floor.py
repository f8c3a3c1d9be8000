"""The least that a delivery costs in a SQLite file: its rows, written by the bare driver.

Knows the rows and commits of a claim and of a record. Must not know what our code adds to them: who
may have how much, whether a lease still holds, what to send and what an answer means.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, NamedTuple

from hookseal_sender.ids import RANDOM_BYTES, make_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Floor", "sqlite_floor"]

_AT_ONCE = 100
_READY = "SELECT app_id, endpoint_id, msg_id FROM delivery WHERE state = 0 ORDER BY due_ms, msg_id"
_KEY = "WHERE app_id = ? AND endpoint_id = ? AND msg_id = ?"
_LEASE = f"UPDATE delivery SET state = 1, lease_token = 'floor', due_ms = 2 {_KEY}"
_END = (
    "UPDATE delivery SET state = 2, lease_token = NULL, due_ms = NULL, attempts = 1, tries = 1, "
    f"last_status = 200, last_attempt_ms = 1 {_KEY}"
)
_LOG = (
    "INSERT INTO attempt VALUES "
    "(?, ?, ?, ?, 1, 0, 'http://127.0.0.1/', 1, 1, 1, 200, 'ok', NULL, 'the endpoint answered 200')"
)


class Floor(NamedTuple):
    """Microseconds a delivery, of this process and of the clock."""

    claim: float
    record: float
    wall: float


def sqlite_floor(path: str, count: int) -> Floor:
    """Write what claims and records of ``count`` ready deliveries write, by the hundred."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = -16384")
    keys = connection.execute(_READY).fetchmany(count)
    attempts = make_ids("atmpt_", round(time.time() * 1000), b"\0" * RANDOM_BYTES, count)
    claiming = recording = 0.0
    begun = time.perf_counter()
    for first in range(0, count, _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        claiming += _commit(connection, "NORMAL", [(_LEASE, some)])
        ids = attempts[first : first + _AT_ONCE]
        logged = [(key[0], key[2], made, key[1]) for key, made in zip(some, ids, strict=True)]
        recording += _commit(connection, "FULL", [(_END, some), (_LOG, logged)])
    wall = time.perf_counter() - begun
    connection.close()
    return Floor(*(seconds / count * 1e6 for seconds in (claiming, recording, wall)))


def _commit(
    connection: sqlite3.Connection, sync: str, work: Sequence[tuple[str, Sequence[Sequence[str]]]]
) -> float:
    """Return the processor seconds that it takes, one transaction for all of it."""
    before = time.process_time()
    connection.execute(f"PRAGMA synchronous = {sync}")
    connection.execute("BEGIN IMMEDIATE")
    for statement, rows in work:
        connection.executemany(statement, rows)
    connection.execute("COMMIT")
    return time.process_time() - before
