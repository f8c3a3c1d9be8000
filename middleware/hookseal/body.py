"""A body on its way in: capped, hashed as it arrives and held once.

Knows bytes. Must not know where they come from or how long they may take.
"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from hookseal.errors import BodyTooLarge

if TYPE_CHECKING:
    from hookseal.secrets import RunningHash

__all__ = ["BodySink", "fingerprint"]


class BodySink:
    """Takes chunks, feeds them to the running hashes and keeps them as one ``bytes``.

    Chunks after the first grow one buffer in place, and :meth:`value` hands that buffer out
    without a copy, so that a body of n bytes never takes 2 n.
    """

    __slots__ = ("_buffer", "_first", "_running", "limit", "size")

    def __init__(self, limit: int, running: list[RunningHash]) -> None:
        self.limit = limit
        self._running = running
        self._first = b""
        self._buffer: io.BytesIO | None = None
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Add ``chunk``; raise :class:`BodyTooLarge` once the limit is passed."""
        self.size += len(chunk)
        if self.size > self.limit:
            raise BodyTooLarge
        for one in self._running:
            one.update(chunk)
        if self._buffer is not None:
            self._buffer.write(chunk)
        elif not self._first:
            self._first = chunk
        else:
            self._buffer = io.BytesIO()
            self._buffer.write(self._first)
            self._buffer.write(chunk)
            self._first = b""

    def value(self) -> bytes:
        """Return the whole body."""
        return self._first if self._buffer is None else self._buffer.getvalue()


def fingerprint(body: bytes) -> int:
    """Return a number that changes with the body: to notice a change, not to resist one."""
    return zlib.crc32(body)
