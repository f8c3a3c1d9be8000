"""What the sender does, told to whoever counts it.

Knows the moments that are told and how several observers are. Must not know metrics, logs or the
store: an observer is given values, never a secret, a payload or a token of its own accord.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.model import Result
    from hookseal_sender.outcome import FaultKind

__all__ = [
    "CLAIM_SECONDS",
    "DURATION_SECONDS",
    "LATENESS_SECONDS",
    "NoObserver",
    "Observer",
    "Observers",
    "Work",
    "outcome_of",
]

_log = logging.getLogger(__name__)

CLAIM_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
DURATION_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
LATENESS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0)
"""The bounds of the histograms: for a claim, an exchange, and from due to attempted."""

Work: TypeAlias = Literal[
    "claim",  # nothing could be claimed; tried again soon
    "deliver",  # an attempt, or its record, broke off: its lease will end
    "release",  # deliveries could not be given back: their leases will end
    "publish",  # a message could not be stored: the caller was answered 503
    "purge",  # old rows could not be removed; tried again later
]
"""Work that can fail on our side, whatever the endpoints do."""


class Observer(Protocol):
    """Is told from the event loop, in the path of every delivery: be quick, never wait or raise."""

    def claimed(self, tasks: int, seconds: float) -> None:
        """Hear of a claim that took ``seconds`` and got ``tasks`` deliveries, perhaps none."""
        ...

    def attempted(
        self, result: Result, *, recorded: bool, lateness: float, fault: FaultKind | None = None
    ) -> None:
        """Hear of an attempt of a claimed delivery.

        ``lateness`` is the seconds from when it was due to when it was started, ``recorded`` tells
        whether the lease still held, ``fault`` why no answer came.
        """
        ...

    def released(self, tasks: int) -> None:
        """Hear of claimed deliveries that were given back unattempted: the worker stops."""
        ...

    def published(self, messages: int) -> None:
        """Hear of messages that were accepted: they are stored."""
        ...

    def purged(self, rows: int) -> None:
        """Hear of rows that were removed because their time was up."""
        ...

    def failed(self, work: Work) -> None:
        """Hear of something of ours that failed; the log says what."""
        ...


class NoObserver:
    """Takes everything and does nothing."""

    def claimed(self, tasks: int, seconds: float) -> None:
        """See :class:`Observer`."""

    def attempted(
        self, result: Result, *, recorded: bool, lateness: float, fault: FaultKind | None = None
    ) -> None:
        """See :class:`Observer`."""

    def released(self, tasks: int) -> None:
        """See :class:`Observer`."""

    def published(self, messages: int) -> None:
        """See :class:`Observer`."""

    def purged(self, rows: int) -> None:
        """See :class:`Observer`."""

    def failed(self, work: Work) -> None:
        """See :class:`Observer`."""


class Observers:
    """Tells several observers. One that raises is logged once; the others are told all the same."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._said: set[int] = set()

    def claimed(self, tasks: int, seconds: float) -> None:
        """See :class:`Observer`."""
        self._tell(lambda each: each.claimed(tasks, seconds))

    def attempted(
        self, result: Result, *, recorded: bool, lateness: float, fault: FaultKind | None = None
    ) -> None:
        """See :class:`Observer`."""
        self._tell(
            lambda each: each.attempted(result, recorded=recorded, lateness=lateness, fault=fault)
        )

    def released(self, tasks: int) -> None:
        """See :class:`Observer`."""
        self._tell(lambda each: each.released(tasks))

    def published(self, messages: int) -> None:
        """See :class:`Observer`."""
        self._tell(lambda each: each.published(messages))

    def purged(self, rows: int) -> None:
        """See :class:`Observer`."""
        self._tell(lambda each: each.purged(rows))

    def failed(self, work: Work) -> None:
        """See :class:`Observer`."""
        self._tell(lambda each: each.failed(work))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for each in self._observers:
            try:
                tell(each)
            except Exception:  # noqa: BLE001 # an observer is somebody else's code
                self._say(each)

    def _say(self, observer: Observer) -> None:
        if id(observer) not in self._said:
            self._said.add(id(observer))
            name = type(observer).__name__
            _log.exception("the observer %s failed, so that figures are missing; said once", name)


_CLASSES = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
_TOO_MANY_REQUESTS = 429


def outcome_of(status: int, fault: FaultKind | None) -> str:
    """Return one of few words for how an attempt ended: ``2xx``, ``429``, ``timeout``, ...

    ``status`` 0 without a ``fault`` is ``no_answer``. 429 is told apart from other 4xx, because it
    asks for less and not for a repair.
    """
    if fault is not None:
        return fault.value
    if status == _TOO_MANY_REQUESTS:
        return "429"
    return _CLASSES.get(status // 100, "other") if status else "no_answer"
