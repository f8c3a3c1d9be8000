"""Ids, patterns, the retry schedule and outcomes: no clock, no IO."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.ids import make_id, make_ids
from hookseal_sender.outcome import Fault, FaultKind, Reply, judge
from hookseal_sender.patterns import check_pattern, matches, wants
from hookseal_sender.retry import (
    DEFAULT_DELAYS,
    RETRY_AFTER_CAP,
    RetrySchedule,
    parse_retry_after,
)
from hookseal_sender.throttle import PAUSE_CAP, pause_after

NOW_MS = 1_800_000_000_000


@given(st.integers(1_400_000_000_000, 5_000_000_000_000), st.binary(min_size=15, max_size=15))
def test_an_id_is_a_prefix_and_27_base62_characters(now_ms, randomness):
    identifier = make_id("msg_", now_ms, randomness)
    assert len(identifier) == 31
    assert identifier[4:].isalnum()
    assert identifier[4:].isascii()


@given(st.integers(0, 10**9), st.integers(4, 10**9), st.binary(min_size=15, max_size=15))
def test_ids_sort_by_time(earlier, gap, randomness):
    first = make_id("ep_", NOW_MS + earlier, b"\xff" * 15)
    assert first <= make_id("ep_", NOW_MS + earlier + gap, randomness) or gap < 4


@given(st.binary(min_size=15, max_size=15))
def test_ids_made_together_are_in_order_and_of_their_time(randomness):
    made = make_ids("atmpt_", NOW_MS, randomness, 4000)
    assert made == sorted(set(made))
    assert {len(each) for each in made} == {33}
    assert make_id("atmpt_", NOW_MS - 4, b"\xff" * 15) < made[0]
    assert made[-1] < make_id("atmpt_", NOW_MS + 4, bytes(15))


@pytest.mark.parametrize(
    ("pattern", "event_type", "expected"),
    [
        ("*", "anything", True),
        ("user.created", "user.created", True),
        ("user.created", "user.created2", False),
        ("user.*", "user.created", True),
        ("user.*", "user.profile.updated", True),
        ("user.*", "user", False),
        ("user.*", "user.", False),
        ("user.*", "users.x", False),
        ("user.profile.*", "user.created", False),
    ],
)
def test_patterns_select_events(pattern, event_type, expected):
    assert check_pattern(pattern) is None
    assert matches(pattern, event_type) is expected


@pytest.mark.parametrize(
    "pattern", ["", "user*", "*.created", "u.*.x", "**", "a b", ".*.*", "user..*", "é", "a" * 300]
)
def test_a_bad_pattern_says_what_is_wrong(pattern):
    assert check_pattern(pattern)


@given(st.text(), st.text())
def test_patterns_take_any_text(pattern, event_type):
    fault = check_pattern(pattern)
    assert fault is None or fault
    assert matches(pattern, event_type) in {True, False}


def test_no_patterns_means_every_event():
    assert wants(None, "a.b")
    assert wants(("x", "a.*"), "a.b")
    assert not wants(("x",), "a.b")


def test_the_schedule_is_the_documented_one_and_ends():
    schedule = RetrySchedule()
    waits = [schedule.delay_after(made, randomness=0.5) for made in range(1, 9)]
    assert waits == [*DEFAULT_DELAYS, None]


@given(st.integers(1, 7), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_a_fifth(made, randomness):
    delay = RetrySchedule().delay_after(made, randomness=randomness)
    assert 0.8 * DEFAULT_DELAYS[made - 1] <= delay <= 1.2 * DEFAULT_DELAYS[made - 1] + 1e-6


@pytest.mark.parametrize(
    ("wish", "expected"), [(None, 5), (0, 5), (3, 5), (60, 60), (10**9, RETRY_AFTER_CAP)]
)
def test_retry_after_is_obeyed_between_the_delay_and_the_cap(wish, expected):
    assert RetrySchedule().delay_after(1, randomness=0.5, retry_after=wish) == expected


def test_retry_after_is_seconds_or_a_date():
    later = datetime.fromtimestamp(1_800_000_090, UTC)
    assert parse_retry_after(" 120 ", 0) == 120
    assert parse_retry_after("9" * 50, 0) == RETRY_AFTER_CAP
    assert parse_retry_after(format_datetime(later, usegmt=True), 1_800_000_000) == 90
    assert parse_retry_after(format_datetime(later, usegmt=True), 1_900_000_000) == 0
    assert parse_retry_after(format_datetime(later, usegmt=True), 0) == RETRY_AFTER_CAP
    assert parse_retry_after("0" * 20 + "7", 0) == 0


def test_a_date_without_a_zone_is_read_as_utc(monkeypatch):
    monkeypatch.setenv("TZ", "XST-5")
    time.tzset()
    try:
        assert parse_retry_after("Fri Jan 15 08:01:30 2027", 1_800_000_000) == 90
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [None, "", "soon", "-5", "1.5", "٣", "²", "Mon, 99 Foo 2020", "Mon, 1 Jan 0001 0:0:0 +9999"],
)
def test_an_unusable_retry_after_is_no_wish(text):
    assert parse_retry_after(text, 0) in {None, 0}


@given(st.text())
def test_any_retry_after_is_a_number_or_none(text):
    parsed = parse_retry_after(text, 1_800_000_000)
    assert parsed is None or 0 <= parsed <= RETRY_AFTER_CAP


def test_an_endpoint_may_have_a_schedule_of_its_own():
    assert RetrySchedule(delays=(1.0, 60.0)).delay_after(2, randomness=0.5) == 60
    assert RetrySchedule(delays=(1.0, 60.0)).delay_after(3, randomness=0.5) is None
    assert RetrySchedule(delays=()).delay_after(1, randomness=0.5, retry_after=9) is None


@pytest.mark.parametrize(
    ("streak", "pause"), [(1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (9, 600), (10**9, 600)]
)
def test_an_endpoint_rests_longer_each_time_it_throttles(streak, pause):
    assert pause_after(streak) == pause


@pytest.mark.parametrize(
    ("wish", "pause"), [(None, 5), (0, 5), (4, 5), (30, 30), (600, 600), (36000, PAUSE_CAP)]
)
def test_an_endpoint_rests_as_long_as_it_asked_for_up_to_the_cap(wish, pause):
    assert pause_after(1, wish) == pause


@given(st.integers(), st.none() | st.floats(0, 1e9))
def test_any_pause_is_within_its_bounds(streak, wish):
    assert 5 <= pause_after(streak, wish) <= PAUSE_CAP


@pytest.mark.parametrize(
    ("status", "effect", "reason"),
    [
        (200, "succeeds", "the endpoint answered 200"),
        (204, "succeeds", "the endpoint answered 204"),
        (299, "succeeds", "the endpoint answered 299"),
        (101, "fails", "the endpoint answered 101"),
        (302, "fails", "the endpoint answered 302; redirects are not followed"),
        (308, "fails", "the endpoint answered 308; redirects are not followed"),
        (404, "fails", "the endpoint answered 404"),
        (410, "disables", "the endpoint answered 410 (gone), which disables it"),
        (429, "throttles", "the endpoint answered 429 (too many requests), which lets it rest"),
        (500, "fails", "the endpoint answered 500"),
        (502, "throttles", "the endpoint answered 502 (bad gateway), which lets it rest"),
        (503, "fails", "the endpoint answered 503"),
        (504, "throttles", "the endpoint answered 504 (gateway timeout), which lets it rest"),
        (999, "fails", "the endpoint answered 999"),
    ],
)
def test_the_status_decides(status, effect, reason):
    verdict = judge(Reply(status=status, body="", duration_ms=1))
    assert verdict.reason == reason
    assert verdict.succeeded is (effect == "succeeds")
    assert verdict.disables_endpoint is (effect == "disables")
    assert verdict.throttles is (effect == "throttles")


def test_no_answer_is_a_failure_with_its_reason():
    verdict = judge(Fault(kind=FaultKind.TIMEOUT, message="timed out after 20 s", duration_ms=1))
    assert not verdict.succeeded
    assert not verdict.throttles
    assert verdict.reason == "timed out after 20 s"


def test_the_repr_of_an_answer_tells_nothing_of_it():
    reply = Reply(status=200, body="private", duration_ms=1, headers=(("set-cookie", "private"),))
    assert "private" not in repr(reply)
