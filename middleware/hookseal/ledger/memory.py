"""The ledger in this process's memory: the default, for one process.

Knows how to stay bounded and flat in cost. Must not know other processes: with several workers,
use a store that they share.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from hookseal.errors import ConfigError
from hookseal.ledger.base import Claimed, Done, InFlight, Outcome, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LedgerFullError", "MemoryLedger"]

DEFAULT_MAX_KEYS = 100_000
_EXPIRED_PER_CLAIM = 2
"""Above 1, so that expired replies go faster than new ones come."""

_log = logging.getLogger("hookseal.ledger")


class LedgerFullError(Exception):
    """Every place is held by an event that is being handled now."""


class MemoryLedger:
    """Claims and replies in two dictionaries, safe to share between threads.

    At ``max_keys`` the oldest reply is forgotten early, which a warning says once; a claim never
    is, and a claim too many is refused. One small reply takes under 1 KiB.
    """

    def __init__(
        self,
        *,
        max_keys: int = DEFAULT_MAX_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_keys < 1:
            raise ConfigError(f"max_keys: {max_keys}; it must be 1 or more.")
        self._max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        self._claims: OrderedDict[bytes, _Claim] = OrderedDict()
        self._done: OrderedDict[bytes, tuple[float, Done]] = OrderedDict()
        self._warned = False

    def __len__(self) -> int:
        return len(self._claims) + len(self._done)

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim ``key`` for ``lease`` seconds, or say why not."""
        now = self._clock()
        with self._lock:
            self._forget_expired(now)
            done = self._done.get(key)
            if done is not None and done[0] > now:
                return done[1]
            held = self._claims.get(key)
            if held is not None and held.expires > now:
                return InFlight(held.expires - now)
            if held is None:
                self._make_room(now)
            attempt = 1 if held is None else held.attempt + 1
            self._claims[key] = _Claim(token, now + lease, attempt, fingerprint)
            return Claimed(attempt)

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        with self._lock:
            held = self._claims.get(key)
            if held is None or held.token != token:
                return False
            held.expires = self._clock() + lease
            return True

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        with self._lock:
            held = self._claims.get(key)
            if held is None or held.token != token:
                return False
            del self._claims[key]
            self._done.pop(key, None)
            self._done[key] = (self._clock() + retention, Done(reply, held.fingerprint))
            return True

    def release(self, key: bytes, token: bytes) -> bool:
        """Forget the claim; False if it is not held."""
        with self._lock:
            held = self._claims.get(key)
            if held is None or held.token != token:
                return False
            del self._claims[key]
            return True

    def _forget_expired(self, now: float) -> None:
        for _ in range(_EXPIRED_PER_CLAIM):
            if not self._done or self._done[next(iter(self._done))][0] > now:
                return
            self._done.popitem(last=False)

    def _make_room(self, now: float) -> None:
        if len(self) < self._max_keys:
            return
        if not self._done:
            self._drop_abandoned_claim(now)
            return
        self._done.popitem(last=False)
        if not self._warned:
            self._warned = True
            _log.warning(
                "the memory ledger is full at %d events and forgets the oldest before their time: "
                "raise max_keys or use a durable store",
                self._max_keys,
            )

    def _drop_abandoned_claim(self, now: float) -> None:
        oldest = next(iter(self._claims))
        if self._claims[oldest].expires > now:
            raise LedgerFullError(f"{self._max_keys} events are being handled")
        del self._claims[oldest]


class _Claim:
    """A claim that is held, until ``expires`` on the ledger's clock."""

    __slots__ = ("attempt", "expires", "fingerprint", "token")

    def __init__(self, token: bytes, expires: float, attempt: int, fingerprint: int) -> None:
        self.token = token
        self.expires = expires
        self.attempt = attempt
        self.fingerprint = fingerprint
