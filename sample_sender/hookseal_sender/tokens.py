"""Bearer tokens: who may call the API, and for which application.

Knows JSON Web Tokens with HS256, made and read strictly. Must not know HTTP, a clock or where the
key is kept.

Source: RFC 7515 (JWS), RFC 7519 (JWT); claims as the Svix server writes them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any, TypeGuard, cast

from hookseal_sender.errors import Unauthenticated
from hookseal_sender.model import Scope

__all__ = ["APPLICATION_LIFETIME", "ORGANISATION_LIFETIME", "TokenKey"]

ORGANISATION_LIFETIME = 10 * 365 * 86400
"""Seconds."""
APPLICATION_LIFETIME = 28 * 86400
"""Seconds."""
_ISSUER = "hookseal-sender"
_HEADER = {"alg": "HS256", "typ": "JWT"}
_MAX_LENGTH = 4096
_ID = re.compile(r"(org|app)_[0-9A-Za-z]{27}\Z")


class TokenKey:
    """Makes and checks tokens with one secret key of at least 32 bytes."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, scope: Scope, *, now: int) -> str:
        """Return a token for ``scope``, valid from ``now`` (unix seconds) for its lifetime."""
        if scope.app_id is None:
            subject, lifetime = {"sub": scope.org_id}, ORGANISATION_LIFETIME
        else:
            subject = {"sub": scope.app_id, "org": scope.org_id}
            lifetime = APPLICATION_LIFETIME
        claims = {"iss": _ISSUER, "iat": now, "nbf": now, "exp": now + lifetime, **subject}
        content = f"{_encode_json(_HEADER)}.{_encode_json(claims)}"
        return f"{content}.{self._sign(content)}"

    def read(self, token: str, *, now: int) -> Scope:
        """Return the scope of ``token``.

        Raises :class:`~hookseal_sender.errors.Unauthenticated` for anything that
        :meth:`issue` did not make, or that has expired at ``now``.
        """
        content, _, signature = token.rpartition(".")
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise Unauthenticated("the token is not valid")
        if not hmac.compare_digest(self._sign(content), signature):
            raise Unauthenticated("the token is not valid")
        header, _, claims = content.partition(".")
        if _decode_json(header) != _HEADER:
            raise Unauthenticated("the token is not valid")
        return _scope(_decode_json(claims), now)

    def _sign(self, content: str) -> str:
        return _encode(hmac.digest(self._key, content.encode("ascii"), hashlib.sha256))


def _scope(claims: dict[str, Any], now: int) -> Scope:
    begins, ends = claims.get("nbf"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int) or claims.get("iss") != _ISSUER:
        raise Unauthenticated("the token is not valid")
    if not begins <= now < ends:
        raise Unauthenticated("the token has expired or is not valid yet")
    subject, organisation = claims.get("sub"), claims.get("org")
    if organisation is None and _is_id(subject, "org_"):
        return Scope(org_id=subject)
    if _is_id(subject, "app_") and _is_id(organisation, "org_"):
        return Scope(org_id=organisation, app_id=subject)
    raise Unauthenticated("the token is not valid")


def _is_id(value: object, prefix: str) -> TypeGuard[str]:
    return isinstance(value, str) and value.startswith(prefix) and _ID.match(value) is not None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _encode_json(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _decode_json(text: str) -> dict[str, Any]:
    """Return the object that a part of a signed token holds."""
    padded = text + "=" * (-len(text) % 4)
    try:
        value: object = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        raise Unauthenticated("the token is not valid") from None
    if not isinstance(value, dict):
        raise Unauthenticated("the token is not valid")
    return cast("dict[str, Any]", value)
