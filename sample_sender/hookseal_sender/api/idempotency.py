"""Requests that may come twice: the same Idempotency-Key gets the same answer.

Knows how a key is named and when a reply is kept. Must not know operations or storage.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.replies import Reply
from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import Keyed, StoredReply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from hookseal_sender.store import Store

__all__ = ["MAX_KEY", "Kept", "answer_once", "keyed", "under_way"]

MAX_KEY = 256
_RENEW_SECONDS = 60.0  # a fifth of the time that the store keeps a key for a request under way
_log = logging.getLogger("hookseal_sender")


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


@dataclass(slots=True)
class Kept:
    """What is to be remembered of a request: None is nothing, and the key can be tried again."""

    reply: StoredReply | None = None


@contextlib.asynccontextmanager
async def under_way(
    store: Store, key: Keyed, *, renew_every: float = _RENEW_SECONDS
) -> AsyncGenerator[Kept]:
    """Keep ``key`` for the request in the block, however long it takes, and then what it is given.

    That this failed is logged: what was done is done. The key is then refused until the store
    forgets it. ``renew_every`` is in seconds.
    """
    kept = Kept()
    renewing = asyncio.create_task(_renew(store, key, renew_every))
    try:
        yield kept
    finally:
        renewing.cancel()
        try:
            await store.finish_keyed(key, kept.reply)
        except StoreUnavailable as error:
            _log.error("what a request with an idempotency key did is not remembered: %s", error)


async def answer_once(
    store: Store,
    key: Keyed,
    answer: Callable[[], Awaitable[Reply]],
    repeat: Callable[[], Awaitable[Reply]] | None = None,
) -> Reply:
    """Return what ``answer`` returns the first time, and from then on the same without asking it.

    With ``repeat``, that answers from then on, and no body is kept. What ``answer`` raises is not
    kept: the key can be tried again. Raises KeyUnderWay while the first request is under way,
    KeyReused if it had another body.
    """
    before = await store.begin_keyed(key)
    if before is not None and repeat is not None:
        return await repeat()
    if before is not None:
        return Reply(status=before.status, body=before.body.encode())
    async with under_way(store, key) as kept:
        reply = await answer()
        body = reply.body.decode() if repeat is None else ""
        kept.reply = StoredReply(status=reply.status, body=body)
        return reply


async def _renew(store: Store, key: Keyed, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        with contextlib.suppress(StoreUnavailable):  # there is time to try again
            await store.renew_keyed(key)
