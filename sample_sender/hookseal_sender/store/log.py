"""Reading what happened: messages, deliveries and attempts.

Knows the queries behind the logs, each bounded by an index and a limit. Must not change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, or_, select, union_all

from hookseal_sender.errors import NotFound
from hookseal_sender.model import DeliveryState
from hookseal_sender.store.filters import UNFINISHED, in_id_range, in_states, of_messages
from hookseal_sender.store.paging import read_page
from hookseal_sender.store.rows import first_id, read_attempt, read_delivery, read_message
from hookseal_sender.store.schema import attempt, delivery, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement

    from hookseal_sender.model import Attempt, Delivery, Message
    from hookseal_sender.store.base import (
        AttemptFilter,
        DeliveryFilter,
        MessageFilter,
        Page,
        PageRequest,
    )

__all__ = [
    "DELIVERIES",
    "MESSAGE_OF_DELIVERY",
    "count_deliveries",
    "count_pending",
    "get_attempt",
    "get_delivery",
    "get_message",
    "list_attempts",
    "list_deliveries",
    "list_messages",
]

# An attempt's id is made when it is recorded, its time is that of its start on the worker's clock.
_ATTEMPT_MARGIN_MS = 3_600_000

MESSAGE_OF_DELIVERY = (message.c.app_id == delivery.c.app_id) & (message.c.id == delivery.c.msg_id)
_MESSAGE_OF_ATTEMPT = (message.c.app_id == attempt.c.app_id) & (message.c.id == attempt.c.msg_id)
_DELIVERY_OF_ATTEMPT = (
    (delivery.c.app_id == attempt.c.app_id)
    & (delivery.c.endpoint_id == attempt.c.endpoint_id)
    & (delivery.c.msg_id == attempt.c.msg_id)
)
# Outer joins of what is always there: an engine then begins with the list's own index, which is in
# the order of the pages, and not with the other table's.
DELIVERIES = select(delivery, message.c.event_type, message.c.created_ms).join_from(
    delivery, message, MESSAGE_OF_DELIVERY, isouter=True
)
_ATTEMPTS = (
    select(attempt, message.c.event_type, delivery.c.state, delivery.c.attempts, delivery.c.due_ms)
    .join_from(attempt, message, _MESSAGE_OF_ATTEMPT, isouter=True)
    .join(delivery, _DELIVERY_OF_ATTEMPT, isouter=True)
)


# --- messages ----------------------------------------------------------------------------------


def get_message(connection: Connection, app_id: str, key: str) -> Message:
    """Return the message with that id or event id."""
    query = select(message).where(
        message.c.app_id == app_id, or_(message.c.id == key, message.c.event_id == key)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such message")
    return read_message(row)


def list_messages(
    connection: Connection, app_id: str, page: PageRequest, where: MessageFilter
) -> Page[Message]:
    """Return a page of the application's messages."""
    query = select(message).where(
        message.c.app_id == app_id,
        *in_id_range(message.c.id, "msg_", where),
        *of_messages(where, message.c.created_ms),
    )
    return read_page(connection, query, (message.c.id,), page, read_message)


# --- deliveries --------------------------------------------------------------------------------


def get_delivery(connection: Connection, app_id: str, msg_id: str, endpoint_id: str) -> Delivery:
    """Return where the message stands with the endpoint."""
    query = DELIVERIES.where(
        delivery.c.app_id == app_id,
        delivery.c.endpoint_id == endpoint_id,
        delivery.c.msg_id == msg_id,
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such delivery")
    return read_delivery(row)


def list_deliveries(
    connection: Connection, app_id: str, page: PageRequest, where: DeliveryFilter
) -> Page[Delivery]:
    """Return a page of the application's deliveries."""
    query = DELIVERIES.where(
        delivery.c.app_id == app_id,
        *in_id_range(delivery.c.msg_id, "msg_", where),
        *_of_deliveries(where),
        *of_messages(where, message.c.created_ms),
    )
    order = (delivery.c.msg_id, delivery.c.endpoint_id)
    return read_page(connection, query, order, page, read_delivery)


def count_deliveries(
    connection: Connection, app_id: str, endpoint_id: str, *, after_ms: int, before_ms: int
) -> Mapping[DeliveryState, int]:
    """Count the endpoint's deliveries of messages made from ``after_ms`` until ``before_ms``."""
    query = (
        select(delivery.c.state, func.count())
        .where(
            delivery.c.app_id == app_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.msg_id >= first_id("msg_", after_ms),
            delivery.c.msg_id < first_id("msg_", before_ms),
        )
        .group_by(delivery.c.state)
    )
    return {DeliveryState(state): count for state, count in connection.execute(query)}


def count_pending(
    connection: Connection, app_id: str, endpoint_id: str, *, most: int = 10_000
) -> Mapping[DeliveryState, int]:
    """Count the endpoint's unfinished deliveries by state, up to ``most`` of each."""
    here = (delivery.c.app_id == app_id, delivery.c.endpoint_id == endpoint_id)
    some = [
        select(delivery.c.state).where(*here, in_states((state,))).limit(most).subquery()
        for state in UNFINISHED
    ]
    query = union_all(
        *(select(func.min(each.c.state), func.count()).select_from(each) for each in some)
    )
    return {DeliveryState(state): count for state, count in connection.execute(query) if count}


def _of_deliveries(where: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    if where.msg_id is not None:
        yield delivery.c.msg_id == where.msg_id
    if where.endpoint_id is not None:
        yield delivery.c.endpoint_id == where.endpoint_id
    if where.states is not None:
        yield in_states(where.states)
    if where.last_status is not None:
        yield delivery.c.last_status == where.last_status


# --- attempts ----------------------------------------------------------------------------------


def get_attempt(connection: Connection, app_id: str, msg_id: str, attempt_id: str) -> Attempt:
    """Return the attempt of the message."""
    query = _ATTEMPTS.where(
        attempt.c.app_id == app_id, attempt.c.id == attempt_id, attempt.c.msg_id == msg_id
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such attempt")
    return read_attempt(row)


def list_attempts(
    connection: Connection, app_id: str, page: PageRequest, where: AttemptFilter
) -> Page[Attempt]:
    """Return a page of the application's attempts."""
    query = _ATTEMPTS.where(
        attempt.c.app_id == app_id,
        *in_id_range(attempt.c.id, "atmpt_", where, margin_ms=_ATTEMPT_MARGIN_MS),
        *_of_attempts(where),
        *of_messages(where, attempt.c.started_ms),
    )
    return read_page(connection, query, (attempt.c.id,), page, read_attempt)


def _of_attempts(where: AttemptFilter) -> Iterator[ColumnElement[bool]]:
    if where.msg_id is not None:
        yield attempt.c.msg_id == where.msg_id
    if where.endpoint_id is not None:
        yield attempt.c.endpoint_id == where.endpoint_id
    if where.succeeded is not None:
        yield attempt.c.succeeded.is_(where.succeeded)
    if where.status_class is not None:
        last = where.status_class + 99 if where.status_class else 0
        yield attempt.c.status.between(where.status_class, last)
