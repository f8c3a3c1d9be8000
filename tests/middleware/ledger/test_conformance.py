"""Every ledger does the same: ours, and one that is wrong is found out."""

from __future__ import annotations

import pytest

from hookseal.ledger import Claimed, InFlight, MemoryLedger
from hookseal.ledger.conformance import LedgerConformance, OnLoop

from .stores import STORES


class TestEveryStore(LedgerConformance):
    @pytest.fixture(autouse=True, params=STORES)
    def _store(self, request, tmp_path):
        with STORES[request.param](tmp_path) as store:
            self.ledger = store.ledger
            self._advance = store.advance
            yield

    def advance(self, seconds):
        self._advance(seconds)


class TestOnARealClock(LedgerConformance):
    lease = 0.2

    @pytest.fixture(autouse=True)
    def _store(self):
        self.ledger = MemoryLedger()


class Broken(MemoryLedger):
    """Answers the same whatever it is asked, as a store without compare-and-set might."""

    def __init__(self, outcome, changed):
        super().__init__()
        self._outcome = outcome
        self._changed = changed

    def claim(self, key, token, lease, fingerprint):
        return self._outcome

    def renew(self, key, token, lease):
        return self._changed

    def complete(self, key, token, reply, retention):
        return self._changed

    def release(self, key, token):
        return self._changed


@pytest.mark.parametrize(
    ("outcome", "changed", "name"),
    [
        (Claimed(1), True, "a_claimed_event_is_in_flight_for_others"),
        (InFlight(31.0), True, "a_claimed_event_is_in_flight_for_others"),
        (Claimed(1), True, "of_many_claims_at_once_one_wins"),
        (InFlight(1.0), True, "a_new_event_is_claimed_for_the_first_time"),
        (Claimed(1), False, "a_new_event_is_claimed_for_the_first_time"),
        (Claimed(1), True, "events_are_apart"),
        (Claimed(1), True, "a_renewed_claim_lasts_longer"),
        (Claimed(1), True, "an_unknown_event_is_not_held"),
        (Claimed(1), 1, "an_overdue_claim_that_nobody_took_is_still_held"),
    ],
)
def test_a_store_that_breaks_the_rules_fails(outcome, changed, name):
    suite = LedgerConformance()
    suite.ledger = Broken(outcome, changed)
    suite.advance = lambda seconds: None

    with pytest.raises(AssertionError, match="expected"):
        getattr(suite, f"test_{name}")()


class OnlyClaims:
    async def claim(self, key, token, lease, fingerprint):
        return Claimed(1)


def test_an_async_store_that_cannot_be_closed_is_fine():
    with OnLoop(OnlyClaims()) as ledger:
        assert ledger.claim(b"key", b"one", 30, 0) == Claimed(1)
