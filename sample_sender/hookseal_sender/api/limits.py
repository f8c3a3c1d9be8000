"""How often a token may call.

Knows slowapi's limiter. Must not know operations: it counts keys.

The limiter's own strategy is asked directly: slowapi's decorator and middlewares count by URL, and
cost 21 to 254 microseconds a request where this costs 3.
"""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING

from limits import parse
from slowapi import Limiter

from hookseal_sender.errors import SenderError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RateLimit", "RateLimited", "address_key"]

_IPV6_NETWORK = 64  # what one customer of a provider has at least


class RateLimited(SenderError):
    """The token, or the address, called too often. ``headers`` say when to come back."""

    code = "rate_limited"
    status_hint = 429

    def __init__(self, limit: str, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"more than {limit}; wait as Retry-After says")
        self.headers = headers


class RateLimit:
    """Allows ``rate`` for each key, such as "5000/second". ``clock`` returns unix seconds.

    Raises ValueError if ``rate`` cannot be read.
    """

    def __init__(self, rate: str, clock: Callable[[], float]) -> None:
        self._item = parse(rate)
        self._strategy = Limiter(key_func=str, storage_uri="memory://").limiter
        self._clock = clock

    def hit(self, key: str) -> None:
        """Count a call of ``key``. Raises RateLimited if there were too many."""
        if not self._strategy.hit(self._item, key):
            raise RateLimited(str(self._item), self._headers(key))

    def _headers(self, key: str) -> tuple[tuple[str, str], ...]:
        reset, remaining = self._strategy.get_window_stats(self._item, key)
        wait = max(1, math.ceil(reset - self._clock()))
        return (
            ("retry-after", str(wait)),
            ("x-ratelimit-limit", str(self._item.amount)),
            ("x-ratelimit-remaining", str(remaining)),
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
