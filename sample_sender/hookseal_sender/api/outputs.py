"""What callers get: values as JSON objects.

Knows the names of the API's response fields. Must not know HTTP or storage.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hookseal_sender.api.times import time_text
from hookseal_sender.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.model import (
        Application,
        Attempt,
        Delivery,
        Endpoint,
        EventType,
        Message,
    )

__all__ = [
    "accepted_json",
    "application_out",
    "attempt_out",
    "delivery_out",
    "endpoint_message_out",
    "endpoint_out",
    "event_type_out",
    "message_endpoint_out",
    "message_out",
    "stats_out",
]

_SUCCESS, _PENDING, _FAIL, _SENDING, _CANCELED = (
    (0, "success"),
    (1, "pending"),
    (2, "fail"),
    (3, "sending"),
    (4, "canceled"),
)
_STATUS = {
    DeliveryState.READY: _PENDING,
    DeliveryState.WAITING: _PENDING,
    DeliveryState.HELD: _PENDING,
    DeliveryState.SENDING: _SENDING,
    DeliveryState.SUCCEEDED: _SUCCESS,
    DeliveryState.FAILED: _FAIL,
    DeliveryState.CANCELLED: _FAIL,
}
"""How the Svix API says where a delivery stands."""

_EMPTY_PAYLOAD = "{}}"  # how a MessageOut without content ends


def application_out(item: Application) -> dict[str, object]:
    """Return an ApplicationOut with our ``plan``."""
    return {
        "id": item.id,
        "uid": item.uid,
        "name": item.name,
        "plan": item.plan,
        "throttleRate": item.throttle_rate,
        "rateLimit": item.throttle_rate,
        "metadata": dict(item.metadata),
        "createdAt": time_text(item.created_ms),
        "updatedAt": time_text(item.updated_ms),
    }


def endpoint_out(item: Endpoint) -> dict[str, object]:
    """Return an EndpointOut with our additions; never the secret or the headers."""
    return {
        "id": item.id,
        "uid": item.uid,
        "name": item.name,
        "description": item.description,
        "url": item.url,
        "version": 1,
        "eventTypes": item.event_types,
        "filterTypes": item.event_types,
        "channels": item.channels,
        "disabled": item.disabled,
        "disabledReason": item.disabled_for and item.disabled_for.value,
        "throttleRate": item.throttle_rate,
        "rateLimit": item.throttle_rate,
        "retrySchedule": item.retry_schedule,
        "timeout": item.timeout,
        "metadata": dict(item.metadata),
        "failingSince": _time(item.failing_since_ms),
        "pausedUntil": _time(item.paused_until_ms),
        "createdAt": time_text(item.created_ms),
        "updatedAt": time_text(item.updated_ms),
    }


def event_type_out(item: EventType, *, with_schemas: bool = True) -> dict[str, object]:
    """Return an EventTypeOut with our ``enforced``."""
    return {
        "name": item.name,
        "description": item.description,
        "archived": item.archived,
        "deprecated": item.deprecated,
        "featureFlag": item.feature_flag,
        "featureFlags": [item.feature_flag] if item.feature_flag else None,
        "schemas": item.schemas if with_schemas else None,
        "enforced": item.enforced,
        "createdAt": time_text(item.created_ms),
        "updatedAt": time_text(item.updated_ms),
    }


def message_out(item: Message, *, with_content: bool) -> dict[str, object]:
    """Return a MessageOut; without content the payload, always the last field, is empty."""
    out: dict[str, object] = {
        "id": item.id,
        "eventId": item.event_id,
        "eventType": item.event_type,
        "channels": item.channels,
        "tags": None,
        "timestamp": time_text(item.created_ms),
    }
    if item.content_type is not None:
        out["contentType"] = item.content_type
        if with_content and item.payload is not None:
            out["rawPayload"] = item.payload.decode("utf-8", "replace")
    out["payload"] = _payload(item) if with_content else {}
    return out


def accepted_json(item: Message, *, with_content: bool) -> bytes:
    """Return the MessageOut of a message just published, as JSON, its payload as it is."""
    if item.payload is None or item.content_type is not None:
        return _json(message_out(item, with_content=with_content)).encode()
    lean = _json(message_out(item, with_content=False))
    if not with_content:
        return lean.encode()
    return lean.removesuffix(_EMPTY_PAYLOAD).encode() + item.payload + b"}"


def attempt_out(item: Attempt, *, with_content: bool) -> dict[str, object]:
    """Return a MessageAttemptOut with our ``number``, ``reason`` and ``nextAttemptAt``."""
    status, text = _SUCCESS if item.succeeded else _FAIL
    return {
        "id": item.id,
        "msgId": item.msg_id,
        "endpointId": item.endpoint_id,
        "eventType": item.event_type,
        "url": item.url,
        "number": item.number,
        "status": status,
        "statusText": text,
        "reason": item.reason,
        "response": item.response if with_content else "{}",
        "responseHeaders": item.response_headers if with_content else (),
        "responseStatusCode": item.status,
        "responseDurationMs": item.duration_ms,
        "triggerType": int(item.trigger),
        "timestamp": time_text(item.started_ms),
        "nextAttemptAt": _time(item.next_ms),
    }


def delivery_out(item: Delivery) -> dict[str, object]:
    """Return a DeliveryOut."""
    return {
        "msgId": item.msg_id,
        "endpointId": item.endpoint_id,
        "eventType": item.event_type,
        "state": _state(item),
        "attempts": item.attempts,
        "nextAttemptAt": _time(item.due_ms),
        "lastStatusCode": item.last_status,
        "lastAttemptAt": _time(item.last_attempt_ms),
        "timestamp": time_text(item.created_ms),
    }


def endpoint_message_out(
    delivery: Delivery, message: Message, *, with_content: bool, expanded: bool
) -> dict[str, object]:
    """Return an EndpointMessageOut: a message, and where it stands with the endpoint.

    ``expanded``: what was cancelled has a status of its own.
    """
    out = message_out(message, with_content=with_content)
    return {**out, **_standing(delivery, expanded=expanded)}


def message_endpoint_out(
    delivery: Delivery, endpoint: Endpoint, *, expanded: bool
) -> dict[str, object]:
    """Return a MessageEndpointOut: an endpoint, and where the message stands with it.

    ``expanded``: what was cancelled has a status of its own.
    """
    return {**endpoint_out(endpoint), **_standing(delivery, expanded=expanded)}


def stats_out(counts: Mapping[DeliveryState, int]) -> dict[str, object]:
    """Return EndpointStats; here the cancelled are counted by themselves."""
    by_text: dict[str, int] = dict.fromkeys(("success", "pending", "fail", "sending"), 0)
    for state, count in counts.items():
        if state is not DeliveryState.CANCELLED:
            by_text[_STATUS[state][1]] += count
    cancelled = counts.get(DeliveryState.CANCELLED, 0)
    return {**by_text, "canceled": cancelled, "held": counts.get(DeliveryState.HELD, 0)}


def _standing(item: Delivery, *, expanded: bool) -> dict[str, object]:
    cancelled = expanded and item.state is DeliveryState.CANCELLED
    status, text = _CANCELED if cancelled else _STATUS[item.state]
    return {
        "state": _state(item),
        "status": status,
        "statusText": text,
        "nextAttempt": _time(item.due_ms),
    }


def _state(item: Delivery) -> str:
    return item.state.name.lower()


def _payload(item: Message) -> Any:
    if item.payload is None:
        return {"expired": True}
    return {} if item.content_type is not None else json.loads(item.payload)


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _time(unix_ms: int | None) -> str | None:
    return None if unix_ms is None else time_text(unix_ms)
