"""What the gate asks its face to do, and what it decides.

Knows the vocabulary between gate and faces. Must not know how anything is done.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

from hookseal.body import BodySink
from hookseal.ledger import Reply
from hookseal.verify import WebhookEvent

__all__ = ["Admitted", "Admitting", "Call", "Effect", "Pause", "ReadBody", "Settling"]


Call = functools.partial
"""Call it, await what it returns if need be, and send back the result."""


class ReadBody:
    """Write the body into ``sink`` within ``seconds``; nothing is sent back.

    ``length`` is the declared length in bytes, or None.
    """

    __slots__ = ("length", "seconds", "sink")

    def __init__(self, sink: BodySink, length: int | None, seconds: float) -> None:
        self.sink = sink
        self.length = length
        self.seconds = seconds


class Pause(NamedTuple):
    """Wait ``seconds``; nothing is sent back."""

    seconds: float


Effect: TypeAlias = functools.partial[Any] | ReadBody | Pause


class Admitted:
    """The handler may run.

    ``key`` is the ledger key that is claimed, None without a ledger; ``token`` what the claim is
    settled with; ``since`` when that was, on the clock of the notes.
    """

    __slots__ = ("event", "key", "since", "token")

    def __init__(
        self, event: WebhookEvent, key: bytes | None, token: bytes, since: float = 0.0
    ) -> None:
        self.event = event
        self.key = key
        self.token = token
        self.since = since


Admitting: TypeAlias = Generator[Effect, Any, Reply | Admitted]
"""Ends in a reply to give at once or in the admission; raises the error that refuses."""

Settling: TypeAlias = Generator[functools.partial[Any], Any, None]
"""Asks for one call at most, and ends whatever comes of it."""
