"""The protocol of a ledger and the values it speaks in."""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

__all__ = [
    "AsyncLedger",
    "Claimed",
    "Done",
    "InFlight",
    "Ledger",
    "Outcome",
    "Reply",
]


class Reply(NamedTuple):
    """An answer that is stored, to be given again to a finished duplicate."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Claimed(NamedTuple):
    """The event is the caller's to handle."""

    attempt: int
    """1, or more when an earlier claim's lease ran out: a fencing number, never a lower one than an
    earlier claim of the event had, while the store remembers that."""


class InFlight(NamedTuple):
    """Somebody else is handling the event."""

    lease_seconds: float
    """How long that claim lasts if it is not renewed."""


class Done(NamedTuple):
    """The event was handled."""

    reply: Reply
    fingerprint: int
    """The fingerprint of the body that was handled."""


Outcome: TypeAlias = Claimed | InFlight | Done


class Ledger(Protocol):
    """What every idempotency store does; each call is one atomic step.

    ``key`` names the event; ``token`` the claimant, and only the holder of the current token
    changes a claim. Times are in seconds; ``fingerprint`` is below 2**32. Any exception means that
    the store is unavailable. A store whose methods may wait has the attribute ``blocking = True``,
    so that nobody calls it on an event loop.

    A claim that is released is forgotten where its attempt is 1. Above that, a run that lost its
    lease may still be going on: the number is kept as long as that of an abandoned claim, and the
    next attempt is one more.
    """

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        ...

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        ...

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        ...

    def release(self, key: bytes, token: bytes) -> bool:
        """End the claim, so that the event is claimed again; False if it is not held."""
        ...


class AsyncLedger(Protocol):
    """The same as coroutines."""

    async def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        ...

    async def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        ...

    async def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        ...

    async def release(self, key: bytes, token: bytes) -> bool:
        """End the claim, so that the event is claimed again; False if it is not held."""
        ...
