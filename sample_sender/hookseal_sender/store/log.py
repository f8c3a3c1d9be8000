"""Reading what happened: messages, deliveries and attempts.

Knows the queries behind the logs. Must not change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from hookseal_sender.errors import NotFound
from hookseal_sender.store.rows import (
    make_page,
    paged,
    read_attempt,
    read_delivery,
    read_message,
)
from hookseal_sender.store.schema import attempt, delivery, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.model import Attempt, Delivery, Message
    from hookseal_sender.store.base import AttemptFilter, MessageFilter, Page, PageRequest

_ATTEMPTS = (
    select(
        attempt,
        message.c.event_type,
        delivery.c.state,
        delivery.c.attempts,
        delivery.c.due_ms,
    )
    .join_from(
        attempt,
        message,
        (message.c.app_id == attempt.c.app_id) & (message.c.id == attempt.c.msg_id),
    )
    .join(
        delivery,
        (delivery.c.app_id == attempt.c.app_id)
        & (delivery.c.endpoint_id == attempt.c.endpoint_id)
        & (delivery.c.msg_id == attempt.c.msg_id),
    )
)


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
    connection: Connection, app_id: str, request: PageRequest, where: MessageFilter
) -> Page[Message]:
    """Return a page of the application's messages."""
    query = select(message).where(message.c.app_id == app_id)
    query = _limited(query, where, message.c.created_ms)
    rows = connection.execute(paged(query, message.c.id, request)).mappings().all()
    return make_page(rows, request, read_message)


def list_attempts(
    connection: Connection, app_id: str, request: PageRequest, where: AttemptFilter
) -> Page[Attempt]:
    """Return a page of the application's attempts."""
    query = _ATTEMPTS.where(attempt.c.app_id == app_id)
    if where.msg_id is not None:
        query = query.where(attempt.c.msg_id == where.msg_id)
    if where.endpoint_id is not None:
        query = query.where(attempt.c.endpoint_id == where.endpoint_id)
    if where.succeeded is not None:
        query = query.where(attempt.c.succeeded.is_(where.succeeded))
    query = _limited(query, where, attempt.c.started_ms)
    rows = connection.execute(paged(query, attempt.c.id, request)).mappings().all()
    return make_page(rows, request, read_attempt)


def list_deliveries(connection: Connection, app_id: str, msg_id: str) -> Sequence[Delivery]:
    """Return the message's deliveries by endpoint id."""
    query = (
        select(delivery)
        .where(delivery.c.app_id == app_id, delivery.c.msg_id == msg_id)
        .order_by(delivery.c.endpoint_id)
    )
    return [read_delivery(row) for row in connection.execute(query).mappings()]


def _limited(query: Select[Any], where: MessageFilter, moment: ColumnElement[int]) -> Select[Any]:
    if where.event_types is not None:
        query = query.where(message.c.event_type.in_(where.event_types))
    if where.before_ms is not None:
        query = query.where(moment < where.before_ms)
    if where.after_ms is not None:
        query = query.where(moment > where.after_ms)
    return query
