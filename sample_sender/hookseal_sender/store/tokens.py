"""Organisations, tokens that were taken back, and idempotency keys.

Knows their statements, each run inside the caller's transaction. Must not know what a token or a
key was made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update

from hookseal_sender.errors import KeyReused, KeyUnderWay
from hookseal_sender.ids import fresh_id
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    OPERATIONS_ORGANISATION,
    Organisation,
    StoredReply,
)
from hookseal_sender.store.schema import idempotency, organisation, revoked_token
from hookseal_sender.store.upsert import insert_new, upsert

if TYPE_CHECKING:
    from hookseal_sender.model import Keyed

__all__ = [
    "begin_keyed",
    "finish_keyed",
    "get_organisation",
    "renew_keyed",
    "revoke_token",
    "token_revoked",
]

_RESERVED = {"default": DEFAULT_ORGANISATION, "operations": OPERATIONS_ORGANISATION}
_LOCKED_MS = 300_000
_KEPT_MS = 12 * 3600 * 1000


def get_organisation(connection: Connection, now_ms: int, name: str) -> Organisation:
    """Return the organisation of that name, made on first use.

    ``default`` and ``operations`` are the names of the two that are always there.
    """
    org_id = _RESERVED.get(name) or fresh_id("org_", now_ms)
    insert_new(connection, organisation, {"id": org_id, "name": name, "created_ms": now_ms})
    query = select(organisation.c.id).where(organisation.c.name == name)
    return Organisation(id=connection.execute(query).scalar_one(), name=name)


def revoke_token(connection: Connection, _now_ms: int, token_id: str, expires_ms: int) -> None:
    """Remember the token until it would have ended by itself."""
    upsert(connection, revoked_token, {"id": token_id, "expires_ms": expires_ms})


def token_revoked(connection: Connection, token_id: str) -> bool:
    """Tell whether the token was taken back."""
    query = select(revoked_token.c.id).where(revoked_token.c.id == token_id)
    return connection.execute(query).first() is not None


def begin_keyed(connection: Connection, now_ms: int, keyed: Keyed) -> StoredReply | None:
    """Take the key for five minutes and return None, or return what was answered to it."""
    row = {
        "key": keyed.key,
        "body": keyed.body,
        "status": None,
        "reply": None,
        "expires_ms": now_ms + _LOCKED_MS,
    }
    if upsert(connection, idempotency, row, where=idempotency.c.expires_ms <= now_ms):
        return None
    query = select(idempotency).where(idempotency.c.key == keyed.key)
    found = connection.execute(query).mappings().first()
    if found is not None and found["body"] != keyed.body:
        raise KeyReused("this idempotency key came before with another body; use a new one")
    if found is None or found["status"] is None:  # None: the first has failed this moment
        raise KeyUnderWay("the first request with this idempotency key is under way; try again")
    return StoredReply(status=found["status"], body=found["reply"])


def renew_keyed(connection: Connection, now_ms: int, keyed: Keyed) -> None:
    """Take the key for five minutes more, if its request is still under way."""
    mine = (idempotency.c.key == keyed.key) & (idempotency.c.body == keyed.body)
    renewed = update(idempotency).where(mine, idempotency.c.status.is_(None))
    connection.execute(renewed.values(expires_ms=now_ms + _LOCKED_MS))


def finish_keyed(
    connection: Connection, now_ms: int, keyed: Keyed, reply: StoredReply | None
) -> None:
    """Keep the reply for 12 hours, or forget the key."""
    mine = (idempotency.c.body == keyed.body) & idempotency.c.status.is_(None)
    if reply is None:
        connection.execute(delete(idempotency).where(idempotency.c.key == keyed.key, mine))
        return
    row = {
        "key": keyed.key,
        "body": keyed.body,
        "status": reply.status,
        "reply": reply.body,
        "expires_ms": now_ms + _KEPT_MS,
    }
    upsert(connection, idempotency, row, where=mine)
