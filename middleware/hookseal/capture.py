"""The reply of a handler, as far as it is stored.

Knows what of a reply a duplicate is given. Must not know how a face sends it.
"""

from __future__ import annotations

from collections.abc import Iterable

from hookseal.ledger import Reply

__all__ = ["Capture"]


class Capture:
    """Collects a reply; one that outgrows ``limit`` bytes is stored by its status alone."""

    __slots__ = ("_body", "_headers", "_left", "_names", "_status", "overflown")

    def __init__(self, limit: int, names: frozenset[bytes]) -> None:
        self._left = limit
        self._names = names
        self._status = 0
        self._headers: tuple[tuple[bytes, bytes], ...] = ()
        self._body = b""
        self.overflown = False

    def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the status and those headers that are stored."""
        self._status = status
        self._headers = tuple([pair for pair in headers if pair[0].lower() in self._names])

    def add(self, chunk: bytes) -> None:
        """Take a part of the body."""
        self._left -= len(chunk)
        if self._left < 0:
            self.skip()
        else:
            self._body += chunk

    def skip(self) -> None:
        """Give the body up: it is too large, or it is sent from a file."""
        self.overflown = True
        self._left = -1
        self._body = b""

    def reply(self) -> Reply:
        """Return what is stored."""
        return Reply(self._status, () if self.overflown else self._headers, self._body)
