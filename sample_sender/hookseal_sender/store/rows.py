"""Rows to values and back, and pages of them.

Knows how each column holds its value. Must not know transactions.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypeVar

from hookseal_sender.ids import RANDOM_BYTES, make_id
from hookseal_sender.model import (
    Application,
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointDraft,
    Message,
)
from hookseal_sender.store.base import Page, PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, RowMapping, Select

__all__ = [
    "endpoint_values",
    "fresh_id",
    "make_page",
    "paged",
    "read_application",
    "read_attempt",
    "read_delivery",
    "read_endpoint",
    "read_message",
]

ItemT = TypeVar("ItemT")


def fresh_id(prefix: str, now_ms: int) -> str:
    """Return an id that nobody can guess."""
    return make_id(prefix, now_ms, os.urandom(RANDOM_BYTES))


def paged(query: Select[Any], column: ColumnElement[str], request: PageRequest) -> Select[Any]:
    """Return ``query`` limited to the page, with one row more to tell whether it is the last."""
    descending = request.descending != request.backwards
    if request.cursor is not None:
        behind = column < request.cursor if descending else column > request.cursor
        query = query.where(behind)
    return query.order_by(column.desc() if descending else column).limit(request.limit + 1)


def make_page(
    rows: Sequence[RowMapping], request: PageRequest, read: Callable[[RowMapping], ItemT]
) -> Page[ItemT]:
    """Return the page that the rows of a :func:`paged` query make, in the list's own order."""
    items = [read(row) for row in rows[: request.limit]]
    if request.backwards:
        items.reverse()
    return Page(items=items, done=len(rows) <= request.limit)


def read_application(row: RowMapping) -> Application:
    """Return the application of a row."""
    return Application(
        id=row["id"],
        org_id=row["org_id"],
        uid=row["uid"],
        name=row["name"],
        metadata=json.loads(row["metadata"]),
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
    )


def endpoint_values(draft: EndpointDraft) -> dict[str, object]:
    """Return the columns that a caller decides."""
    return {
        "uid": draft.uid,
        "name": draft.name,
        "description": draft.description,
        "url": draft.url,
        "event_types": None if draft.event_types is None else json.dumps(draft.event_types),
        "disabled": draft.disabled,
        "metadata": json.dumps(dict(draft.metadata)),
    }


def read_endpoint(row: RowMapping) -> Endpoint:
    """Return the endpoint of a row."""
    return Endpoint(
        id=row["id"],
        app_id=row["app_id"],
        uid=row["uid"],
        name=row["name"],
        description=row["description"],
        url=row["url"],
        event_types=read_patterns(row),
        disabled=row["disabled"],
        metadata=json.loads(row["metadata"]),
        secrets=tuple(json.loads(row["secrets"])),
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
    )


def read_patterns(row: RowMapping) -> tuple[str, ...] | None:
    """Return an endpoint row's event patterns; None means every event."""
    text = row["event_types"]
    return None if text is None else tuple(json.loads(text))


def read_message(row: RowMapping) -> Message:
    """Return the message of a row."""
    return Message(
        id=row["id"],
        app_id=row["app_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        payload=row["payload"],
        created_ms=row["created_ms"],
    )


def read_delivery(row: RowMapping) -> Delivery:
    """Return the delivery of a row."""
    state = DeliveryState(row["state"])
    return Delivery(
        app_id=row["app_id"],
        endpoint_id=row["endpoint_id"],
        msg_id=row["msg_id"],
        state=state,
        attempts=row["attempts"],
        due_ms=row["due_ms"] if state is DeliveryState.PENDING else None,
    )


def read_attempt(row: RowMapping) -> Attempt:
    """Return the attempt of a row joined with its delivery and its message's type."""
    waits = row["state"] == DeliveryState.PENDING and row["attempts"] == row["number"]
    return Attempt(
        id=row["id"],
        msg_id=row["msg_id"],
        endpoint_id=row["endpoint_id"],
        event_type=row["event_type"],
        number=row["number"],
        url=row["url"],
        started_ms=row["started_ms"],
        duration_ms=row["duration_ms"],
        succeeded=row["succeeded"],
        status=row["status"],
        response=row["response"],
        reason=row["reason"],
        next_ms=row["due_ms"] if waits else None,
    )
