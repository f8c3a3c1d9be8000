"""What the log says of requests that failed.

Knows which failures are the operator's to mend, and how often one is worth a line. Must not know
who asked, or what the answer says.
"""

from __future__ import annotations

import logging
import math
import traceback
from typing import TYPE_CHECKING

from hookseal_sender.errors import ReadTooLong, SealBroken, SenderError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Complaints"]

_log = logging.getLogger(__name__)
_SAID_EVERY = 1.0  # seconds: a database that is away fails every request


class Complaints:
    """Logs what is our own fault; of what may fail every request one line a kind and second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def tell(self, error: Exception) -> None:
        """Log the failure of a request, unless whoever asked can mend it."""
        if not isinstance(error, SenderError):
            # The frames only: the words of an unforeseen exception may quote a body.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a request failed: %s\n%s", type(error).__name__, frames)
        elif _is_ours(error) and self._is_time(error.code):
            _log.warning("a request failed: %s", error)

    def _is_time(self, kind: str) -> bool:
        now = self._clock()
        if abs(now - self._said.get(kind, -math.inf)) < _SAID_EVERY:
            return False
        self._said[kind] = now
        return True


def _is_ours(error: SenderError) -> bool:
    """Tell whether the operator has something to mend; a read that is too long is the caller's."""
    return isinstance(error, StoreUnavailable | SealBroken) and not isinstance(error, ReadTooLong)
