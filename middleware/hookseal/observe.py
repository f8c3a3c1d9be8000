"""What happened to a request, told to whoever wants to know.

Knows the stable names of the events, how observers are told, and the ready one for :mod:`logging`.
Must not know secrets, signatures or bodies: none can be put into a note.
"""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from hookseal.errors import ConfigError

if TYPE_CHECKING:
    from hookseal.request import Request
    from hookseal.verify import WebhookEvent

__all__ = ["LoggingObserver", "Note", "NoteName", "Notes", "Observer", "Observers", "SourceNames"]

NoteName: TypeAlias = Literal[
    "accepted",  # verified, fresh, claimed: the handler runs
    "completed",  # the handler succeeded; the ledger, if there is one, keeps its reply
    "rejected",  # refused; the code says why
    "would_reject",  # in report mode: would have been refused; the code says why
    "replayed",  # a finished duplicate got the stored reply
    "handshake",  # an endpoint-ownership handshake was answered
    "would_reply",  # in report mode: a handshake or a duplicate would have been answered
    "insecure_allowed",  # plain HTTP from a peer in allow_insecure_peers
    "body_changed",  # a duplicate id came with another body
    "released",  # the handler failed; the next attempt runs it again
    "lease_lost",  # the handler finished after its claim was taken over
    "settle_failed",  # the handler ended, but the ledger could not record it
    "ledger_failed",  # the ledger could not be asked: refused, fail closed
    "picker_failed",  # the callable that picks secrets failed: refused, fail closed
    "limits_failed",  # the store of limits failed: this process counts for itself meanwhile
    "limits_recovered",  # the store of limits answers again
]

_REPORTED = frozenset({"would_reject", "would_reply"})
"""Of a verified event, report mode then lets the handler run."""


class Note(NamedTuple):
    """One thing that happened to one request."""

    name: NoteName
    code: str = ""
    """The stable code of a rejection."""
    detail: str = ""
    source: str = ""
    event_id: str = ""
    peer: str = ""
    attempt: int = 0
    """Of the event, from 1; 0 where no event is verified."""
    body_bytes: int = 0
    seconds: float | None = None
    """How long the handler ran, in the note of its end; None in every other."""

    @property
    def begins_run(self) -> bool:
        """Whether the handler runs from here on; a note with ``seconds`` then tells its end."""
        return self.name == "accepted" or (self.attempt > 0 and self.name in _REPORTED)


class Observer(Protocol):
    """Is called with every note, on the path of the request: be quick, and never wait.

    One with a method ``wants``, which takes the name of a note, gets only those it wants. One that
    raises is logged once; the request goes on.
    """

    def __call__(self, note: Note, /) -> None:
        """Take ``note``."""
        ...


