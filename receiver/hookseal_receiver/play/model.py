"""The values of Play: bins, captured requests, verdicts and answers on purpose.

Knows their shapes. Must not know how they are stored, judged or shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Answer",
    "Bin",
    "Captured",
    "Draft",
    "Earlier",
    "Outcome",
    "Reply",
    "State",
    "Step",
    "Verdict",
]

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields in order, repeated ones kept; bytes read as latin-1."""

State: TypeAlias = Literal["pass", "fail", "repeat", "skip"]
"""What a step of a verdict came to; ``skip`` is not checked."""

Outcome: TypeAlias = Literal["verified", "refused", "repeat", "unchecked"]
"""What the middleware would have made of a request."""

OUTCOMES: tuple[Outcome, ...] = ("verified", "refused", "repeat", "unchecked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a bin answers on purpose."""

    statuses: tuple[int, ...] = (200,)
    """In turn, one a request; the last goes on for ever."""
    headers: Pairs = ()
    body: str = ""
    delay: float = 0.0
    """Seconds before the answer begins, at most 30."""
    manner: Literal["whole", "drip", "close"] = "whole"
    """At once; a byte at a time; or the connection closed without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A private URL and what it does. Times are in unix milliseconds."""

    id: int
    name: str
    """Chosen, or empty."""
    capture_token: str = field(repr=False)
    view_token: str = field(repr=False)
    created_ms: int
    expires_ms: int
    secrets: tuple[str, ...] = field(default=(), repr=False)
    answer: Answer = Answer()
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One check of a request, with its reason in a sentence and what may have caused it."""

    name: str
    state: State
    reason: str
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All checks of a request, made when it came."""

    outcome: Outcome
    steps: tuple[Step, ...]
    event_id: str = ""
    """The id in its headers, where they could be read."""

    @property
    def reason(self) -> str:
        """The sentence of the step that decided."""
        decides = {"refused": "fail", "repeat": "repeat", "unchecked": "skip", "verified": ""}
        states = [step for step in self.steps if step.state == decides[self.outcome]]
        if not states:
            return "Every check passed."
        return states[0 if self.outcome == "refused" else -1].reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request as it came, before it is judged and stored."""

    at_ms: int
    method: str
    path: str
    """What follows the bin's URL: empty, or a path with its slash."""
    query: str
    http_version: str
    scheme: str
    client: str
    headers: Pairs = field(repr=False)
    body: bytes = field(repr=False)
    """At most as much as the settings keep."""
    size: int
    """Bytes of the whole body, kept or not."""

    @property
    def cut(self) -> bool:
        """Whether the body is longer than what was kept."""
        return self.size > len(self.body)

    @property
    def target(self) -> str:
        """The path below the bin's URL with the query."""
        return self.path + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The first request of a bin with the same event id."""

    number: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered: ``status`` 0 where the connection was closed without a word."""

    status: int
    headers: Pairs = ()
    body: bytes = field(default=b"", repr=False)
    note: str = ""
    """Why, where it was not the bin's own answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A stored request. ``number`` counts up in its bin and is never used again."""

    number: int
    draft: Draft
    verdict: Verdict
    reply: Reply | None = None
    took_ms: int | None = None
    """From the last byte of the request to the end of the answer."""
