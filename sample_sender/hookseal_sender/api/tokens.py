"""Who calls: the bearer token of a request, and what it covers.

Knows the Authorization field, and remembers tokens that it has checked. Must not know operations or
the store: whether a token was taken back is asked elsewhere.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hookseal_sender.errors import Unauthenticated

if TYPE_CHECKING:
    from hookseal_sender.model import Scope
    from hookseal_sender.tokens import TokenKey

__all__ = ["Caller", "TokenReader"]

_REMEMBERED = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A good token. ``digest`` names it without giving it away, ``expires`` is unix seconds."""

    scope: Scope
    digest: bytes = field(repr=False)
    expires: int


class TokenReader:
    """Checks tokens with ``key``; one that was good is good until it expires.

    What is remembered are digests, at most 4096 of them.
    """

    def __init__(self, key: TokenKey) -> None:
        self._key = key
        self._known: OrderedDict[bytes, Caller] = OrderedDict()

    def read(self, authorization: bytes | None, *, now: int) -> Caller:
        """Return whoever sent that field. Raises Unauthenticated without a good bearer token."""
        token = _bearer(authorization)
        digest = hashlib.sha256(token).digest()
        caller = self._known.get(digest)
        if caller is None:
            caller = self._check(token, digest, now)
        elif caller.expires <= now:
            del self._known[digest]
            raise Unauthenticated("the token has expired")
        return caller

    def _check(self, token: bytes, digest: bytes, now: int) -> Caller:
        text = token.decode("latin-1")
        scope = self._key.read(text, now=now)
        caller = Caller(scope=scope, digest=digest, expires=self._key.expiry(text))
        self._known[digest] = caller
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return caller


def _bearer(authorization: bytes | None) -> bytes:
    kind, _, token = (authorization or b"").partition(b" ")
    token = token.strip()
    if kind.lower() != b"bearer" or not token:
        raise Unauthenticated(
            "a token is required: Authorization: Bearer TOKEN, made by 'hookseal-sender token'"
        )
    return token