class Notes:
    """Writes notes about requests and events to an observer. Never raises once it is made."""

    def __init__(
        self, observer: Observer, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._told = _Told(observer)
        self._wants = self._told.wants
        self.clock = clock
        """Gives the seconds that handlers are timed by."""

    def request(
        self, name: NoteName, request: Request, *, code: str = "", detail: str = ""
    ) -> None:
        """Note something about a request that is not verified."""
        try:
            if self._wants(name):
                self._told.observer(Note(name, code, detail, peer=request.peer or ""))
        except Exception as error:  # noqa: BLE001 # an observer is somebody else's code
            self._told.failed(error)

    def event(
        self,
        name: NoteName,
        event: WebhookEvent,
        *,
        code: str = "",
        detail: str = "",
        since: float | None = None,
    ) -> None:
        """Note something about a verified event, whose handler ran ``since`` then if it ended."""
        try:
            if self._wants(name):
                seconds = None if since is None else self.clock() - since
                self._told.observer(_event_note(name, event, code, detail, seconds))
        except Exception as error:  # noqa: BLE001 # likewise
            self._told.failed(error)

    def limits(self, name: Literal["limits_failed", "limits_recovered"], detail: str) -> None:
        """Note something about the store of limits."""
        try:
            if self._wants(name):
                self._told.observer(Note(name, "", detail))
        except Exception as error:  # noqa: BLE001 # likewise
            self._told.failed(error)


def _event_note(
    name: NoteName, event: WebhookEvent, code: str, detail: str, seconds: float | None
) -> Note:
    size = len(event.body)
    return Note(name, code, detail, event.source, event.id, "", event.attempt, size, seconds)


class Observers:
    """Tells several observers. One that raises harms neither the request nor the others.

    Raises :class:`~hookseal.errors.ConfigError` for what is no observer.
    """

    def __init__(self, *observers: Observer) -> None:
        self._told = [_Told(one) for one in observers]

    @property
    def failures(self) -> int:
        """How often an observer has raised."""
        return sum(one.failures for one in self._told)

    def wants(self, name: NoteName) -> bool:
        """Tell whether any of them wants notes of this name."""
        return any(one.asked(name) for one in self._told)

    def __call__(self, note: Note, /) -> None:
        """Give ``note`` to those that want it."""
        for one in self._told:
            one.tell(note)


class _Told:
    """One observer, and how often it has failed."""

    def __init__(self, observer: Observer) -> None:
        call = getattr(observer, "__call__", None)  # noqa: B004 # its kind is asked too
        if (
            call is None
            or inspect.iscoroutinefunction(observer)
            or inspect.iscoroutinefunction(call)
        ):
            raise ConfigError(
                f"observer: {observer!r} is no plain callable. Give one that takes a Note and "
                "does not need to be awaited."
            )
        self.observer = observer
        self.wants: Callable[[NoteName], bool] = getattr(observer, "wants", _everything)
        self.failures = 0
        self._lock = threading.Lock()

    def asked(self, name: NoteName) -> bool:
        try:
            return self.wants(name)
        except Exception as error:  # noqa: BLE001 # an observer is somebody else's code
            self.failed(error)
            return False

    def tell(self, note: Note) -> None:
        try:
            if self.wants(note.name):
                self.observer(note)
        except Exception as error:  # noqa: BLE001 # likewise
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Count a failure, and log the first."""
        with self._lock:
            self.failures += 1
            first = self.failures == 1
        if first:
            logging.getLogger("hookseal").error(
                "the observer %s failed, so that notes are missing; this is said once",
                type(self.observer).__name__,
                exc_info=error,
            )


def _everything(name: NoteName) -> bool:  # noqa: ARG001 # an observer may look at the name
    return True


class LoggingObserver:
    """Writes notes to the logger ``hookseal``: trouble as warnings, the rest at INFO or DEBUG."""

    _LEVELS: dict[str, int] = {  # noqa: RUF012 # a constant
        "accepted": logging.DEBUG,
        "completed": logging.DEBUG,
        "rejected": logging.INFO,
        "replayed": logging.INFO,
        "handshake": logging.INFO,
        "would_reply": logging.INFO,
        "limits_recovered": logging.INFO,
    }

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("hookseal")

    def wants(self, name: NoteName) -> bool:
        """Tell whether the logger takes notes of this name: most run with DEBUG off."""
        return self._logger.isEnabledFor(self._LEVELS.get(name, logging.WARNING))

    def __call__(self, note: Note, /) -> None:
        """Write ``note`` as one line of ``name key=value ...``."""
        if self.wants(note.name):
            level = self._LEVELS.get(note.name, logging.WARNING)
            self._logger.log(level, "%s %s", note.name, " ".join(_pairs(note)))


def _pairs(note: Note) -> list[str]:
    """Return what is worth a place in a line; values are quoted, so that none can forge a line."""
    pairs = zip(note._fields[1:6], note[1:6], strict=True)
    shown = [f"{key}={value!r}" for key, value in pairs if value]
    if note.attempt > 1:
        shown.append(f"attempt={note.attempt}")
    if note.seconds is not None:
        shown.append(f"seconds={note.seconds:.3f}")
    return shown


class SourceNames:
    """The names of sources, for the labels of metrics: the first ``limit`` and then ``"other"``.

    A metrics store pays for every value of a label, and the sources of a platform's customers are
    many.
    """

    OTHER = "other"

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise ConfigError(f"max_sources: {limit}; it must be 0 or more.")
        self._limit = limit
        self._known: set[str] = {""}
        self._lock = threading.Lock()

    def label(self, source: str) -> str:
        """Return the label of ``source``: empty for a request that is not verified."""
        if source in self._known:
            return source
        with self._lock:
            if source in self._known or len(self._known) <= self._limit:
                self._known.add(source)
                return source
        return self.OTHER
