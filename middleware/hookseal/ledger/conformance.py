"""The tests that every ledger passes: run them over a store of your own.

Knows the protocol and no store. Needs no test framework; with pytest::

    class TestMyLedger(LedgerConformance):
        @pytest.fixture(autouse=True)
        def _store(self):
            self.ledger = MyLedger()

An async store is wrapped: ``with OnLoop(MyAsyncLedger()) as self.ledger``.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from hookseal.ledger.base import AsyncLedger, Claimed, Done, InFlight, Ledger, Outcome, Reply

__all__ = ["LedgerConformance", "OnLoop"]

_AT_ONCE = 32
_REPLY = Reply(200, ((b"content-type", b"text/plain"),), b"first")
_OTHER = Reply(200, (), b"second")
_LARGEST_FINGERPRINT = 2**32 - 1
_EVERY_BYTE = bytes(range(256))

Result = TypeVar("Result")


class OnLoop:
    """An async ledger with a sync face, on an event loop in a thread of its own."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self.ledger = ledger
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start the loop."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the ledger, if it can be closed, and end the loop."""
        close = getattr(self.ledger, "aclose", None)
        if close is not None:
            self.run(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Return what ``coroutine`` returns on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        return self.run(self.ledger.claim(key, token, lease, fingerprint))

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        return self.run(self.ledger.renew(key, token, lease))

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return self.run(self.ledger.complete(key, token, reply, retention))

    def release(self, key: bytes, token: bytes) -> bool:
        """Forget the claim; False if it is not held."""
        return self.run(self.ledger.release(key, token))


class LedgerConformance:
    """Set ``ledger``, and override ``advance`` where the store's clock can be turned.

    Where it cannot, set ``lease`` to the shortest that is told apart from none on your machine,
    such as 0.2 seconds: the tests wait for it.
    """

    ledger: Ledger
    lease = 30.0
    """In seconds; all other times are multiples of it."""

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on the store's clock."""
        time.sleep(seconds)

    # --- claiming ---

    def test_a_new_event_is_claimed_for_the_first_time(self) -> None:
        """A first claim has attempt 1, whatever the bytes of key and token."""
        for name in (b"k", b"", _EVERY_BYTE, b"D:1:", b"C:1:2:3:"):
            key = name + os.urandom(16)
            _expect(self._claim(key, name), Claimed(1))
            _accepted(self._complete(key, name))

    def test_a_claimed_event_is_in_flight_for_others(self) -> None:
        """Another claim is told how long the lease lasts."""
        key = _new_key()
        self._claim(key, b"one")
        self._expect_in_flight(key)

    def test_events_are_apart(self) -> None:
        """A claim holds its own event only."""
        one, other = _new_key(), _new_key()
        self._claim(one, b"one")
        _expect(self._claim(other, b"two"), Claimed(1))
        _refused(self.ledger.release(other, b"one"))
        _accepted(self._complete(one, b"one"))

    def test_of_many_claims_at_once_one_wins(self) -> None:
        """The others are told that the event is in flight."""
        key = _new_key()
        _expect_one(self._claims_at_once(key), Claimed(1))

    def test_of_many_claims_after_a_lease_one_wins(self) -> None:
        """The same when an abandoned event is taken over."""
        key = _new_key()
        self._claim(key, b"gone")
        self.advance(self.lease * 1.01)
        _expect_one(self._claims_at_once(key), Claimed(2))

    # --- completing ---

    def test_a_completed_event_is_done_with_its_reply(self) -> None:
        """A later claim gets the reply and the fingerprint of the body that was handled."""
        key = _new_key()
        self.ledger.claim(key, b"one", self.lease, _LARGEST_FINGERPRINT)
        _accepted(self._complete(key, b"one"))
        _expect(self._claim(key, b"two"), Done(_REPLY, _LARGEST_FINGERPRINT))

    def test_replies_come_back_as_they_were(self) -> None:
        """Whatever bytes are in them."""
        for reply in (
            Reply(204, (), b""),
            Reply(200, ((b"x", b""), (b"x", _EVERY_BYTE)), _EVERY_BYTE),
            Reply(299, tuple((b"h%d" % number, b"v" * number) for number in range(40)), b"D:1:"),
            Reply(200, (), os.urandom(100_000)),
        ):
            key = _new_key()
            self._claim(key, b"one")
            self.ledger.complete(key, b"one", reply, self.lease)
            _expect(self._claim(key, b"two"), Done(reply, 0))

    def test_a_done_event_changes_no_more(self) -> None:
        """Neither its claimant nor anybody else renews, completes or releases it."""
        key = self._done_key(b"one")
        for token in (b"one", b"two", b""):
            _expect(self._changes(key, token), [False, False, False])
        _expect(self._claim(key, b"two"), Done(_REPLY, 0))

    def test_a_done_event_is_remembered_for_its_retention(self) -> None:
        """Then it is new again."""
        key = self._done_key(b"one")  # kept for 4 leases
        self.advance(self.lease * 3)
        _expect(self._claim(key, b"two"), Done(_REPLY, 0))
        self.advance(self.lease * 1.01)
        _expect(self._claim(key, b"three"), Claimed(1))
        _accepted(self._complete(key, b"three", _OTHER))
        _expect(self._claim(key, b"four"), Done(_OTHER, 0))

    # --- releasing ---

    def test_a_released_event_is_new(self) -> None:
        """The claim after a first one is a first one again."""
        key = _new_key()
        self._claim(key, b"one")
        _accepted(self.ledger.release(key, b"one"))
        _refused(self.ledger.release(key, b"one"))
        _expect(self._claim(key, b"two"), Claimed(1))

    def test_a_released_take_over_keeps_its_number(self) -> None:
        """Nobody holds the event, yet no later attempt has a number that was given before."""
        key = _new_key()
        self._claim(key, b"one")
        self.advance(self.lease * 1.01)
        for attempt in (2, 3):
            token = b"%d" % attempt
            _expect(self._claim(key, token), Claimed(attempt))
            _accepted(self.ledger.release(key, token))
            for other in (token, b"one", b""):
                _expect(self._changes(key, other), [False, False, False])
        _expect(self._claim(key, b""), Claimed(4))
        self._expect_in_flight(key)
        _accepted(self._complete(key, b""))
        _expect(self._claim(key, b"five"), Done(_REPLY, 0))

    def test_an_unknown_event_is_not_held(self) -> None:
        """Nothing but a claim makes an entry."""
        key = _new_key()
        _expect(self._changes(key, b"one"), [False, False, False])
        _expect(self._claim(key, b"one"), Claimed(1))

    # --- leases ---

    def test_a_claim_is_taken_over_when_its_lease_is_over(self) -> None:
        """Each take-over has the next attempt number."""
        key = _new_key()
        for attempt in (1, 2, 3):
            _expect(self._claim(key, b"%d" % attempt), Claimed(attempt))
            self.advance(self.lease * 1.01)

    def test_the_take_over_brings_its_own_fingerprint(self) -> None:
        """It is its body that is handled."""
        key = _new_key()
        self._claim(key, b"one")
        self.advance(self.lease * 1.01)
        self.ledger.claim(key, b"two", self.lease, 7)
        self._complete(key, b"two")
        _expect(self._claim(key, b"three"), Done(_REPLY, 7))

    def test_a_renewed_claim_lasts_longer(self) -> None:
        """It lasts a lease from the renewal."""
        key = _new_key()
        self._claim(key, b"one")
        self.advance(self.lease * 0.6)
        _accepted(self.ledger.renew(key, b"one", self.lease))
        self.advance(self.lease * 0.6)
        self._expect_in_flight(key)
        self.advance(self.lease * 0.5)
        _expect(self._claim(key, b"two"), Claimed(2))

    def test_a_stale_token_changes_nothing(self) -> None:
        """Who lost the claim cannot renew, complete or release it; who has it can."""
        key = _new_key()
        self.ledger.claim(key, b"stale", self.lease, 1)
        self.advance(self.lease * 1.01)
        _expect(self.ledger.claim(key, b"fresh", self.lease, 2), Claimed(2))
        _expect(self._changes(key, b"stale"), [False, False, False])
        _accepted(self._complete(key, b"fresh", _OTHER))
        _expect(self._claim(key, b"late"), Done(_OTHER, 2))

    def test_an_overdue_claim_that_nobody_took_is_still_held(self) -> None:
        """A slow handler that nobody replaced has its work counted."""
        done, renewed, released = _new_key(), _new_key(), _new_key()
        for key in (done, renewed, released):
            self._claim(key, b"slow")
        self.advance(self.lease * 1.01)
        _accepted(self._complete(done, b"slow"))
        _accepted(self.ledger.renew(renewed, b"slow", self.lease))
        _accepted(self.ledger.release(released, b"slow"))

    # --- helpers ---

    def _claim(self, key: bytes, token: bytes) -> Outcome:
        return self.ledger.claim(key, token, self.lease, 0)

    def _complete(self, key: bytes, token: bytes, reply: Reply = _REPLY) -> bool:
        return self.ledger.complete(key, token, reply, self.lease * 4)

    def _expect_in_flight(self, key: bytes) -> None:
        outcome = self._claim(key, b"other")
        if not isinstance(outcome, InFlight) or not 0 < outcome.lease_seconds <= self.lease:
            raise AssertionError(f"expected InFlight for up to {self.lease} s, got {outcome}")

    def _changes(self, key: bytes, token: bytes) -> list[bool]:
        return [
            self.ledger.renew(key, token, self.lease),
            self._complete(key, token, _OTHER),
            self.ledger.release(key, token),
        ]

    def _done_key(self, token: bytes) -> bytes:
        key = _new_key()
        self._claim(key, token)
        self._complete(key, token)
        return key

    def _claims_at_once(self, key: bytes) -> list[Outcome]:
        return at_once(_AT_ONCE, lambda number: self._claim(key, b"%d" % number))


def at_once(count: int, call: Callable[[int], Result]) -> list[Result]:
    """Return the results of ``count`` calls, from threads that start together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> Result:
        barrier.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def _new_key() -> bytes:
    return os.urandom(32)


def _expect(got: object, wanted: object) -> None:
    if got != wanted or type(got) is not type(wanted):
        raise AssertionError(f"expected {wanted}, got {got}")


def _accepted(changed: object) -> None:
    if changed is not True:
        raise AssertionError(f"expected True from the holder's step, got {changed}")


def _refused(changed: object) -> None:
    if changed is not False:
        raise AssertionError(f"expected False where nothing is held, got {changed}")


def _expect_one(outcomes: list[Outcome], winner: Claimed) -> None:
    won = [one for one in outcomes if isinstance(one, Claimed)]
    if won != [winner] or not all(isinstance(one, InFlight | Claimed) for one in outcomes):
        raise AssertionError(f"expected one {winner} and else InFlight, got {outcomes}")
