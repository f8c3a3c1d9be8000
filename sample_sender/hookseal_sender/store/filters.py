"""What limits a list: event type, channel, time, state.

Knows how each limit is said so that an index serves it. Must not know which list it limits.

Ids sort by time, so a time is a range of ids first, which an index has, and then exact.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, ColumnElement, Integer, bindparam, func

from hookseal_sender.model import DeliveryState
from hookseal_sender.store.rows import first_id
from hookseal_sender.store.schema import NOT_NOTABLE, delivery, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hookseal_sender.store.base import MessageFilter

__all__ = [
    "NOTABLE",
    "UNFINISHED",
    "are_apart",
    "in_id_range",
    "in_states",
    "is_unfinished",
    "of_messages",
]

_TICK_MS = 4  # the resolution of an id
UNFINISHED = (
    DeliveryState.READY,
    DeliveryState.SENDING,
    DeliveryState.HELD,
    DeliveryState.WAITING,
)
"""The states of a delivery that is not done with."""
_AMONG_ALL = {DeliveryState.READY, DeliveryState.SUCCEEDED}


def _literal(states: Sequence[DeliveryState]) -> BindParameter[Any]:
    numbers = tuple(map(int, states))
    return bindparam(None, numbers, Integer, expanding=True, literal_execute=True)


NOTABLE = delivery.c.state.not_in(_literal(NOT_NOTABLE))
"""The condition of the index ``delivery_state``."""


def in_states(states: Sequence[DeliveryState]) -> ColumnElement[bool]:
    """Return the condition of a delivery's state, written so that partial indexes serve it.

    SQLite uses one if the condition of the index stands in the query, with the same numbers.
    """
    found: ColumnElement[bool] = delivery.c.state.in_(_literal(states))
    if len(states) == 1:
        found = delivery.c.state == bindparam(None, int(*states), Integer, literal_execute=True)
    return found if set(states) & set(NOT_NOTABLE) else found & NOTABLE


def are_apart(states: Sequence[DeliveryState]) -> bool:
    """Tell whether each of these states has its deliveries in an index apart from the others."""
    return not set(states) & _AMONG_ALL


def is_unfinished() -> ColumnElement[bool]:
    """Return the condition of a delivery that is not done with."""
    return delivery.c.state.in_(_literal(UNFINISHED))


def of_messages(where: MessageFilter, moment: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    """Yield what a filter asks of the message, and of ``moment``, a column of unix milliseconds."""
    if where.event_types is not None:
        yield message.c.event_type.in_(where.event_types)
    if where.channel is not None:
        yield _names(message.c.channels, where.channel)
    if where.before_ms is not None:
        yield moment < where.before_ms
    if where.after_ms is not None:
        yield moment > where.after_ms


def in_id_range(
    column: ColumnElement[str], prefix: str, where: MessageFilter, *, margin_ms: int = 0
) -> Iterator[ColumnElement[bool]]:
    """Yield the range of ids that holds all of the filter's time, and few others.

    ``margin_ms`` is how far an id's time may be from the moment that the filter is about.
    """
    if where.after_ms is not None:
        yield column >= first_id(prefix, where.after_ms - margin_ms)
    if where.before_ms is not None:
        yield column < first_id(prefix, where.before_ms + margin_ms + _TICK_MS)


def _names(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Return the condition that a column of ``rows.write_list`` has ``value`` in its list."""
    # Not LIKE: on SQLite that takes "a" for "A". Names hold no quotes, so this is exact.
    return func.replace(column, json.dumps(value), "") != column
