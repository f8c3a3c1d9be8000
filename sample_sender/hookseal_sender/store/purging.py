"""Removing what is kept no longer.

Knows what may go and what must stay: what is still to be delivered. What is held is that only until
its payload's time is up, for without one there is nothing to send. Must not know when or how often
it is asked.

What may go is looked for by a reader, and looked at again by the writer that removes it, so that
the long look keeps nobody from publishing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import ColumnElement, Connection, delete, exists, select, tuple_, update

from hookseal_sender.model import DeliveryState
from hookseal_sender.store.filters import is_unfinished
from hookseal_sender.store.schema import (
    application,
    attempt,
    delivery,
    endpoint,
    idempotency,
    message,
    revoked_token,
)
from hookseal_sender.store.tallies import forget_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Purgeable", "find_purgeable", "purge"]

_ByApplication: TypeAlias = "Mapping[str, Sequence[str]]"
"""Ids of messages by the id of their application."""
_LOCK_KEY = 0x7075726765  # of PostgreSQL's advisory lock: the bytes of "purge"
_OF_MESSAGE = (delivery.c.app_id == message.c.app_id) & (delivery.c.msg_id == message.c.id)
_HELD = delivery.c.state == DeliveryState.HELD
_UNFINISHED = exists().where(_OF_MESSAGE, is_unfinished())
_ON_ITS_WAY = exists().where(_OF_MESSAGE, is_unfinished(), ~_HELD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Purgeable:
    """Messages that may go whole, and those of which the payload may, by application."""

    messages: _ByApplication
    payloads: _ByApplication


def find_purgeable(
    connection: Connection, clock: Callable[[Connection], int], *, before_ms: int, limit: int
) -> Purgeable:
    """Return up to ``limit`` messages made before ``before_ms``, and as many expired payloads."""
    expired = message.c.expires_ms <= clock(connection)
    return Purgeable(
        messages=_oldest(
            connection, message.c.created_ms, limit, message.c.created_ms < before_ms, ~_UNFINISHED
        ),
        payloads=_oldest(
            connection,
            message.c.expires_ms,
            limit,
            expired,
            message.c.payload.is_not(None),
            ~_ON_ITS_WAY,
        ),
    )


def purge(
    connection: Connection, now_ms: int, found: Purgeable, *, before_ms: int, limit: int
) -> int:
    """Remove what was found, if it still may go, and whatever else is over; count the rows."""
    if not _alone(connection):
        return 0
    gone = sum(_remove(connection, *each) for each in found.messages.items())
    gone += sum(_empty(connection, *each) for each in found.payloads.items())
    gone += _forget_keys(connection, now_ms, limit)
    gone += forget_hours(connection, before_ms, limit)
    return gone + _forget_deleted(connection, before_ms, limit)


def _alone(connection: Connection) -> bool:
    """Tell whether no other process removes at the same time; on SQLite one writes anyway."""
    if connection.dialect.name != "postgresql":
        return True
    lock = f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})"
    return bool(connection.exec_driver_sql(lock).scalar_one())


# --- messages ----------------------------------------------------------------------------------


def _oldest(
    connection: Connection, moment: ColumnElement[int], limit: int, *over: ColumnElement[bool]
) -> _ByApplication:
    query = select(message.c.app_id, message.c.id).where(*over).order_by(moment).limit(limit)
    found: dict[str, list[str]] = defaultdict(list)
    for app_id, msg_id in connection.execute(query):
        found[app_id].append(msg_id)
    return found


def _remove(connection: Connection, app_id: str, msg_ids: Sequence[str]) -> int:
    over = _finished(connection, app_id, msg_ids)
    ids = (
        (attempt, attempt.c.msg_id),
        (delivery, delivery.c.msg_id),
        (message, message.c.id),
    )
    return sum(
        connection.execute(delete(table).where(table.c.app_id == app_id, id_.in_(over))).rowcount
        for table, id_ in ids
    )


def _empty(connection: Connection, app_id: str, msg_ids: Sequence[str]) -> int:
    _cancel_held(connection, app_id, msg_ids)
    over = _finished(connection, app_id, msg_ids)
    here = (message.c.app_id == app_id, message.c.id.in_(over), message.c.payload.is_not(None))
    return connection.execute(update(message).where(*here).values(payload=None)).rowcount


def _cancel_held(connection: Connection, app_id: str, msg_ids: Sequence[str]) -> None:
    held = (delivery.c.app_id == app_id, delivery.c.msg_id.in_(msg_ids), _HELD)
    lanes = select(delivery.c.endpoint_id).where(*held)
    # Endpoints are locked before their deliveries, as everywhere.
    locked = select(endpoint.c.id).where(endpoint.c.app_id == app_id, endpoint.c.id.in_(lanes))
    connection.execute(locked.order_by(endpoint.c.id).with_for_update(key_share=True))
    connection.execute(update(delivery).where(*held).values(state=int(DeliveryState.CANCELLED)))


def _finished(connection: Connection, app_id: str, msg_ids: Iterable[str]) -> set[str]:
    """Return the messages that are still done with, and stay so until the transaction ends."""
    rows = connection.execute(
        select(delivery.c.msg_id, is_unfinished())
        .where(delivery.c.app_id == app_id, delivery.c.msg_id.in_(msg_ids))
        .with_for_update()
    )
    return set(msg_ids) - {msg_id for msg_id, unfinished in rows if unfinished}


# --- the rest ----------------------------------------------------------------------------------


def _forget_keys(connection: Connection, now_ms: int, limit: int) -> int:
    expired = select(idempotency.c.key).where(idempotency.c.expires_ms <= now_ms).limit(limit)
    expired = expired.with_for_update()  # one that is taken anew this moment is looked at again
    keys = connection.execute(delete(idempotency).where(idempotency.c.key.in_(expired)))
    tokens = connection.execute(delete(revoked_token).where(revoked_token.c.expires_ms <= now_ms))
    return keys.rowcount + tokens.rowcount


def _forget_deleted(connection: Connection, before_ms: int, limit: int) -> int:
    """Remove endpoints and applications that were deleted long ago and have no rows any more."""
    has_deliveries = exists().where(
        delivery.c.app_id == endpoint.c.app_id, delivery.c.endpoint_id == endpoint.c.id
    )
    has_attempts = exists().where(
        attempt.c.app_id == endpoint.c.app_id, attempt.c.endpoint_id == endpoint.c.id
    )
    has_messages = exists().where(message.c.app_id == application.c.id)
    has_endpoints = exists().where(endpoint.c.app_id == application.c.id)
    endpoint_key = tuple_(endpoint.c.app_id, endpoint.c.id)
    bare_endpoints = (
        select(endpoint.c.app_id, endpoint.c.id)
        .where(endpoint.c.deleted_ms < before_ms, ~has_deliveries, ~has_attempts)
        .limit(limit)
    )
    bare_applications = (
        select(application.c.id)
        .where(application.c.deleted_ms < before_ms, ~has_messages, ~has_endpoints)
        .limit(limit)
    )
    gone = connection.execute(delete(endpoint).where(endpoint_key.in_(bare_endpoints))).rowcount
    there = application.c.id.in_(bare_applications)
    return gone + connection.execute(delete(application).where(there)).rowcount
