"""The URLs of Play's own inspectors, which a delivery may go to wherever this server is.

Knows where Play is mounted. Must not know what it does. Such a URL is matched whole: the origin is
the operator's own, and the path leads to a capture and nowhere else.
"""

from __future__ import annotations

import re

__all__ = ["PLAY_PATH", "Inspectors"]

PLAY_PATH = "/play"
"""Where Play is below the public URL."""


class Inspectors:
    """Tells inspectors below ``public_url`` from other URLs. Without one there are none."""

    def __init__(self, public_url: str = "") -> None:
        self.base = f"{public_url.rstrip('/')}{PLAY_PATH}"
        self._url = re.compile(rf"{re.escape(self.base)}/in/([A-Za-z0-9_-]{{20,64}})", re.ASCII)
        self._any = bool(public_url)

    def token_of(self, url: str) -> str | None:
        """Return the token in an inspector's URL, None for any other URL."""
        found = self._url.fullmatch(url) if self._any else None
        return None if found is None else found[1]

    def __contains__(self, url: str) -> bool:
        return self.token_of(url) is not None
