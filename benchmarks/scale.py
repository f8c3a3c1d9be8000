"""What it costs when many keys are held: it must stay flat."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from benchmarks.chain import UNLIMITED, requests_best
from benchmarks.deliveries import SECRET, accept
from benchmarks.measure import best, progress
from benchmarks.report import Table, Wanted
from hookseal.asgi import WebhookMiddleware
from hookseal.ledger import MemoryLedger, Reply
from hookseal.ratelimit import BoundedMemoryStorage, Budget

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run"]

_KEYS_HELD = (100, 10_000, 1_000_000)
_KEYS_HELD_BY_LIMITS = (100, 10_000)
_TRACED_KEYS = 20_000
_ROOM = 10_000_000
_DAY = 24 * 3600.0


def run(*, quick: bool) -> list[Table]:
    """Measure the chain, a claim and a hit at each number of keys, and the bytes of a key."""
    return [_ledgers(quick=quick), _limiters(quick=quick)]


def _ledgers(*, quick: bool) -> Table:
    ledgers: dict[str, MemoryLedger] = {}
    for count in _KEYS_HELD:
        progress(f"  filling a ledger with {count:,} keys")
        ledgers[f"{count:,}"] = _filled_ledger(count)
    claims = best(
        {name: _claim_and_complete(ledger) for name, ledger in ledgers.items()},
        seconds=2 if quick else 10,
    )
    chains = requests_best(
        {
            name: WebhookMiddleware(accept, SECRET, source_budget=UNLIMITED, ledger=ledger)
            for name, ledger in ledgers.items()
        },
        seconds=3 if quick else 20,
    )
    few, _, many = claims.values()
    few_chain, _, many_chain = chains.values()
    size = _bytes_per_key()
    return Table(
        title="scale: the memory ledger by keys held, us",
        columns=list(ledgers),
        rows=[
            ("claim and complete, new key", [f"{one:.2f}" for one in claims.values()]),
            ("whole chain", [f"{one:.1f}" for one in chains.values()]),
        ],
        wanted=[
            Wanted(what="claim at 1,000,000 over 100 keys", measured=many / few, wanted=2),
            Wanted(
                what="chain at 1,000,000 over 100 keys",
                measured=many_chain / few_chain,
                wanted=1.25,
            ),
            Wanted(what="bytes per key with a small reply", measured=size, wanted=1024),
        ],
        note="what grows is the processor's cache misses, not the work",
    )


def _filled_ledger(count: int) -> MemoryLedger:
    ledger = MemoryLedger(max_keys=_ROOM)
    handle = _claim_and_complete(ledger)
    for _ in range(count):
        handle()
    return ledger


def _claim_and_complete(ledger: MemoryLedger) -> Callable[[], object]:
    token = os.urandom(16)
    fields = ((b"content-type", b"text/plain"),)
    prefix = os.urandom(16)
    numbers = itertools.count()

    def handle() -> None:
        key = prefix + next(numbers).to_bytes(16, "big")
        ledger.claim(key, token, 30, 0)
        ledger.complete(key, token, Reply(200, fields, b"ok"), _DAY)

    return handle


def _bytes_per_key() -> float:
    """Measure with nothing shared between keys: each its own reply, as requests make them."""
    ledger = MemoryLedger(max_keys=_ROOM)
    tracemalloc.start()
    for number in range(_TRACED_KEYS):
        key, token = os.urandom(32), os.urandom(16)
        ledger.claim(key, token, 30, 2**31 + number)
        body = b'{"received": %d, "status": "queued"}' % number
        fields = ((bytes(bytearray(b"content-type")), bytes(bytearray(b"application/json"))),)
        ledger.complete(key, token, Reply(200, fields, body), _DAY)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / _TRACED_KEYS


def _limiters(*, quick: bool) -> Table:
    variants: dict[str, Callable[[], object]] = {}
    for count in _KEYS_HELD:
        progress(f"  filling a limiter with {count:,} keys")
        budget = Budget("1000000000/day", name="x", storage=BoundedMemoryStorage(max_keys=_ROOM))
        variants[f"hookseal {count:,}"] = _hits(budget.hit, count)
    theirs = MemoryStorage()
    rate, limiter = parse("1000000000/day"), FixedWindowRateLimiter(theirs)

    def hit(key: str) -> Any:
        return limiter.hit(rate, key)

    columns = [f"{count:,}" for count in _KEYS_HELD]
    ours = best(variants, seconds=2 if quick else 8)
    # Apart from ours: the library's timer thread would slow both down.
    limits_figures: list[str] = []
    for count in _KEYS_HELD_BY_LIMITS:
        progress(f"  filling the limiter of limits with {count:,} keys")
        figure = best({"": _hits(hit, count)}, seconds=1 if quick else 4)
        limits_figures.append(f"{figure['']:.2f}")
        theirs.reset()
    few, _, many = ours.values()
    return Table(
        title="scale: one hit of a limiter by keys held, us",
        columns=columns,
        rows=[
            ("hookseal", [f"{one:.2f}" for one in ours.values()]),
            ("limits' MemoryStorage", [*limits_figures, "-"]),
        ],
        wanted=[Wanted(what="hit at 1,000,000 over 100 keys", measured=many / few, wanted=2.5)],
        note="hits go round 64 of the keys; limits scans all of its keys on a timer thread",
    )


def _hits(hit: Callable[[str], object], count: int) -> Callable[[], object]:
    keys = [f"{number:016x}" for number in range(count)]
    for key in keys:
        hit(key)
    some = itertools.cycle(keys[:: max(1, count // 64)])
    return lambda: hit(next(some))
