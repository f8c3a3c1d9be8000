"""Requests that may come twice: the same Idempotency-Key gets the same answer.

Knows how a key is named and when a reply is kept. Must not know operations or storage.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.replies import Reply
from hookseal_sender.model import Keyed, StoredReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hookseal_sender.store import Store

__all__ = ["MAX_KEY", "answer_once", "keyed"]

MAX_KEY = 256


def keyed(key: bytes, *, token: bytes, path: str, body: bytes) -> Keyed:
    """Return the idempotency key ``key`` of the holder of ``token`` (a digest) for ``path``.

    Raises InputInvalid if it is too long.
    """
    if len(key) > MAX_KEY:
        raise InputInvalid([fault(("header", "idempotency-key"), f"at most {MAX_KEY} characters")])
    named = hashlib.sha256()
    for part in (token, key, path.encode("utf-8", "surrogatepass")):
        named.update(len(part).to_bytes(4, "big"))
        named.update(part)
    return Keyed(key=named.hexdigest(), body=hashlib.sha256(body).hexdigest())


async def answer_once(
    store: Store,
    key: Keyed,
    answer: Callable[[], Awaitable[Reply]],
    repeat: Callable[[], Awaitable[Reply]] | None = None,
) -> Reply:
    """Return what ``answer`` returns the first time, and from then on the same without asking it.

    With ``repeat``, that answers from then on, and no body is kept. What ``answer`` raises is not
    kept: the key can be tried again. Raises Conflict while the first request is under way,
    KeyReused if it had another body.
    """
    before = await store.begin_keyed(key)
    if before is not None and repeat is not None:
        return await repeat()
    if before is not None:
        return Reply(status=before.status, body=before.body.encode())
    kept: StoredReply | None = None
    try:
        reply = await answer()
        body = reply.body.decode() if repeat is None else ""
        kept = StoredReply(status=reply.status, body=body)
        return reply
    finally:
        await store.finish_keyed(key, kept)
