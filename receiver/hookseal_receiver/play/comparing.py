"""What differs between two requests: their lines, headers and bodies.

Knows difflib and its cost. Must not know how a difference is shown.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hookseal_receiver.play.model import Captured
from hookseal_receiver.play.present import json_lines, visible

__all__ = ["Comparison", "Line", "compare"]

_MOST_LINES = 2000
_LONGEST_LINE = 2000
_COMPARED_BYTES = 256 * 1024
_CONTEXT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: in both, only in the first, only in the second, or a gap of lines left out."""

    kind: Literal["same", "first", "second", "gap"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two requests side by side. ``bodies`` tells what is known of the bodies as a whole."""

    start: tuple[Line, ...]
    headers: tuple[Line, ...]
    body: tuple[Line, ...]
    bodies: str


class _Body(NamedTuple):
    """The lines of a body that are compared; ``whole`` if these are all of it."""

    lines: list[str]
    whole: bool


def compare(first: Captured, second: Captured) -> Comparison:
    """Return what differs; JSON bodies are compared indented."""
    bodies = _body(first), _body(second)
    body = _lines(*(each.lines for each in bodies))
    whole = all(each.whole for each in bodies)
    return Comparison(
        start=_lines([_start(first)], [_start(second)]),
        headers=_lines(_headers(first), _headers(second)),
        body=body,
        bodies=_bodies(first, second, same=not body, whole=whole),
    )


def _start(one: Captured) -> str:
    return visible(f"{one.draft.method} {one.draft.target or '/'} HTTP/{one.draft.http_version}")


def _headers(one: Captured) -> list[str]:
    return sorted(visible(f"{name}: {value}") for name, value in one.draft.headers)


def _body(one: Captured) -> _Body:
    body = one.draft.body
    lines = json_lines(body, _MOST_LINES + 1)
    whole = lines is not None or len(body) <= _COMPARED_BYTES
    if lines is None:
        text = body[:_COMPARED_BYTES].decode("utf-8", "backslashreplace")
        lines = visible(text).split("\n")
    short = [
        f"{line[:_LONGEST_LINE]}\u2026" if len(line) > _LONGEST_LINE else line for line in lines
    ]
    return _Body(short[:_MOST_LINES], whole and len(lines) <= _MOST_LINES and short == lines)


def _bodies(first: Captured, second: Captured, *, same: bool, whole: bool) -> str:
    if first.draft.cut or second.draft.cut:
        return "At least one body is longer than what is kept; only what is kept is compared."
    if first.draft.body == second.draft.body:
        return "The bodies are the same, byte for byte."
    sizes = f"{first.draft.size} and {second.draft.size} bytes"
    if same and not whole:
        return f"The bodies differ ({sizes}), but not in the beginning, which is compared."
    if same:
        return f"The bodies differ in white space alone ({sizes}), which a signature covers too."
    return f"The bodies differ: {sizes}."


def _lines(first: list[str], second: list[str]) -> tuple[Line, ...]:
    """Return the differences with a few lines around each."""
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=True)
    lines: list[Line] = []
    for place, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
        if place:
            lines.append(Line(kind="gap", text="..."))
        for tag, a_start, a_end, b_start, b_end in group:
            if tag == "equal":
                lines += [Line(kind="same", text=text) for text in first[a_start:a_end]]
                continue
            lines += [Line(kind="first", text=text) for text in first[a_start:a_end]]
            lines += [Line(kind="second", text=text) for text in second[b_start:b_end]]
    return tuple(lines)
