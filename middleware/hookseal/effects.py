"""What the gate asks its face to do, and what it decides.

Knows the vocabulary between gate and faces. Must not know how anything is done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeAlias

from hookseal.body import BodySink
from hookseal.ledger import Reply
from hookseal.verify import WebhookEvent

__all__ = ["Admitted", "Admitting", "Call", "Effect", "Pause", "ReadBody", "Settling"]


class Call(NamedTuple):
    """Call ``function(*args)``, await what it returns if need be, and send back the result."""

    function: Callable[..., Any]
    args: tuple[Any, ...]

    async def perform(self) -> Any:
        """Do it on an event loop, whether the store is sync (and must not wait) or async."""
        result = self.function(*self.args)
        return await result if hasattr(result, "__await__") else result


class ReadBody(NamedTuple):
    """Write the body into ``sink`` within ``seconds``; nothing is sent back."""

    sink: BodySink
    length: int | None
    """The declared length in bytes, or None."""
    seconds: float


class Pause(NamedTuple):
    """Wait ``seconds``; nothing is sent back."""

    seconds: float


Effect: TypeAlias = Call | ReadBody | Pause


class Admitted(NamedTuple):
    """The handler may run."""

    event: WebhookEvent
    key: bytes | None
    """The ledger key that is claimed; None without a ledger."""
    token: bytes
    """What the claim is settled with."""


Admitting: TypeAlias = Generator[Effect, Any, Reply | Admitted]
"""Ends in a reply to give at once or in the admission; raises the error that refuses."""

Settling: TypeAlias = Generator[Effect, Any, None]
