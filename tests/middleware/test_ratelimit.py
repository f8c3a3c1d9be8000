"""Budgets and the bounded storage behind them."""

import threading

import limits
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from hookseal import ConfigError
from hookseal.ratelimit import BoundedMemoryStorage, Budget
from hookseal.testing import FakeClock


def budget(rate="2/minute", *, clock, max_keys=100, name="tries"):
    storage = BoundedMemoryStorage(max_keys=max_keys, clock=clock)
    return Budget(rate, name=name, storage=storage, clock=clock)


def test_so_many_a_window_are_let_through(clock):
    two = budget(clock=clock)
    assert [two.hit("a") for _ in range(3)] == [None, None, 60]
    clock.advance(59.5)
    assert two.hit("a") == 1
    clock.advance(0.5)
    assert two.hit("a") is None


def test_testing_takes_nothing(clock):
    two = budget(clock=clock)
    assert [two.test("a") for _ in range(5)] == [None] * 5
    two.hit("a")
    assert two.test("a") is None
    two.hit("a")
    assert two.test("a") == 60
    clock.advance(60)
    assert two.test("a") is None


def test_keys_and_names_count_apart(clock):
    storage = BoundedMemoryStorage(clock=clock)
    one, other = (
        Budget("1/minute", name=name, storage=storage, clock=clock) for name in ("one", "other")
    )
    assert one.hit("a") is None
    assert one.hit("b") is None
    assert other.hit("a") is None
    assert one.hit("a") == 60


def test_a_spent_budget_says_so_in_fields(clock):
    assert budget("2 per 10 seconds", clock=clock).fields(7) == {
        "retry-after": "7",
        "ratelimit-policy": '"tries";q=2;w=10',
        "ratelimit": '"tries";r=0;t=7',
    }


@pytest.mark.parametrize("rate", ["", "often", "1", "-1/minute", "1/fortnight", 30])
def test_a_rate_that_is_none_is_refused(rate, clock):
    with pytest.raises(ConfigError, match=r"^tries: .* is no rate\. Write, for example"):
        budget(rate, clock=clock)


def test_a_rate_of_nothing_is_refused(clock):
    with pytest.raises(ConfigError, match=r"^tries: '0/minute' lets nothing through"):
        budget("0/minute", clock=clock)


def test_a_storage_of_the_library_does_too(clock, monkeypatch):
    monkeypatch.setattr("time.time", clock)
    tries = Budget("1/minute", name="tries", storage=MemoryStorage(), clock=clock)
    assert tries.test("a") is None
    assert tries.hit("a") is None
    assert tries.test("a") == 60
    assert tries.hit("a") == 60
    for thread in threading.enumerate():  # the storage's timer, which would outlive the test
        if isinstance(thread, threading.Timer):
            thread.cancel()
            thread.join()


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hit", "test"]),
            st.sampled_from(["a", "b"]),
            st.sampled_from([0, 0, 0.5, 1, 9.5, 10]),
        ),
        max_size=60,
    )
)
def test_it_decides_as_the_librarys_fixed_window_does(steps):
    clock = FakeClock()
    mine = budget("3 per 10 seconds", clock=clock)
    theirs = FixedWindowRateLimiter(BoundedMemoryStorage(clock=clock))
    item = limits.parse("3 per 10 seconds")
    for kind, key, seconds in steps:
        clock.advance(seconds)
        allowed = getattr(theirs, kind)(item, "tries", key)
        assert (getattr(mine, kind)(key) is None) == allowed


# --- the storage -----------------------------------------------------------------------------


def test_counters_expire(clock):
    storage = BoundedMemoryStorage(clock=clock)
    assert (storage.get("a"), storage.get_expiry("a")) == (0, clock.now)
    assert storage.incr("a", 10) == 1
    clock.advance(9)
    assert storage.incr("a", 10, 2) == 3
    assert (storage.get("a"), storage.get_expiry("a")) == (3, clock.now + 1)
    clock.advance(1)
    assert storage.get("a") == 0
    assert storage.incr("a", 10) == 1


def test_the_number_of_counters_is_capped(clock):
    storage = BoundedMemoryStorage(max_keys=3, clock=clock)
    for number in range(1000):
        storage.incr(f"key{number}", 10)
    assert storage.reset() == 3


def test_at_the_cap_the_oldest_goes(clock):
    storage = BoundedMemoryStorage(max_keys=2, clock=clock)
    for key in "abc":
        storage.incr(key, 10)
    assert [storage.get(key) for key in "abc"] == [0, 1, 1]


def test_expired_counters_go_as_new_ones_come(clock):
    storage = BoundedMemoryStorage(clock=clock)
    for number in range(100):
        storage.incr(f"old{number}", 10)
    clock.advance(10)
    for number in range(60):
        storage.incr(f"new{number}", 10)
    assert storage.reset() == 60


def test_counters_can_be_forgotten(clock):
    storage = BoundedMemoryStorage(clock=clock)
    storage.incr("a", 10)
    storage.clear("a")
    storage.clear("unknown")
    assert storage.get("a") == 0
    assert storage.reset() == 0
    assert storage.check()


def test_no_error_of_ours_is_taken_for_a_store_that_is_down(clock):
    assert not issubclass(ConnectionError, BoundedMemoryStorage(clock=clock).base_exceptions)


def test_room_for_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"^max_keys: 0; it must be 1 or more"):
        BoundedMemoryStorage(max_keys=0)
