"""Identifiers that callers choose: uids, event types, channels.

Knows the characters and how the rule is said.
"""

from __future__ import annotations

import re

__all__ = ["MAX_NAME", "NAME_PATTERN", "is_name", "name_rule"]

NAME_PATTERN = "^[a-zA-Z0-9\\-_.]+$"
"""The characters, as a JSON Schema writes them."""
MAX_NAME = 256

_NAME = re.compile(r"[a-zA-Z0-9\-_.]+\Z")


def is_name(text: str, longest: int = MAX_NAME) -> bool:
    """Tell whether ``text`` can be an identifier of at most ``longest`` characters."""
    return len(text) <= longest and _NAME.match(text) is not None


def name_rule(longest: int = MAX_NAME) -> str:
    """Return the rule in words."""
    return f"1 to {longest} letters, digits, '-', '_' and '.'"
