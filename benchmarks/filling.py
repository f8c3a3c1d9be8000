"""Databases that already hold something: what waits, what was delivered long ago, what failed.

Knows the tables, and how each engine takes many rows at once. Must not know what is measured on
them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from benchmarks.deliveries import bodies
from hookseal import generate_secret
from hookseal_sender.ids import RANDOM_BYTES, make_id
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    DeliveryState,
    EndpointDraft,
    EventTypeDraft,
    MessageDraft,
    Scope,
)
from hookseal_sender.store import migrations, open_store
from hookseal_sender.store.tallies import SHARDS
from hookseal_sender.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.store import SqlStore

    _Row: TypeAlias = dict[str, Any]
    _Rows: TypeAlias = dict[str, list[_Row]]

__all__ = ["ENDPOINTS", "EVENT_TYPES", "VAULT", "Filled", "fill"]

VAULT = Vault([b"benchmark" * 4])
ENDPOINTS = 20
EVENT_TYPES = tuple(f"order.step{number}" for number in range(10))
_PUBLISHERS = 64
_BODY = bodies["1 KiB"]
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_PAST_MS = 30 * _DAY_MS
_RETRIED_MS = 8 * _HOUR_MS  # enough for the attempts of what failed
_FAILED = 0.03
_ATTEMPTS = {
    DeliveryState.SUCCEEDED: 1,
    DeliveryState.FAILED: 8,  # as the default schedule makes before it gives up
    DeliveryState.WAITING: 1,
}
_AT_ONCE = 1_000  # messages in a transaction
_HEADERS = '[["content-type", "application/json"], ["server", "nginx"]]'


class Filled(NamedTuple):
    """The application that the database is full of, its endpoints and the messages of its past."""

    app_id: str
    endpoint_ids: Sequence[str]
    msg_ids: list[str]


async def fill(
    database_url: str, url: str, *, ready: int = 0, parked: int = 0, finished: int = 0
) -> Filled:
    """Store so many deliveries in a new database, each message for every one of 20 endpoints.

    ``ready`` are published now, ``parked`` wait a day for their first retry, ``finished`` were
    delivered in the last 30 days, 3 % in vain after eight attempts; all with their attempts.
    """
    migrations.upgrade(database_url)
    store = open_store(database_url, VAULT)
    app = await store.create_application(
        DEFAULT_ORGANISATION, ApplicationDraft(name="Acme", uid="acme")
    )
    for name in EVENT_TYPES:
        draft = EventTypeDraft(name=name, description="A step of an order")
        await store.create_event_type(DEFAULT_ORGANISATION, draft)
    endpoints = [
        await store.create_endpoint(app.id, EndpointDraft(url=url, name="e"), generate_secret())
        for _ in range(ENDPOINTS)
    ]
    filled = Filled(app.id, [each.id for each in endpoints], [])
    await _store_past(store, _Past(filled, url), parked, finished)
    await _publish(store, app.id, ready // ENDPOINTS)
    await store.close()
    return filled


async def _publish(store: SqlStore, app_id: str, messages: int) -> None:
    scope = Scope(org_id=DEFAULT_ORGANISATION)
    draft = MessageDraft(event_type=EVENT_TYPES[0], payload=_BODY)

    async def publish(some: int) -> None:
        for _ in range(some):
            await store.publish(scope, app_id, draft)

    shares = [messages // _PUBLISHERS + (n < messages % _PUBLISHERS) for n in range(_PUBLISHERS)]
    await asyncio.gather(*map(publish, shares))


async def _store_past(store: SqlStore, past: _Past, parked: int, finished: int) -> None:
    for count, waits in ((finished // ENDPOINTS, False), (parked // ENDPOINTS, True)):
        for first in range(0, count, _AT_ONCE):
            numbers = range(first, min(count, first + _AT_ONCE))
            rows = past.rows(numbers, count, waits=waits)
            await store.database.write(_insert, rows)
    await store.database.write(_insert, {"tally": list(past.tallies())})
    if store.database.dialect == "postgresql":
        await store.database.write(_analyse)


def _analyse(connection: Connection, _now_ms: int) -> None:
    connection.exec_driver_sql("ANALYZE")  # as autovacuum would have by now; SQLite has none


# --- rows --------------------------------------------------------------------------------------


class _Past:
    """Makes the rows of messages that were published before now."""

    def __init__(self, filled: Filled, url: str) -> None:
        self._filled = filled
        self._url = url
        self._now_ms = round(time.time() * 1000)
        self._random = random.Random(1)  # the same past in every run
        self._tallies: dict[tuple[str, int, int], list[int]] = defaultdict(lambda: [0, 0])

    def rows(self, numbers: range, count: int, *, waits: bool) -> _Rows:
        """Return the rows of the messages of these numbers out of ``count``, by table."""
        rows: _Rows = {"message": [], "delivery": [], "attempt": []}
        for number in numbers:
            created_ms = self._now_ms - _PAST_MS + number * (_PAST_MS - _RETRIED_MS) // count
            message = self._message(created_ms, EVENT_TYPES[number % len(EVENT_TYPES)])
            rows["message"].append(message)
            self._filled.msg_ids.append(message["id"])
            for endpoint_id in self._filled.endpoint_ids:
                state = DeliveryState.WAITING if waits else self._end()
                delivery = self._delivery(message, endpoint_id, state)
                rows["delivery"].append(delivery)
                rows["attempt"] += self._attempts(delivery, created_ms)
        return rows

    def tallies(self) -> Iterator[_Row]:
        """Yield the attempts of each endpoint by hour, counted by several processes."""
        for (endpoint_id, hour_ms, shard), (succeeded, failed) in self._tallies.items():
            yield {
                "app_id": self._filled.app_id,
                "endpoint_id": endpoint_id,
                "hour_ms": hour_ms,
                "shard": shard,
                "succeeded": succeeded,
                "failed": failed,
            }

    def _id(self, prefix: str, moment_ms: int) -> str:
        return make_id(prefix, moment_ms, self._random.randbytes(RANDOM_BYTES))

    def _message(self, created_ms: int, event_type: str) -> _Row:
        return {
            "app_id": self._filled.app_id,
            "id": self._id("msg_", created_ms),
            "event_type": event_type,
            "payload": _BODY,
            "created_ms": created_ms,
            "expires_ms": created_ms + 90 * _DAY_MS,
        }

    def _end(self) -> DeliveryState:
        failed = self._random.random() < _FAILED
        return DeliveryState.FAILED if failed else DeliveryState.SUCCEEDED

    def _delivery(self, message: _Row, endpoint_id: str, state: DeliveryState) -> _Row:
        attempts = _ATTEMPTS[state]
        return {
            "app_id": message["app_id"],
            "endpoint_id": endpoint_id,
            "msg_id": message["id"],
            "state": int(state),
            "attempts": attempts,
            "tries": attempts,
            "trigger": 0,
            "due_ms": self._now_ms + _DAY_MS if state is DeliveryState.WAITING else None,
            "last_status": 200 if state is DeliveryState.SUCCEEDED else 500,
            "last_attempt_ms": message["created_ms"] + (attempts - 1) * _HOUR_MS,
        }

    def _attempts(self, delivery: _Row, created_ms: int) -> Iterator[_Row]:
        status = delivery["last_status"]
        for number in range(delivery["attempts"]):
            started_ms = created_ms + number * _HOUR_MS
            hour_ms = started_ms // _HOUR_MS * _HOUR_MS
            shard = self._random.randrange(SHARDS)
            self._tallies[delivery["endpoint_id"], hour_ms, shard][status != 200] += 1
            yield {
                "app_id": delivery["app_id"],
                "id": self._id("atmpt_", started_ms),
                "msg_id": delivery["msg_id"],
                "endpoint_id": delivery["endpoint_id"],
                "number": number + 1,
                "trigger": 0,
                "url": self._url,
                "started_ms": started_ms,
                "duration_ms": 20,
                "succeeded": status == 200,
                "status": status,
                "response": "ok",
                "response_headers": _HEADERS,
                "reason": f"the endpoint answered {status}",
            }


# --- many at once ------------------------------------------------------------------------------


def _insert(connection: Connection, _now_ms: int, rows: _Rows) -> None:
    driver: Any = connection.connection.driver_connection
    insert = _copy if connection.dialect.name == "postgresql" else _insert_many
    for table, records in rows.items():
        if records:
            insert(driver, table, list(records[0]), [list(each.values()) for each in records])


def _copy(driver: Any, table: str, columns: list[str], rows: list[list[Any]]) -> None:
    with driver.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert_many(driver: Any, table: str, columns: list[str], rows: list[list[Any]]) -> None:
    values = ", ".join("?" * len(columns))
    driver.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", rows)
