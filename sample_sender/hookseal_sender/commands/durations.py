"""Durations as people write them: ``30d``, ``12h``, ``90m``, ``45s``.

Knows their form. Must not know what lasts so long.
"""

from __future__ import annotations

import re

__all__ = ["parse_duration"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the seconds. Raises ValueError, with what to write, for anything else or none."""
    parts = _FORM.fullmatch(text.strip())
    seconds = int(parts[1]) * _UNITS[parts[2]] if parts else 0
    if seconds == 0:
        raise ValueError("write a number and a unit: 30d, 12h, 90m or 45s")
    return seconds
