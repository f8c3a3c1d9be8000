"""Rows to values and back.

Knows how each column holds its value, and which are sealed. Must not know transactions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hookseal_sender.errors import SealBroken
from hookseal_sender.ids import RANDOM_BYTES, make_id
from hookseal_sender.model import (
    Application,
    Attempt,
    Delivery,
    DeliveryState,
    Disabled,
    Endpoint,
    EventType,
    LoggedDelivery,
    Message,
    Secret,
    Trigger,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping

    from hookseal_sender.model import ApplicationDraft, EndpointDraft, EventTypeDraft
    from hookseal_sender.vault import Vault

__all__ = [
    "application_values",
    "endpoint_values",
    "event_type_values",
    "first_id",
    "headers_context",
    "open_headers",
    "open_secrets",
    "read_application",
    "read_attempt",
    "read_delivery",
    "read_endpoint",
    "read_event_type",
    "read_list",
    "read_logged",
    "read_message",
    "seal_headers",
    "seal_secrets",
    "secrets_context",
    "signing_keys",
    "write_list",
]

_DUE = frozenset({DeliveryState.READY, DeliveryState.WAITING})
_FIRST_MS = 1_400_000_000_000
_LAST_MS = _FIRST_MS + (2**32 - 1) * 1000


# --- ids and lists -----------------------------------------------------------------------------


def first_id(prefix: str, moment_ms: int) -> str:
    """Return the smallest id of the 4 ms that ``moment_ms`` is in; any number is a moment."""
    return make_id(prefix, min(max(moment_ms, _FIRST_MS), _LAST_MS), bytes(RANDOM_BYTES))


def write_list(values: Sequence[object] | None) -> str | None:
    """Return the column of a list; None stays None."""
    return None if values is None else json.dumps(list(values))


def read_list(text: str | None) -> tuple[Any, ...] | None:
    """Return the list of a column that :func:`write_list` made."""
    return None if text is None else tuple(json.loads(text))


# --- what is sealed ----------------------------------------------------------------------------


def secrets_context(app_id: str, endpoint_id: str) -> str:
    """Return what an endpoint's sealed secrets are bound to."""
    return f"{app_id}/{endpoint_id}"


def headers_context(app_id: str, endpoint_id: str) -> str:
    """Return what an endpoint's sealed headers are bound to."""
    return f"{app_id}/{endpoint_id}/headers"


def seal_secrets(vault: Vault, app_id: str, endpoint_id: str, secrets: Sequence[Secret]) -> str:
    """Return the column of an endpoint's secrets."""
    plain = [{"key": each.key, "expires_ms": each.expires_ms} for each in secrets]
    return vault.seal(json.dumps(plain), secrets_context(app_id, endpoint_id))


