"""What a signature scheme declares, so that one verifier serves them all.

Knows the shape of a signed request. Must not know keys, clocks or bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

__all__ = ["Envelope", "Scheme"]


class Envelope:
    """The signed parts of a request other than its body, read from its headers.

    ``timestamp`` is in unix seconds, or None where the scheme has no clock; ``prefix`` the bytes
    that are signed ahead of the body, exactly as received; ``tokens`` the signatures, of every
    kind and as the headers spell them.
    """

    __slots__ = ("event_id", "prefix", "timestamp", "tokens")

    def __init__(
        self, event_id: str, timestamp: int | None, prefix: bytes, tokens: list[bytes]
    ) -> None:
        self.event_id = event_id
        self.timestamp = timestamp
        self.prefix = prefix
        self.tokens = tokens


class Scheme(Protocol):
    """How one kind of sender signs: headers, signed content, encoding, clock and id."""

    @property
    def name(self) -> str:
        """A stable name, part of every ledger key."""
        ...

    @property
    def headers(self) -> frozenset[bytes]:
        """The lower-case names of every header the scheme reads."""
        ...

    @property
    def id_signed(self) -> bool:
        """Whether the signature covers the event id."""
        ...

    def read(self, fields: dict[bytes, bytes]) -> Envelope:
        """Return the envelope that ``fields`` (lower-case names) hold.

        Raises a :class:`~hookseal.errors.WebhookError` that counts as a failure.
        """
        ...

    def mac_token(self, mac: bytes) -> bytes:
        """Return ``mac`` as a token: a given one is not decoded, so no second spelling matches."""
        ...

    def ed25519_signatures(self, tokens: Iterable[bytes]) -> list[bytes]:
        """Return the ed25519 signatures among ``tokens``, without those that encode none."""
        ...

    def prefix(self, event_id: str, timestamp: int) -> bytes:
        """Return the bytes that are signed ahead of the body."""
        ...

    def write(
        self, event_id: str, timestamp: int, macs: list[bytes], ed25519: list[bytes]
    ) -> dict[str, str]:
        """Return the headers of a delivery that carries these signatures, given raw."""
        ...
