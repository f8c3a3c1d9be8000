"""Pages: what a query asks for, and how a page is rendered.

Knows cursors in both directions: ``-`` before one goes back, ``~`` marks one that begins with
``-`` by itself. Must not know what is listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.parameters import (
    AFTER,
    BEFORE,
    CHANNEL,
    CURSOR_RULE,
    EVENT_TYPES,
    ITERATOR,
    LIMIT,
    ORDER,
)
from hookseal_sender.store import MessageFilter, PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hookseal_sender.api.call import Call
    from hookseal_sender.api.parameters import Parameter
    from hookseal_sender.model import Delivery
    from hookseal_sender.store import Page

__all__ = [
    "MESSAGE_QUERY",
    "PAGE_QUERY",
    "delivery_id",
    "list_out",
    "message_filter",
    "page_request",
]

ItemT = TypeVar("ItemT")

PAGE_QUERY: tuple[Parameter[Any], ...] = (LIMIT, ITERATOR)
MESSAGE_QUERY: tuple[Parameter[Any], ...] = (*PAGE_QUERY, CHANNEL, EVENT_TYPES, BEFORE, AFTER)
"""What lists of messages, and of what became of them, take."""


def page_request(call: Call, prefix: str, *, newest_first: bool = False) -> PageRequest:
    """Return the page that the query asks for, of a list that may be newest first.

    Raises InputInvalid for a cursor that does not begin with ``prefix``: it is another list's.
    """
    given = call.query(ITERATOR) or ""
    cursor = given[1:] if given.startswith(("-", "~")) else given
    if cursor and not cursor.startswith(prefix):
        raise InputInvalid([fault(("query", ITERATOR.name), CURSOR_RULE)])
    return PageRequest(
        limit=call.query(LIMIT),
        cursor=cursor or None,
        backwards=given.startswith("-"),
        descending=newest_first or call.query(ORDER) == "descending",
    )


def message_filter(call: Call) -> MessageFilter:
    """Return what the query limits a list of messages to."""
    return MessageFilter(
        event_types=call.query(EVENT_TYPES),
        channel=call.query(CHANNEL),
        before_ms=call.query(BEFORE),
        after_ms=call.query(AFTER),
    )


def delivery_id(item: Delivery) -> str:
    """Return what names a delivery: its message and its endpoint."""
    return f"{item.msg_id}.{item.endpoint_id}"


def list_out(
    page: Page[ItemT],
    request: PageRequest,
    id_of: Callable[[ItemT], str],
    rendered: Sequence[Mapping[str, object]],
) -> dict[str, object]:
    """Return a ListResponse; an empty page keeps the cursor, so that polling can go on.

    What lies on its other side begins with the item that the cursor names: no cursor says that.
    """
    first, last = _edges(page, request, id_of)
    return {
        "data": rendered,
        "iterator": f"~{last}" if last and last.startswith("-") else last,
        "prevIterator": None if first is None else f"-{first}",
        "done": page.done,
    }


def _edges(
    page: Page[ItemT], request: PageRequest, id_of: Callable[[ItemT], str]
) -> tuple[str | None, str | None]:
    """Return the ids behind which the list goes on, back and forth."""
    if page.items:
        return id_of(page.items[0]), id_of(page.items[-1])
    return (request.cursor, None) if request.backwards else (None, request.cursor)