def open_secrets(vault: Vault, row: RowMapping | Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the secrets of a row of ``endpoint``, newest first, expired ones too.

    Raises :class:`~hookseal_sender.errors.SealBroken` if they cannot be opened.
    """
    plain = json.loads(vault.open(row["secrets"], secrets_context(row["app_id"], row["id"])))
    return tuple(Secret(key=each["key"], expires_ms=each["expires_ms"]) for each in plain)


def signing_keys(secrets: Sequence[Secret], now_ms: int) -> tuple[str, ...]:
    """Return the keys that sign at ``now_ms``, newest first."""
    return tuple(
        each.key for each in secrets if each.expires_ms is None or each.expires_ms > now_ms
    )


def seal_headers(
    vault: Vault, app_id: str, endpoint_id: str, headers: Mapping[str, str] | None
) -> str | None:
    """Return the column of an endpoint's custom headers, NULL for none."""
    if not headers:
        return None
    return vault.seal(json.dumps(dict(headers)), headers_context(app_id, endpoint_id))


def open_headers(vault: Vault, row: RowMapping | Mapping[str, Any]) -> dict[str, str]:
    """Return the custom headers of a row of ``endpoint``; raises as :func:`open_secrets` does."""
    if row["headers"] is None:
        return {}
    headers: dict[str, str] = json.loads(
        vault.open(row["headers"], headers_context(row["app_id"], row["id"]))
    )
    return headers


# --- the catalog -------------------------------------------------------------------------------


def application_values(draft: ApplicationDraft) -> dict[str, object]:
    """Return the columns that a caller decides."""
    return {
        "uid": draft.uid,
        "name": draft.name,
        "plan": draft.plan,
        "throttle_rate": draft.throttle_rate,
        "metadata": json.dumps(dict(draft.metadata)),
    }


def read_application(row: RowMapping) -> Application:
    """Return the application of a row."""
    return Application(
        id=row["id"],
        org_id=row["org_id"],
        uid=row["uid"],
        name=row["name"],
        plan=row["plan"],
        throttle_rate=row["throttle_rate"],
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
        "event_types": write_list(draft.event_types),
        "channels": write_list(draft.channels),
        "disabled": draft.disabled,
        "throttle_rate": draft.throttle_rate,
        "retry_schedule": write_list(draft.retry_schedule),
        "timeout": draft.timeout,
        "metadata": json.dumps(dict(draft.metadata)),
    }


def read_endpoint(vault: Vault, row: RowMapping) -> Endpoint:
    """Return the endpoint of a row, with what was sealed as far as it can be opened."""
    secrets: tuple[Secret, ...] = ()
    headers: dict[str, str] = {}
    unreadable = ""
    try:
        secrets = open_secrets(vault, row)
        headers = open_headers(vault, row)
    except SealBroken as error:
        unreadable = str(error)
    return Endpoint(
        id=row["id"],
        app_id=row["app_id"],
        uid=row["uid"],
        name=row["name"],
        description=row["description"],
        url=row["url"],
        event_types=read_list(row["event_types"]),
        channels=read_list(row["channels"]),
        disabled=row["disabled"],
        disabled_for=None if row["disabled_for"] is None else Disabled(row["disabled_for"]),
        throttle_rate=row["throttle_rate"],
        retry_schedule=read_list(row["retry_schedule"]),
        timeout=row["timeout"],
        metadata=json.loads(row["metadata"]),
        secrets=secrets,
        headers=headers,
        unreadable=unreadable,
        failing_since_ms=row["failing_since_ms"],
        paused_until_ms=row["paused_until_ms"],
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
    )


def event_type_values(draft: EventTypeDraft) -> dict[str, object]:
    """Return the columns that a caller decides, but for the name."""
    return {
        "description": draft.description,
        "archived": draft.archived,
        "deprecated": draft.deprecated,
        "feature_flag": draft.feature_flag,
        "schemas": None if draft.schemas is None else json.dumps(draft.schemas),
        "enforced": draft.enforced,
    }


def read_event_type(row: RowMapping) -> EventType:
    """Return the event type of a row."""
    return EventType(
        org_id=row["org_id"],
        name=row["name"],
        description=row["description"],
        archived=row["archived"],
        deprecated=row["deprecated"],
        feature_flag=row["feature_flag"],
        schemas=None if row["schemas"] is None else json.loads(row["schemas"]),
        enforced=row["enforced"],
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
    )


# --- the log -----------------------------------------------------------------------------------


def read_message(row: RowMapping) -> Message:
    """Return the message of a row."""
    return Message(
        id=row["id"],
        app_id=row["app_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        channels=read_list(row["channels"]),
        payload=row["payload"],
        content_type=row["content_type"],
        created_ms=row["created_ms"],
    )


def read_delivery(row: RowMapping) -> Delivery:
    """Return the delivery of a row joined with its message."""
    return Delivery(**_delivery_values(row))


def read_logged(row: RowMapping, newest: RowMapping | None) -> LoggedDelivery:
    """Return the delivery of a row joined with its message, and of its newest attempt if any."""
    values = _delivery_values(row)
    if newest is None:
        return LoggedDelivery(**values)
    return LoggedDelivery(**values, duration_ms=newest["duration_ms"], reason=newest["reason"])


def _delivery_values(row: RowMapping) -> dict[str, Any]:
    state = DeliveryState(row["state"])
    return {
        "app_id": row["app_id"],
        "endpoint_id": row["endpoint_id"],
        "msg_id": row["msg_id"],
        "event_type": row["event_type"],
        "state": state,
        "attempts": row["attempts"],
        "tries": row["tries"],
        "due_ms": row["due_ms"] if state in _DUE else None,
        "created_ms": row["created_ms"],
        "last_status": row["last_status"],
        "last_attempt_ms": row["last_attempt_ms"],
    }


def read_attempt(row: RowMapping) -> Attempt:
    """Return the attempt of a row joined with its delivery and its message's type."""
    has_next = row["state"] in _DUE and row["attempts"] == row["number"]
    return Attempt(
        id=row["id"],
        msg_id=row["msg_id"],
        endpoint_id=row["endpoint_id"],
        event_type=row["event_type"],
        number=row["number"],
        trigger=Trigger(row["trigger"]),
        url=row["url"],
        started_ms=row["started_ms"],
        duration_ms=row["duration_ms"],
        succeeded=row["succeeded"],
        status=row["status"],
        response=row["response"],
        response_headers=_read_headers(row["response_headers"]),
        reason=row["reason"],
        next_ms=row["due_ms"] if has_next else None,
    )


def _read_headers(text: str | None) -> tuple[tuple[str, str], ...]:
    return () if text is None else tuple((name, value) for name, value in json.loads(text))
