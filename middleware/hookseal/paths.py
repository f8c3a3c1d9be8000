"""Which paths receive webhooks. Filters fail closed.

Knows the ways in which routers read one path as another. Must not know routes.
"""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["PathFilter"]

_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@.-]*)+")
"""A path that every router reads alike, once ``//`` and dots are excluded too."""


class PathFilter:
    """Tells the paths to guard from those that are none of our business."""

    __slots__ = ("_exempt", "_guarded")

    def __init__(self, paths: Collection[str] | None, exempt: Collection[str]) -> None:
        self._exempt = frozenset(exempt)
        self._guarded = None if paths is None else tuple(_fold(path) for path in paths)

    def ignores(self, path: str) -> bool:
        """Tell whether ``path`` passes unchecked."""
        if path in self._exempt:
            return True
        if self._guarded is None or not _is_plain(path):
            return False
        folded = _fold(path)
        return not any(folded.startswith(guarded) for guarded in self._guarded)


def _is_plain(path: str) -> bool:
    return (
        _PLAIN.fullmatch(path) is not None
        and "//" not in path
        and not any(segment in {".", ".."} for segment in path.split("/"))
    )


def _fold(path: str) -> str:
    """Return ``path`` so that a prefix match respects segments, case and a trailing slash."""
    return path.lower().rstrip("/") + "/"
