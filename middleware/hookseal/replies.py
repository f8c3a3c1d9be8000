"""How a refusal looks on the wire.

Knows RFC 9457 problem details. Must not know a face.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from hookseal.ledger import Reply

if TYPE_CHECKING:
    from hookseal.errors import WebhookError

__all__ = ["PROBLEM_TYPE", "Problem", "problem", "rejection"]

PROBLEM_TYPE = "application/problem+json"


def rejection(error: WebhookError) -> Reply:
    """Return the ``application/problem+json`` answer to a refused request."""
    problem = {
        "title": error.title,
        "status": error.status_hint,
        "detail": error.detail,
        "code": error.code,
    }
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"cache-control", b"no-store")]
    headers += [
        (name.encode("ascii"), value.encode("ascii")) for name, value in error.fields.items()
    ]
    return Reply(error.status_hint, tuple(headers), json.dumps(problem).encode("ascii"))


class Problem(NamedTuple):
    """The same answer, as frameworks take one."""

    status: int
    headers: dict[str, str]
    body: bytes


def problem(error: WebhookError) -> Problem:
    """Return the answer to ``error`` for a framework's error handler: what ``json()`` raises."""
    reply = rejection(error)
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in reply.headers}
    return Problem(reply.status, headers, reply.body)
