"""Play's values as text for its store, and back.

Knows JSON and the shapes of the values. Must not know SQL.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from hookseal_receiver.play.model import Answer, Pairs, Step, Verdict

__all__ = [
    "answer_from",
    "answer_text",
    "pairs_from",
    "pairs_text",
    "verdict_from",
    "verdict_text",
]

_SURROGATE = re.compile("[\ud800-\udfff]")
"""SQLite's text cannot hold these; a server that reads headers as UTF-8 may make them."""


def pairs_text(pairs: Pairs) -> str:
    """Return header fields as JSON, latin-1 unescaped: escapes take three times the room."""
    text = json.dumps(pairs, ensure_ascii=False)
    return json.dumps(pairs) if _SURROGATE.search(text) else text


def pairs_from(text: str) -> Pairs:
    """Return what :func:`pairs_text` wrote."""
    return tuple((name, value) for name, value in json.loads(text))


def answer_text(answer: Answer) -> str:
    """Return an answer on purpose as JSON."""
    return json.dumps(asdict(answer))


def answer_from(text: str) -> Answer:
    """Return what :func:`answer_text` wrote."""
    fields: dict[str, Any] = json.loads(text)
    headers = tuple((name, value) for name, value in fields.pop("headers"))
    return Answer(statuses=tuple(fields.pop("statuses")), headers=headers, **fields)


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as JSON."""
    return json.dumps(asdict(verdict))


def verdict_from(text: str) -> Verdict:
    """Return what :func:`verdict_text` wrote."""
    fields: dict[str, Any] = json.loads(text)
    steps = tuple(Step(causes=tuple(step.pop("causes")), **step) for step in fields["steps"])
    return Verdict(outcome=fields["outcome"], event_id=fields["event_id"], steps=steps)
