"""The limits of Play.

Knows their defaults and what is allowed. Must not read the environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hookseal import ConfigError

__all__ = ["PlaySettings"]

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySettings:
    """How much Play keeps and for whom it works. Raises ConfigError for a limit below 1."""

    public_url: str = ""
    """The URL that Play is reached at, such as ``https://hooks.example.com/play``; else the
    request's own."""
    bin_seconds: int = 7 * _DAY_SECONDS
    """A bin lives for so long after it was made or opened by name."""
    requests_kept: int = 500
    """Requests a bin keeps; the oldest go."""
    bytes_kept: int = 64 * 1024 * 1024
    """Bytes a bin keeps, answers and what is searched included; the oldest requests go."""
    body_kept: int = 1024 * 1024
    """Bytes of one body that are kept; the rest is counted."""
    body_limit: int = 16 * 1024 * 1024
    """Bytes of one body that are read; a longer one is answered 413."""
    body_seconds: float = 30.0
    """A body must arrive within so long."""
    bins_per_client: int = 20
    """Living bins that one client address may make."""
    bins: int = 10_000
    """Living bins in all."""
    live_pages: int = 200
    """Pages that are shown live at once; further ones are shown without."""
    tolerance: int = 300
    """Accepted age and lead of a timestamp, in seconds."""
    anyone_may_make: bool = True
    """Whether Play's own front page makes bins; where not, only :class:`Play` does."""
    made_at: str = ""
    """The URL of the page that makes bins instead, such as a console's, for pages to lead to."""
    view_hosts: tuple[str, ...] = ()
    """Host names that pages are shown under; empty for any. Capturing works under every name, so
    that a tunnel to this machine shows nothing."""
    frame_origins: tuple[str, ...] = ()
    """Origins that may show the pages in a frame."""
    trusted_proxies: tuple[str, ...] = ()
    """Proxies whose X-Forwarded-Proto and X-Forwarded-For are believed."""
    form_key: bytes = b""
    """Signs the tokens of forms; random by default. Give the same to every process."""

    def __post_init__(self) -> None:
        for name in _counts():
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)}; it must be 1 or more.")
        if not self.body_seconds > 0:
            raise ConfigError(f"body_seconds: {self.body_seconds}; it must be above 0.")
        if self.body_limit < self.body_kept:
            raise ConfigError("body_limit: below body_kept; read at least what is kept.")


def _counts() -> Iterable[str]:
    return (
        "bin_seconds",
        "requests_kept",
        "bytes_kept",
        "body_kept",
        "body_limit",
        "bins_per_client",
        "bins",
        "live_pages",
        "tolerance",
    )
