"""The ledger in this process's memory: the default, for one process.

Knows how to stay bounded and flat in cost. Must not know other processes: with several workers,
use a store that they share.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from hookseal.errors import ConfigError
from hookseal.ledger.base import Claimed, Done, InFlight, Outcome, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LedgerFullError", "MemoryLedger"]

DEFAULT_MAX_KEYS = 100_000
_EXPIRED_PER_CLAIM = 2
"""Above 1, so that expired replies go faster than new ones come."""

_FIRST = Claimed(1)

# Plain tuples of plain values: the garbage collector stops looking at them, however many there are.
_Claim: TypeAlias = tuple[bytes, float, int, int]
"""Token, expiry on the ledger's clock, attempt, fingerprint."""
_Record: TypeAlias = tuple[float, int, tuple[tuple[bytes, bytes], ...], bytes, int]
"""Expiry, then the status, headers and body of the reply, and the fingerprint of the event."""

_log = logging.getLogger("hookseal.ledger")


class LedgerFullError(Exception):
    """Every place is held by an event that is being handled now."""


class MemoryLedger:
    """Claims and replies in two dictionaries, safe to share between threads.

    At ``max_keys`` the oldest reply is forgotten early, which a warning says once; a claim never
    is, and a claim too many is refused. The attempt of a released claim is remembered while there
    is room. One small reply takes under 1 KiB.
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
        self._claims: dict[bytes, _Claim] = {}
        self._done: OrderedDict[bytes, _Record] = OrderedDict()
        self._released: dict[bytes, int] = {}
        """The attempts of released claims, where above 1; the first to go when room is needed."""
        self._oldest_expires = math.inf
        """No reply in ``_done`` expires before this."""
        self._warned = False

    def __len__(self) -> int:
        return len(self._claims) + len(self._done) + len(self._released)

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim ``key`` for ``lease`` seconds, or say why not."""
        now = self._clock()
        with self._lock:
            if self._oldest_expires <= now:
                self._forget_expired(now)
            record = self._done.get(key)
            if record is not None and record[0] > now:
                return _done(record)
            held = self._claims.get(key)
            if held is None:
                if self._released:
                    before = self._released.pop(key, 0)
                    if before:
                        self._claims[key] = (token, now + lease, before + 1, fingerprint)
                        return Claimed(before + 1)
                if len(self) >= self._max_keys:
                    self._make_room(now)
                self._claims[key] = (token, now + lease, 1, fingerprint)
                return _FIRST
            _, expires, attempt, _ = held
            if expires > now:
                return InFlight(expires - now)
            self._claims[key] = (token, now + lease, attempt + 1, fingerprint)
            return Claimed(attempt + 1)

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        with self._lock:
            held = self._claims.get(key)
            if held is None or held[0] != token:
                return False
            _, _, attempt, fingerprint = held
            self._claims[key] = (token, self._clock() + lease, attempt, fingerprint)
            return True

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        expires = self._clock() + retention
        with self._lock:
            held = self._claims.get(key)
            if held is None or held[0] != token:
                return False
            del self._claims[key]
            if key in self._done:
                del self._done[key]  # an expired one, which would keep its place in the order
            status, headers, body = reply
            self._done[key] = (expires, status, headers, body, held[3])
            self._oldest_expires = min(self._oldest_expires, expires)
            return True

    def release(self, key: bytes, token: bytes) -> bool:
        """End the claim; False if it is not held. A number above 1 is remembered."""
        with self._lock:
            held = self._claims.get(key)
            if held is None or held[0] != token:
                return False
            del self._claims[key]
            if held[2] > 1:
                self._released[key] = held[2]
            return True

    def _forget_expired(self, now: float) -> None:
        for _ in range(_EXPIRED_PER_CLAIM):
            oldest = next(iter(self._done), None)
            self._oldest_expires = math.inf if oldest is None else self._done[oldest][0]
            if oldest is None or self._oldest_expires > now:
                return
            del self._done[oldest]

    def _make_room(self, now: float) -> None:
        if self._released:
            del self._released[next(iter(self._released))]
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
        if self._claims[oldest][1] > now:
            raise LedgerFullError(f"{self._max_keys} events are being handled")
        del self._claims[oldest]


def _done(record: _Record) -> Done:
    _, status, headers, body, fingerprint = record
    return Done(Reply(status, headers, body), fingerprint)
