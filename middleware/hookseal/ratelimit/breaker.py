"""When a store that failed is asked again.

Knows time and whether the store answers. Must not know what it is asked.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell: TypeAlias = Callable[[Literal["limits_failed", "limits_recovered"], str], None]

__all__ = ["Breaker"]

DEFAULT_SECONDS = 5.0


class Breaker:
    """Keeps requests from a store that fails: one in ``seconds`` asks whether it is back.

    ``tell`` is given each failure and the recovery, with the kind of the error. A probe that never
    ends holds nothing up: the next one goes ``seconds`` after it.
    """

    def __init__(
        self,
        tell: Tell,
        *,
        seconds: float = DEFAULT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._probe_at = 0.0
        self.open = False
        """Whether the store failed when it was last asked."""

    def lets_ask(self) -> bool:
        """Tell whether the caller may ask the store: always, or as the one probe of a while."""
        if not self.open:
            return True
        with self._lock:
            now = self._clock()
            if now < self._probe_at:
                return False
            self._probe_at = now + self._seconds
            return True

    def failed(self, error: Exception) -> None:
        """Take note that the store was asked and failed."""
        with self._lock:
            self.open, self._probe_at = True, self._clock() + self._seconds
        # Its kind alone: what a client says may hold its URL, and so a password.
        self._tell("limits_failed", type(error).__name__)

    def answered(self) -> None:
        """Take note that the store was asked and answered."""
        with self._lock:
            recovered, self.open = self.open, False
        if recovered:
            self._tell("limits_recovered", "")
