"""What the sender's database holds, read past the sender."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Any

from tests.stores.servers import needs

_SQLITE = "sqlite:///"
_SENDING, _SUCCEEDED = 1, 2
_ATTEMPTS = """
SELECT
  count(*),
  (SELECT count(*) FROM (SELECT DISTINCT msg_id, endpoint_id, number FROM attempt) AS apart),
  sum(CASE WHEN succeeded THEN 0 ELSE 1 END)
FROM attempt
"""
_DELIVERIES = f"""
SELECT count(*), sum(attempts), sum(CASE WHEN state = {_SUCCEEDED} THEN 1 ELSE 0 END) FROM delivery
"""
_LEASE = f"SELECT due_ms FROM delivery WHERE state = {_SENDING}"


@dataclass(frozen=True, kw_only=True)
class Books:
    """What was written down about attempts and deliveries."""

    attempts: int
    attempts_apart: int
    """Those that differ in delivery or number."""
    attempts_failed: int
    deliveries: int
    attempts_counted: int
    """The sum of what the deliveries count."""
    succeeded: int


def books(database_url: str) -> Books:
    attempts, apart, failed = _row(database_url, _ATTEMPTS)
    deliveries, counted, succeeded = _row(database_url, _DELIVERIES)
    return Books(
        attempts=attempts,
        attempts_apart=apart,
        attempts_failed=failed,
        deliveries=deliveries,
        attempts_counted=counted,
        succeeded=succeeded,
    )


def lease_end(database_url: str) -> float:
    """Return when the only lease ends, in unix seconds."""
    (ends_ms,) = _row(database_url, _LEASE)
    return float(ends_ms) / 1000


def _row(database_url: str, query: str) -> Any:
    if database_url.startswith(_SQLITE):
        with contextlib.closing(sqlite3.connect(database_url.removeprefix(_SQLITE))) as database:
            return database.execute(query).fetchone()
    with needs("psycopg").connect(database_url) as connection:
        return connection.execute(query).fetchone()
