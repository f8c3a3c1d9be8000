"""What callers get: values as JSON objects.

Knows the names of the API's response fields. Must not know HTTP or storage.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.model import Application, Attempt, Endpoint, Message
    from hookseal_sender.store import Page, PageRequest

__all__ = ["application_out", "attempt_out", "endpoint_out", "list_out", "message_out"]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


ItemT = TypeVar("ItemT", bound=_HasId)


def application_out(item: Application) -> dict[str, object]:
    """Return an ApplicationOut."""
    return {
        "id": item.id,
        "uid": item.uid,
        "name": item.name,
        "metadata": dict(item.metadata),
        "createdAt": _time(item.created_ms),
        "updatedAt": _time(item.updated_ms),
    }


def endpoint_out(item: Endpoint) -> dict[str, object]:
    """Return an EndpointOut with our ``name``; never the secret."""
    return {
        "id": item.id,
        "uid": item.uid,
        "name": item.name,
        "description": item.description,
        "url": item.url,
        "version": 1,
        "eventTypes": item.event_types,
        "filterTypes": item.event_types,
        "channels": None,
        "disabled": item.disabled,
        "metadata": dict(item.metadata),
        "createdAt": _time(item.created_ms),
        "updatedAt": _time(item.updated_ms),
    }


def message_out(item: Message, *, with_content: bool) -> dict[str, object]:
    """Return a MessageOut; without content the payload is empty."""
    return {
        "id": item.id,
        "eventId": item.event_id,
        "eventType": item.event_type,
        "payload": json.loads(item.payload) if with_content else {},
        "channels": None,
        "tags": None,
        "timestamp": _time(item.created_ms),
    }


def attempt_out(item: Attempt, *, with_content: bool) -> dict[str, object]:
    """Return a MessageAttemptOut with our ``reason``, ``number`` and ``nextAttemptAt``."""
    return {
        "id": item.id,
        "msgId": item.msg_id,
        "endpointId": item.endpoint_id,
        "url": item.url,
        "number": item.number,
        "status": 0 if item.succeeded else 2,
        "statusText": "success" if item.succeeded else "fail",
        "reason": item.reason,
        "response": item.response if with_content else "{}",
        "responseStatusCode": item.status,
        "responseDurationMs": item.duration_ms,
        "triggerType": 0,
        "timestamp": _time(item.started_ms),
        "nextAttemptAt": None if item.next_ms is None else _time(item.next_ms),
    }


def list_out(
    page: Page[ItemT], request: PageRequest, render: Callable[[ItemT], dict[str, object]]
) -> dict[str, object]:
    """Return a ListResponse; an empty page keeps the cursor, so that polling can go on."""
    items = page.items
    return {
        "data": [render(item) for item in items],
        "iterator": items[-1].id if items else request.cursor,
        "prevIterator": f"-{items[0].id}" if items else None,
        "done": page.done,
    }


def _time(unix_ms: int) -> str:
    moment = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
