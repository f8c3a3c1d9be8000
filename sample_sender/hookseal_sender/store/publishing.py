"""Storing messages together with what each endpoint shall get.

Knows which endpoints want a message. Must not know who may publish, nor how it is delivered.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from hookseal_sender.ids import fresh_id
from hookseal_sender.model import DeliveryState, Message, Trigger
from hookseal_sender.patterns import wants
from hookseal_sender.store.backend import tell_arrivals
from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.moves import DELIVERY_COLUMNS, MESSAGE_COLUMNS
from hookseal_sender.store.rows import read_list, write_list
from hookseal_sender.store.schema import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.model import MessageDraft

__all__ = ["Accepted", "insert_accepted", "insert_messages", "make_accepted"]

_HOUR_MS = 3_600_000
_RETENTION_HOURS = 90 * 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A message to store. ``endpoint_id`` is set if it is for that endpoint alone."""

    message: Message
    retention_hours: int = _RETENTION_HOURS
    not_before_ms: int | None = None
    endpoint_id: str | None = None


class _Subscriber(NamedTuple):
    """An endpoint, as far as it decides what it gets."""

    id: str
    event_types: str | None
    channels: str | None
    disabled: bool


def make_accepted(
    now_ms: int, app_id: str, draft: MessageDraft, *, endpoint_id: str | None = None
) -> Accepted:
    """Return the draft as a new message of the application."""
    made = Message(
        id=fresh_id("msg_", now_ms),
        app_id=app_id,
        created_ms=now_ms,
        event_type=draft.event_type,
        payload=draft.payload,
        event_id=draft.event_id,
        channels=draft.channels,
        content_type=draft.content_type,
    )
    return Accepted(
        message=made,
        retention_hours=draft.retention_hours,
        not_before_ms=draft.not_before_ms,
        endpoint_id=endpoint_id,
    )


def insert_messages(connection: Connection, now_ms: int, messages: Sequence[Message]) -> None:
    """Store the messages, kept for 90 days, and what each endpoint shall get at once."""
    insert_accepted(connection, now_ms, [Accepted(message=each) for each in messages])


def insert_accepted(connection: Connection, now_ms: int, accepted: Sequence[Accepted]) -> None:
    """Store the messages and what each endpoint shall get; the workers are told."""
    if not accepted:
        return
    moves = moves_of(connection)
    moves.insert(connection, "message", MESSAGE_COLUMNS, [_message_row(each) for each in accepted])
    subscribers = _subscribers(connection, accepted)
    rows = [row for each in accepted for row in _delivery_rows(now_ms, each, subscribers)]
    if rows:
        moves.insert(connection, "delivery", DELIVERY_COLUMNS, rows)
        tell_arrivals(connection)


def _message_row(accepted: Accepted) -> tuple[object, ...]:
    message = accepted.message
    return (
        message.app_id,
        message.id,
        message.event_id,
        message.event_type,
        write_list(message.channels),
        message.payload,
        message.content_type,
        message.created_ms,
        message.created_ms + accepted.retention_hours * _HOUR_MS,
    )


def _subscribers(
    connection: Connection, accepted: Sequence[Accepted]
) -> Mapping[str, Sequence[_Subscriber]]:
    """Return the endpoints of the messages' applications.

    Those for which something is to be held are read again, and stay as they are until the commit:
    who enables one must see what is held for it. What is ready needs no lock, for claims look at
    the endpoint again.
    """
    of_app: dict[str, list[Accepted]] = defaultdict(list)
    for each in accepted:
        of_app[each.message.app_id].append(each)
    query = select(
        endpoint.c.app_id,
        endpoint.c.id,
        endpoint.c.event_types,
        endpoint.c.channels,
        endpoint.c.disabled,
    ).where(endpoint.c.app_id.in_(of_app), endpoint.c.deleted_ms.is_(None))
    found: dict[str, list[_Subscriber]] = defaultdict(list)
    holding: set[str] = set()
    for app_id, *fields in connection.execute(query):
        subscriber = _Subscriber(*fields)
        if subscriber.disabled and any(_is_for(subscriber, each) for each in of_app[app_id]):
            holding.add(subscriber.id)
        else:
            found[app_id].append(subscriber)
    if holding:
        again = query.where(endpoint.c.id.in_(holding)).order_by(endpoint.c.app_id, endpoint.c.id)
        for app_id, *fields in connection.execute(again.with_for_update(read=True)):
            found[app_id].append(_Subscriber(*fields))
    return found


def _delivery_rows(
    now_ms: int, accepted: Accepted, subscribers: Mapping[str, Sequence[_Subscriber]]
) -> Iterator[tuple[object, ...]]:
    message = accepted.message
    later = accepted.not_before_ms is not None and accepted.not_before_ms > now_ms
    state = DeliveryState.WAITING if later else DeliveryState.READY
    due_ms = accepted.not_before_ms if later else now_ms
    for each in subscribers.get(message.app_id, ()):
        if _is_for(each, accepted):
            held = each.disabled
            yield (
                message.app_id,
                each.id,
                message.id,
                int(DeliveryState.HELD if held else state),
                0,
                0,
                int(Trigger.SCHEDULED),
                None if held else due_ms,
            )


def _is_for(subscriber: _Subscriber, accepted: Accepted) -> bool:
    if accepted.endpoint_id is not None:
        return subscriber.id == accepted.endpoint_id
    message = accepted.message
    return _wants(subscriber.event_types, message.event_type) and (
        subscriber.channels is None or _shares(subscriber.channels, message.channels)
    )


@lru_cache(maxsize=4096)
def _wants(patterns: str | None, event_type: str) -> bool:
    """Tell whether an endpoint's column of patterns selects the event."""
    return wants(read_list(patterns), event_type)


@lru_cache(maxsize=4096)
def _shares(wanted: str, channels: tuple[str, ...] | None) -> bool:
    """Tell whether an endpoint's column of channels and a message's have one in common."""
    return not set(read_list(wanted) or ()).isdisjoint(channels or ())
