"""Operational webhooks: an organisation is told what happened to its endpoints and messages.

Knows who is told, and how an event looks. Must not know why it happened.

They are messages of the operations organisation, in its application whose uid is the id of the
organisation that is told; where there is none, nobody is. Each is published in the transaction of
what it tells of, so that neither is there without the other.

Source: the event schemas (``EndpointCreatedEvent`` and the others) of the Svix OpenAPI document.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from hookseal_sender.ids import fresh_id
from hookseal_sender.model import OPERATIONS_ORGANISATION, Message
from hookseal_sender.store.publishing import insert_messages
from hookseal_sender.store.schema import application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping

__all__ = ["emit", "endpoint_changed", "endpoint_disabled"]


def emit(
    connection: Connection,
    now_ms: int,
    org_id: str,
    app_id: str,
    event_type: str,
    data: Mapping[str, object],
) -> None:
    """Tell the organisation of an event of its application; ``appId`` and ``appUid`` are added."""
    told = select(application.c.id).where(
        application.c.org_id == OPERATIONS_ORGANISATION,
        application.c.uid == org_id,  # forgotten when it is deleted
    )
    operations_id = connection.execute(told).scalar_one_or_none()
    if operations_id is None or org_id == OPERATIONS_ORGANISATION:
        return
    uid = select(application.c.uid).where(application.c.id == app_id)
    about = {"appId": app_id, "appUid": connection.execute(uid).scalar_one_or_none()}
    event = {"type": event_type, "data": about | dict(data)}
    message = Message(
        id=fresh_id("msg_", now_ms),
        app_id=operations_id,
        created_ms=now_ms,
        event_type=event_type,
        payload=json.dumps(event).encode(),
    )
    insert_messages(connection, now_ms, [message])


def endpoint_changed(connection: Connection, now_ms: int, event_type: str, row: RowMapping) -> None:
    """Tell of a row of ``endpoint`` that was created, updated or deleted."""
    _tell(connection, now_ms, event_type, row["app_id"], _of_endpoint(row))


def endpoint_disabled(connection: Connection, now_ms: int, row: RowMapping) -> None:
    """Tell of a row of ``endpoint`` that was disabled because of what it answered."""
    since_ms = now_ms if row["failing_since_ms"] is None else row["failing_since_ms"]
    since = datetime.fromtimestamp(since_ms / 1000, UTC).isoformat(timespec="milliseconds")
    data = _of_endpoint(row) | {"failSince": since}
    _tell(connection, now_ms, "endpoint.disabled", row["app_id"], data)


def _of_endpoint(row: RowMapping) -> dict[str, object]:
    return {"endpointId": row["id"], "endpointUid": row["uid"]}


def _tell(
    connection: Connection, now_ms: int, event_type: str, app_id: str, data: Mapping[str, object]
) -> None:
    org_id = connection.execute(select(application.c.org_id).where(application.c.id == app_id))
    emit(connection, now_ms, org_id.scalar_one(), app_id, event_type, data)
