"""Choosing events in a form: names grouped by prefix, and patterns.

Knows how a choice becomes the fields of a form and back. Must not know pages or the store.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hookseal_sender.model import EventType

__all__ = ["Choice", "EventGroup", "choice_of", "chosen", "groups_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EventGroup:
    """Event types with the same first part; ``pattern`` selects all that there are and will be."""

    name: str
    pattern: str
    members: tuple[EventType, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a form shows as chosen. ``patterns`` are those that are no checkbox."""

    everything: bool
    checked: frozenset[str] = frozenset()
    patterns: str = ""


def groups_of(event_types: Iterable[EventType]) -> list[EventGroup]:
    """Return the event types in groups, by name."""
    grouped: dict[str, list[EventType]] = defaultdict(list)
    for each in event_types:
        grouped[each.name.partition(".")[0]].append(each)
    return [
        EventGroup(name=name, pattern=f"{name}.*", members=tuple(members))
        for name, members in sorted(grouped.items())
    ]


def choice_of(selected: Sequence[str] | None, groups: Iterable[EventGroup]) -> Choice:
    """Return how an endpoint's event types stand in the form."""
    if selected is None or "*" in selected:
        return Choice(everything=True)
    boxes = {group.pattern for group in groups if len(group.members) > 1}
    boxes |= {each.name for group in groups for each in group.members}
    others = [each for each in selected if each not in boxes]
    return Choice(everything=False, checked=frozenset(selected) & boxes, patterns="\n".join(others))


def chosen(fields: Sequence[tuple[str, str]]) -> list[str] | None:
    """Return the event types that a form chose, each once; None for every event."""
    given = dict(fields)
    if given.get("events", "all") == "all":
        return None
    boxes = [value for name, value in fields if name == "event"]
    return list(dict.fromkeys([*boxes, *given.get("patterns", "").replace(",", " ").split()]))
