"""What an operation answers, before it is bytes on a connection.

Knows statuses, JSON and the shape of an error. Must not know operations or ASGI.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["JSON", "NO_CONTENT", "Reply", "json_reply", "problem"]

JSON = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A response. ``body`` is sent as ``content_type``; an empty one has none."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


NO_CONTENT = Reply(status=204)


def json_reply(value: Mapping[str, object], status: int = 200) -> Reply:
    """Return ``value`` as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Reply(status=status, body=text.encode("utf-8", "surrogatepass"))


def problem(
    status: int, code: str, detail: str, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    """Return an error: a code for programs, a sentence for people."""
    text = json.dumps({"code": code, "detail": detail})
    return Reply(status=status, body=text.encode(), headers=headers)
