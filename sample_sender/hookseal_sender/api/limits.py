"""How often a token may call.

Knows slowapi's limiter. Must not know operations: it counts keys.

The limiter's own strategy is asked directly: slowapi's decorator and middlewares count by URL, and
cost 21 to 254 microseconds a request where this costs 3.
"""

from __future__ import annotations

import ipaddress
import math
from pathlib import Path
from typing import TYPE_CHECKING

from limits import parse_many
from slowapi import Limiter

from hookseal_sender.errors import SenderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from limits import RateLimitItem

__all__ = ["RateLimit", "RateLimited", "address_key"]

_IPV6_NETWORK = 64  # what one customer of a provider has at least
_EMPTY_FILE = Path(__file__).parent.with_name("py.typed")


class RateLimited(SenderError):
    """The token, or the address, called too often. ``headers`` say when to come back."""

    code = "rate_limited"
    status_hint = 429

    def __init__(self, limit: str, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"more than {limit}; wait as Retry-After says")
        self.headers = headers


class RateLimit:
    """Allows ``rate`` for each key, such as "5000/second" or "100/second;2000/minute".

    Several rates are all kept. Counts are this process's own. ``clock`` returns unix seconds.
    Raises ValueError if ``rate`` cannot be read.
    """

    def __init__(self, rate: str, clock: Callable[[], float]) -> None:
        # The shortest first: what it refuses does not use up what a longer one allows.
        self._items = sorted(set(parse_many(rate)), key=lambda item: item.get_expiry())
        # slowapi would take settings from a .env in the working directory, and RATELIMIT_STRATEGY.
        self._strategy = Limiter(
            key_func=str,
            storage_uri="memory://",
            strategy="fixed-window",
            config_filename=str(_EMPTY_FILE),
        ).limiter
        self._clock = clock

    def hit(self, key: str) -> None:
        """Count a call of ``key``. Raises RateLimited if there were too many."""
        for item in self._items:
            if not self._strategy.hit(item, key):
                raise self._refusal(key, item)

    def _refusal(self, key: str, refused: RateLimitItem) -> RateLimited:
        """Return what to raise: the rate that is used up for longest says when to come back."""
        used_up = [
            item for item in self._items if item is refused or not self._strategy.test(item, key)
        ]
        ends = {item: self._strategy.get_window_stats(item, key).reset_time for item in used_up}
        item = max(ends, key=lambda item: ends[item])
        return RateLimited(str(item), self._headers(item, ends[item]))

    def _headers(self, item: RateLimitItem, reset: float) -> tuple[tuple[str, str], ...]:
        return (
            ("retry-after", str(max(1, math.ceil(reset - self._clock())))),
            ("x-ratelimit-limit", str(item.amount)),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", str(math.ceil(reset))),
        )


def address_key(host: str | None) -> str:
    """Return what a caller without a token is counted by: its address, IPv6 by its /64."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((int(address), _IPV6_NETWORK), strict=False))
