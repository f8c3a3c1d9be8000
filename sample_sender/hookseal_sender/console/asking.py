"""What a query of the log's page asks for.

Knows the names in it and how each is written. Must not know the store's statements. What cannot be
read is told beside its field, and never fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hookseal_sender.console.words import CODES, STATES
from hookseal_sender.patterns import EVENT_NAME
from hookseal_sender.store import LogFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.model import DeliveryState

__all__ = ["LogQuery", "moment_in", "read_query"]

_FIELDS = ("id", "state", "code", "event", "from", "to")
_LONGEST = 256
_CODE_DIGITS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class LogQuery:
    """A query: what it says, what it means, and what of it cannot be read.

    ``id`` is a message's id or the event's own, which counts beside the rest. ``behind`` is the
    message id to go on behind.
    """

    given: Mapping[str, str]
    where: LogFilter
    id: str = ""
    behind: str | None = None
    faults: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        """The query as it stands in a URL, without where it goes on."""
        return urlencode({name: value for name, value in self.given.items() if value})

    def going_on(self, behind: str) -> str:
        """Return the query of the page behind that message."""
        return f"{self.text}&behind={behind}" if self.text else f"behind={behind}"


def moment_in(text: str) -> int | None:
    """Return unix milliseconds of a time in UTC as browsers' forms write it, None for no time."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(int(aware.timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        return None


def read_query(query: Mapping[str, str]) -> LogQuery:
    """Return what the query asks for."""
    given = {name: _text(query, name) for name in _FIELDS}
    faults: dict[str, str] = {}
    status, status_class = _code(given["code"], faults)
    after_ms = _moment(given["from"], "from", faults)
    before_ms = _moment(given["to"], "to", faults)
    if after_ms is not None and before_ms is not None and after_ms >= before_ms:
        faults["to"] = "This must be later than From."
    return LogQuery(
        given=given,
        id=given["id"],
        behind=_text(query, "behind") or None,
        where=LogFilter(
            states=_states(given["state"], faults),
            status=status,
            status_class=status_class,
            event_type=_event(given["event"], faults),
            after_ms=after_ms,
            before_ms=before_ms,
        ),
        faults=faults,
    )


def _text(query: Mapping[str, str], name: str) -> str:
    """Return a field without what no id or name holds, and no column can."""
    return query.get(name, "").replace("\0", "").strip()[:_LONGEST]


def _states(text: str, faults: dict[str, str]) -> tuple[DeliveryState, ...] | None:
    if not text:
        return None
    found = tuple(state for state, words in STATES.items() if words.query == text)
    if not found:
        faults["state"] = "Choose one of the states."
    return found or None


def _code(text: str, faults: dict[str, str]) -> tuple[int | None, int | None]:
    """Return a code and a class of codes, of which one at most is there."""
    if not text:
        return None, None
    classes = dict(CODES)
    if text.lower() in classes:
        return None, classes[text.lower()]
    if text.isascii() and text.isdigit() and len(text) == _CODE_DIGITS:
        return int(text), None
    faults["code"] = "Write a code such as 503, a class such as 5xx, or none."
    return None, None


def _event(text: str, faults: dict[str, str]) -> str | None:
    if text and not EVENT_NAME.match(text):
        faults["event"] = (
            "Write one event's whole name, such as invoice.paid. Patterns are not searched for."
        )
        return None
    return text or None


def _moment(text: str, name: str, faults: dict[str, str]) -> int | None:
    if not text:
        return None
    found = moment_in(text)
    if found is None:
        faults[name] = "Write a time such as 2026-11-27T14:30."
    return found
