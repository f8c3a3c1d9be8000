"""Removing contents that a caller wants gone at once.

Knows what holds contents: a message's payload, the answer to an attempt. Must not know retention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from hookseal_sender.errors import NotFound
from hookseal_sender.store import redelivering
from hookseal_sender.store.schema import attempt, message

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["expunge_attempt", "expunge_message"]


def expunge_message(connection: Connection, now_ms: int, app_id: str, msg_id: str) -> None:
    """Remove the payload, and end what is still to be delivered of it."""
    removed = connection.execute(
        update(message)
        .where(message.c.app_id == app_id, message.c.id == msg_id)
        .values(payload=None)
    )
    if removed.rowcount == 0:
        raise NotFound("there is no such message")
    redelivering.cancel(connection, now_ms, app_id, msg_id, None)


def expunge_attempt(
    connection: Connection, _now_ms: int, app_id: str, msg_id: str, attempt_id: str
) -> None:
    """Remove what the endpoint answered."""
    removed = connection.execute(
        update(attempt)
        .where(attempt.c.app_id == app_id, attempt.c.id == attempt_id, attempt.c.msg_id == msg_id)
        .values(response="", response_headers=None)
    )
    if removed.rowcount == 0:
        raise NotFound("there is no such attempt")
