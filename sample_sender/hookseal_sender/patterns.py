"""Which events an endpoint wants.

Knows event names (``user.created``) and the patterns that select them: ``*`` for all, a name for
itself, ``user.*`` for everything below ``user``. Must not know endpoints or storage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EVENT_NAME", "check_pattern", "matches", "wants"]

EVENT_NAME = re.compile(r"[a-zA-Z0-9\-_.]{1,256}\Z")
"""The rule for event types of the Svix API."""
_BELOW = ".*"


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with ``pattern`` as a sentence, or None if it can be used."""
    if pattern == "*":
        return None
    name = pattern.removesuffix(_BELOW)
    if "*" in name:
        return "'*' stands alone or after a final dot, as in 'user.*'"
    if not EVENT_NAME.match(name):
        return "an event name has 1 to 256 letters, digits, '-', '_' and '.'"
    if pattern.endswith(_BELOW) and name.endswith("."):
        return "only one dot stands before the '*', as in 'user.*'"
    return None


def matches(pattern: str, event_type: str) -> bool:
    """Tell whether ``pattern`` selects ``event_type``; ``user.*`` does not select ``user``."""
    if pattern == "*":
        return True
    if pattern.endswith(_BELOW):
        stem = pattern[:-1]
        return event_type.startswith(stem) and event_type != stem
    return pattern == event_type


def wants(patterns: Sequence[str] | None, event_type: str) -> bool:
    """Tell whether an endpoint with ``patterns`` gets ``event_type``; None means every event."""
    return patterns is None or any(matches(pattern, event_type) for pattern in patterns)
