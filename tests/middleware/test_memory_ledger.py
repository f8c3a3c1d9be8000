"""The memory ledger: its states, and how it stays bounded."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hookseal import ConfigError
from hookseal.ledger import Claimed, Done, InFlight, MemoryLedger, Reply
from hookseal.ledger.memory import LedgerFullError
from hookseal.testing import FakeClock

LEASE, RETENTION = 30.0, 1000.0
ME, YOU = b"me", b"you"
REPLY = Reply(200, ((b"content-type", b"text/plain"),), b"done")


@pytest.fixture
def ledger(clock):
    return MemoryLedger(clock=clock)


def claim(ledger, key=b"key", token=ME, fingerprint=7):
    return ledger.claim(key, token, LEASE, fingerprint)


def finish(ledger, key=b"key", token=ME, retention=RETENTION):
    return ledger.complete(key, token, REPLY, retention)


# --- states ----------------------------------------------------------------------------------


def test_a_new_event_is_the_claimants(ledger):
    assert claim(ledger) == Claimed(1)
    assert len(ledger) == 1


def test_a_claimed_event_is_in_flight_for_everybody(ledger, clock):
    claim(ledger)
    clock.advance(10)
    assert claim(ledger, token=YOU) == InFlight(LEASE - 10)
    assert claim(ledger, token=ME) == InFlight(LEASE - 10)


def test_a_finished_event_gives_its_reply_and_what_was_handled(ledger):
    claim(ledger, fingerprint=7)
    assert finish(ledger)
    assert claim(ledger, token=YOU, fingerprint=8) == Done(REPLY, 7)
    assert len(ledger) == 1


def test_a_released_event_is_new_again(ledger):
    claim(ledger)
    assert ledger.release(b"key", ME)
    assert len(ledger) == 0
    assert claim(ledger, token=YOU) == Claimed(1)


def test_a_lease_that_ran_out_is_taken_over_and_counted(ledger, clock):
    claim(ledger)
    for attempt in (2, 3):
        clock.advance(LEASE)
        assert claim(ledger, token=b"%d" % attempt) == Claimed(attempt)


def test_a_renewed_lease_lasts_from_then(ledger, clock):
    claim(ledger)
    clock.advance(LEASE - 1)
    assert ledger.renew(b"key", ME, LEASE)
    clock.advance(LEASE - 1)
    assert claim(ledger, token=YOU) == InFlight(1)
    clock.advance(1)
    assert claim(ledger, token=YOU) == Claimed(2)


def test_a_stale_token_can_do_nothing(ledger, clock):
    claim(ledger)
    clock.advance(LEASE)
    claim(ledger, token=YOU)
    assert not ledger.renew(b"key", ME, LEASE)
    assert not ledger.release(b"key", ME)
    assert not finish(ledger, token=ME)
    assert finish(ledger, token=YOU)


@pytest.mark.parametrize("state", ["absent", "done"])
def test_what_is_not_claimed_cannot_be_changed(ledger, state):
    if state == "done":
        claim(ledger)
        finish(ledger)
    assert not ledger.renew(b"key", ME, LEASE)
    assert not ledger.release(b"key", ME)
    assert not finish(ledger)


def test_a_lease_that_ran_out_unseen_is_still_the_claimants(ledger, clock):
    claim(ledger)
    clock.advance(LEASE + 1)
    assert finish(ledger)
    assert isinstance(claim(ledger, token=YOU), Done)


def test_a_reply_is_kept_for_its_retention(ledger, clock):
    claim(ledger)
    finish(ledger)
    clock.advance(RETENTION - 1)
    assert isinstance(claim(ledger), Done)
    clock.advance(1)
    assert claim(ledger) == Claimed(1)


def test_an_event_handled_again_after_its_retention_is_remembered_as_long(ledger, clock):
    for key in (b"a", b"b", b"c", b"key"):
        claim(ledger, key)
        finish(ledger, key)
    clock.advance(RETENTION)
    assert claim(ledger) == Claimed(1)  # only some of the expired are gone
    finish(ledger)
    clock.advance(RETENTION - 1)
    assert isinstance(claim(ledger), Done)


def test_expired_replies_go_as_new_events_come(ledger, clock):
    for number in range(100):
        claim(ledger, b"old%d" % number)
        finish(ledger, b"old%d" % number)
    clock.advance(RETENTION)
    for number in range(60):
        claim(ledger, b"new%d" % number)
    assert len(ledger) == 60


# --- bounds ----------------------------------------------------------------------------------


def test_when_full_the_oldest_reply_goes_with_one_warning(clock, caplog):
    ledger = MemoryLedger(max_keys=3, clock=clock)
    with caplog.at_level(logging.WARNING, "hookseal.ledger"):
        for number in range(6):
            claim(ledger, b"%d" % number)
            finish(ledger, b"%d" % number)
            assert len(ledger) <= 3
    (record,) = caplog.records
    assert record.getMessage() == (
        "the memory ledger is full at 3 events and forgets the oldest before their time: "
        "raise max_keys or use a durable store"
    )
    assert isinstance(claim(ledger, b"5"), Done)
    assert isinstance(claim(ledger, b"0"), Claimed)


def test_a_claim_is_never_forgotten_for_room(clock):
    ledger = MemoryLedger(max_keys=2, clock=clock)
    claim(ledger, b"held")
    for number in range(5):
        claim(ledger, b"%d" % number)
        finish(ledger, b"%d" % number)
    assert claim(ledger, b"held", YOU) == InFlight(LEASE)


def test_a_ledger_full_of_claims_takes_no_more_until_one_is_abandoned(clock):
    ledger = MemoryLedger(max_keys=2, clock=clock)
    claim(ledger, b"a")
    claim(ledger, b"b")
    with pytest.raises(LedgerFullError, match="2 events are being handled"):
        claim(ledger, b"c")
    clock.advance(LEASE)
    assert claim(ledger, b"c") == Claimed(1)
    assert len(ledger) == 2


def test_the_numbers_of_released_claims_go_first_when_full(clock):
    ledger = MemoryLedger(max_keys=3, clock=clock)
    claim(ledger, b"done")
    finish(ledger, b"done")
    for key in (b"a", b"b"):
        claim(ledger, key)
        clock.advance(LEASE)
        assert claim(ledger, key, YOU) == Claimed(2)
        assert ledger.release(key, YOU)
    assert len(ledger) == 3
    assert claim(ledger, b"new") == Claimed(1)
    assert claim(ledger, b"b") == Claimed(3)
    assert isinstance(claim(ledger, b"done"), Done)
    assert len(ledger) == 3
    finish(ledger, b"b")
    assert claim(ledger, b"a") == Claimed(1)  # it was forgotten for room


@pytest.mark.parametrize("max_keys", [0, -1])
def test_room_for_nothing_is_refused(max_keys):
    with pytest.raises(ConfigError, match=f"^max_keys: {max_keys}; it must be 1 or more"):
        MemoryLedger(max_keys=max_keys)


def test_of_many_threads_one_gets_the_claim():
    ledger = MemoryLedger()
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda n: claim(ledger, token=b"%d" % n), range(500)))
    assert [type(outcome) for outcome in outcomes].count(Claimed) == 1


# --- against a model -------------------------------------------------------------------------

keys = st.sampled_from([b"a", b"b", b"c"])
tokens = st.sampled_from([b"1", b"2"])


class LedgerMachine(RuleBasedStateMachine):
    """The ledger and the plainest model of section 5 of the design agree, whatever happens."""

    def __init__(self):
        super().__init__()
        self.clock = FakeClock(0.0)
        self.ledger = MemoryLedger(clock=self.clock)
        self.claims = {}  # key: (token, expires, attempt, fingerprint)
        self.done = {}  # key: (expires, fingerprint)
        self.attempts = {}  # of released claims, above 1

    def holds(self, key, token):
        return key in self.claims and self.claims[key][0] == token

    @rule(seconds=st.sampled_from([1, 10, 30, 100, 1000]))
    def advance(self, seconds):
        self.clock.advance(seconds)
        self.done = {key: one for key, one in self.done.items() if one[0] > self.clock.now}

    @rule(key=keys, token=tokens, lease=st.sampled_from([10, 30]), fingerprint=st.integers(0, 3))
    def claim(self, key, token, lease, fingerprint):
        outcome = self.ledger.claim(key, token, lease, fingerprint)
        now = self.clock.now
        if key in self.done:
            assert outcome == Done(REPLY, self.done[key][1])
        elif key in self.claims and self.claims[key][1] > now:
            assert outcome == InFlight(self.claims[key][1] - now)
        else:
            before = self.claims[key][2] if key in self.claims else self.attempts.pop(key, 0)
            attempt = before + 1
            assert outcome == Claimed(attempt)
            self.claims[key] = (token, now + lease, attempt, fingerprint)

    @rule(key=keys, token=tokens, lease=st.sampled_from([10, 30]))
    def renew(self, key, token, lease):
        held = self.holds(key, token)
        assert self.ledger.renew(key, token, lease) == held
        if held:
            _, _, attempt, fingerprint = self.claims[key]
            self.claims[key] = (token, self.clock.now + lease, attempt, fingerprint)

    @rule(key=keys, token=tokens, retention=st.sampled_from([100, 1000]))
    def complete(self, key, token, retention):
        held = self.holds(key, token)
        assert self.ledger.complete(key, token, REPLY, retention) == held
        if held:
            self.done[key] = (self.clock.now + retention, self.claims.pop(key)[3])

    @rule(key=keys, token=tokens)
    def release(self, key, token):
        held = self.holds(key, token)
        assert self.ledger.release(key, token) == held
        if held:
            attempt = self.claims.pop(key)[2]
            if attempt > 1:
                self.attempts[key] = attempt

    @invariant()
    def holds_no_less_than_the_model(self):
        assert len(self.ledger) >= len(self.claims) + len(self.done) + len(self.attempts)


TestLedgerAgainstModel = LedgerMachine.TestCase
TestLedgerAgainstModel.settings = settings(max_examples=60, stateful_step_count=40)
