"""What happened to a request, told to whoever wants to know.

Knows the stable names of the events and the ready observer for :mod:`logging`. Must not know
secrets, signatures or bodies: none can be put into a note.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from hookseal.request import Request
    from hookseal.verify import WebhookEvent

__all__ = ["LoggingObserver", "Note", "NoteName", "Notes", "Observer"]

NoteName: TypeAlias = Literal[
    "accepted",  # verified, fresh, claimed: the handler runs
    "rejected",  # refused; the code says why
    "replayed",  # a finished duplicate got the stored reply
    "handshake",  # an endpoint-ownership handshake was answered
    "insecure_allowed",  # plain HTTP from a peer in allow_insecure_peers
    "body_changed",  # a duplicate id came with another body
    "released",  # the handler failed; the next attempt runs it again
    "lease_lost",  # the handler finished after its claim was taken over
    "settle_failed",  # the reply was good, but the ledger could not keep it
    "ledger_failed",  # the ledger could not be asked: refused, fail closed
    "picker_failed",  # the callable that picks secrets failed: refused, fail closed
]


class Note(NamedTuple):
    """One thing that happened to one request."""

    name: NoteName
    code: str = ""
    """The stable code of a rejection."""
    detail: str = ""
    source: str = ""
    event_id: str = ""
    peer: str = ""


class Observer(Protocol):
    """Is called with every note, on the path of the request: be quick, and never raise.

    One with a method ``wants``, which takes the name of a note, gets only those it wants.
    """

    def __call__(self, note: Note, /) -> None:
        """Take ``note``."""
        ...


class Notes:
    """Writes notes about requests and events to an observer."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._wants: Callable[[NoteName], bool] = getattr(observer, "wants", _everything)

    def request(
        self, name: NoteName, request: Request, *, code: str = "", detail: str = ""
    ) -> None:
        """Note something about a request that is not verified."""
        if self._wants(name):
            self._observer(Note(name, code, detail, peer=request.peer or ""))

    def event(self, name: NoteName, event: WebhookEvent, *, detail: str = "") -> None:
        """Note something about a verified event."""
        if self._wants(name):
            self._observer(Note(name, "", detail, event.source, event.id))


def _everything(name: NoteName) -> bool:  # noqa: ARG001 # an observer may look at the name
    return True


class LoggingObserver:
    """Writes notes to the logger ``hookseal``: trouble as warnings, the rest at INFO or DEBUG."""

    _LEVELS: dict[str, int] = {  # noqa: RUF012 # a constant
        "accepted": logging.DEBUG,
        "rejected": logging.INFO,
        "replayed": logging.INFO,
        "handshake": logging.INFO,
    }

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("hookseal")

    def wants(self, name: NoteName) -> bool:
        """Tell whether the logger takes notes of this name: most run with DEBUG off."""
        return self._logger.isEnabledFor(self._LEVELS.get(name, logging.WARNING))

    def __call__(self, note: Note, /) -> None:
        """Write ``note`` as one line of ``name key=value ...``."""
        if self.wants(note.name):
            pairs = zip(note._fields[1:], note[1:], strict=True)
            rest = " ".join(f"{key}={value!r}" for key, value in pairs if value)
            level = self._LEVELS.get(note.name, logging.WARNING)
            self._logger.log(level, "%s %s", note.name, rest)
