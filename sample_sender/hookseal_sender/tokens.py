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
from hookseal_sender.ids import fresh_id
from hookseal_sender.model import Scope

__all__ = ["APPLICATION_LIFETIME", "ORGANISATION_LIFETIME", "TokenKey"]

ORGANISATION_LIFETIME = 10 * 365 * 86400
"""Seconds."""
APPLICATION_LIFETIME = 28 * 86400
"""Seconds."""
_ISSUER = "hookseal-sender"
_HEADER = {"alg": "HS256", "typ": "JWT"}
_MAX_LENGTH = 4096
_ID = re.compile(r"(org|app|tok)_[0-9A-Za-z]{27}\Z", re.ASCII)


class TokenKey:
    """Makes tokens with ``key``, and checks those made with it or with an ``older`` one.

    A key is at least 32 bytes.
    """

    __slots__ = ("_keys",)

    def __init__(self, key: bytes, *older: bytes) -> None:
        self._keys = (key, *older)

    def issue(self, scope: Scope, *, now: int, expires_in: int | None = None) -> str:
        """Return a token for ``scope``, valid from ``now`` (unix seconds).

        It lasts ``expires_in`` seconds; None gives it 28 days for an application, 10 years for an
        organisation. Its id is the scope's, or a new one.
        """
        if scope.app_id is None:
            subject, lifetime = {"sub": scope.org_id}, ORGANISATION_LIFETIME
        else:
            subject = {"sub": scope.app_id, "org": scope.org_id}
            lifetime = APPLICATION_LIFETIME
        ends = now + (lifetime if expires_in is None else expires_in)
        token_id = scope.token_id or fresh_id("tok_", now * 1000)
        features = {"featureFlags": scope.feature_flags} if scope.feature_flags else {}
        times = {"iat": now, "nbf": now, "exp": ends}
        claims = {"iss": _ISSUER, **times, "jti": token_id, **subject, **features}
        content = f"{_encode_json(_HEADER)}.{_encode_json(claims)}"
        return f"{content}.{_sign(self._keys[0], content)}"

    def read(self, token: str, *, now: int) -> Scope:
        """Return the scope of ``token``.

        Raises :class:`~hookseal_sender.errors.Unauthenticated` for anything that
        :meth:`issue` did not make, or that has expired at ``now``.
        """
        return _scope(self._claims(token), now)

    def expiry(self, token: str) -> int:
        """Return when ``token`` ends or ended, in unix seconds. Raises as :meth:`read` does."""
        return _times(self._claims(token))[1]

    def _claims(self, token: str) -> dict[str, Any]:
        content, _, signature = token.rpartition(".")
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise Unauthenticated("the token is not valid")
        if not any(hmac.compare_digest(_sign(key, content), signature) for key in self._keys):
            raise self._refusal(token)
        header, _, claims = content.partition(".")
        if _decode_json(header) != _HEADER:
            raise Unauthenticated("the token is not valid")
        return _decode_json(claims)

    def _refusal(self, token: str) -> Unauthenticated:
        """Return the usual error, or a helpful one where the key itself was given as a token."""
        given = token.encode("ascii")
        if any(
            hmac.compare_digest(given, form)
            for key in self._keys
            for form in (key, key.hex().encode())
        ):
            return Unauthenticated(
                "this is the key that signs tokens, not a token; keep it secret, "
                "and make a token with 'hookseal-sender token'"
            )
        return Unauthenticated("the token is not valid")


def _sign(key: bytes, content: str) -> str:
    return _encode(hmac.digest(key, content.encode("ascii"), hashlib.sha256))


def _scope(claims: dict[str, Any], now: int) -> Scope:
    begins, ends = _times(claims)
    if not begins <= now < ends:
        raise Unauthenticated("the token has expired or is not valid yet")
    subject, organisation, token_id = claims.get("sub"), claims.get("org"), claims.get("jti")
    if token_id is None or _is_id(token_id, "tok_"):
        if organisation is None and _is_id(subject, "org_"):
            return Scope(org_id=subject, token_id=token_id)
        if _is_id(subject, "app_") and _is_id(organisation, "org_"):
            flags = tuple(claims.get("featureFlags", ()))
            return Scope(
                org_id=organisation, app_id=subject, token_id=token_id, feature_flags=flags
            )
    raise Unauthenticated("the token is not valid")


def _times(claims: dict[str, Any]) -> tuple[int, int]:
    begins, ends = claims.get("nbf"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int) or claims.get("iss") != _ISSUER:
        raise Unauthenticated("the token is not valid")
    return begins, ends


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
