"""The headers of an attempt: who signs, and what a customer may add.

Knows both header sets (``webhook-*`` and ``svix-*``) and the names that no customer may set. Must
not know how the request is made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hookseal import Signer

if TYPE_CHECKING:
    from hookseal_sender.model import Task

__all__ = ["attempt_headers"]

_PROTECTED = ("webhook-", "svix-", "content-")
_PROTECTED_NAMES = frozenset({"host", "connection", "transfer-encoding", "expect", "upgrade", "te"})


def attempt_headers(task: Task, timestamp: int) -> dict[str, str]:
    """Return the headers of an attempt of ``task`` at ``timestamp`` (unix seconds).

    Raises :class:`~hookseal.ConfigError` if its secrets cannot sign.
    """
    signed = _signer(task.secrets).headers(task.lease.msg_id, timestamp, task.payload)
    headers = {name: text for name, text in task.headers.items() if not _protected(name)}
    for name, text in signed.items():
        headers[name] = text
        headers[_copy(name)] = text
    if task.content_type is not None:
        headers["content-type"] = task.content_type
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
