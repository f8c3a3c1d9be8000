"""The headers of an attempt: who signs, and what a customer may add.

Knows both header sets (``webhook-*`` and ``svix-*``) and the names that no customer may set. Must
not know how the request is made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hookseal import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["attempt_headers"]

_PROTECTED = ("webhook-", "svix-", "content-")
_PROTECTED_NAMES = frozenset({"host", "connection", "transfer-encoding", "expect", "upgrade", "te"})


def attempt_headers(
    msg_id: str,
    timestamp: int,
    payload: bytes,
    *,
    secrets: tuple[str, ...],
    custom: Mapping[str, str],
    content_type: str | None = None,
) -> dict[str, str]:
    """Return the headers of an attempt at ``timestamp`` (unix seconds), signed with ``secrets``.

    Of the ``custom`` ones those that nobody may set are left out. Raises
    :class:`~hookseal.ConfigError` if the secrets cannot sign.
    """
    signed = _signer(secrets).headers(msg_id, timestamp, payload)
    headers = {name: text for name, text in custom.items() if not _protected(name)}
    for name, text in signed.items():
        headers[name] = text
        headers[_copy(name)] = text
    if content_type is not None:
        headers["content-type"] = content_type
    return headers


@lru_cache(maxsize=256)
def _copy(name: str) -> str:
    return name.replace("webhook-", "svix-", 1)


@lru_cache(maxsize=1024)
def _protected(name: str) -> bool:
    lowered = name.strip().lower()
    return lowered in _PROTECTED_NAMES or lowered.startswith(_PROTECTED)


@lru_cache(maxsize=2048)
def _signer(secrets: tuple[str, ...]) -> Signer:
    return Signer(secrets, overlap=True)
