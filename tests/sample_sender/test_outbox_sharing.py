"""Shares and health: pure decisions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.model import AttemptDraft, Disabled, Lease, Result
from hookseal_sender.standing import UNBOUNDED
from hookseal_sender.store.health import Health, follow
from hookseal_sender.store.sharing import Lane, Pace, share_out

NOW = 1_800_000_000_000
RATES = st.integers(1, 2000)


@st.composite
def lanes(draw):
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.text("xyz", min_size=1, max_size=4)),
            unique=True,
            max_size=12,
        )
    )
    return [
        Lane(
            key=key,
            ready=draw(st.integers(0, 12)),
            in_flight=draw(st.integers(0, 12)),
            more=draw(st.integers(0, 12)),
            slow=draw(st.booleans()),
            paused_until_ms=draw(st.none() | st.integers(NOW - 5, NOW + 5)),
            pace=draw(st.none() | paces()),
        )
        for key in keys
    ]


def paces():
    slots = st.floats(NOW - 3000, NOW + 3000)
    return st.builds(lambda rate, slot_ms: Pace(rate=rate, slot_ms=slot_ms), RATES, slots)


def bounded(slow_room, slow_room_of_one):
    return replace(UNBOUNDED, slow_room=slow_room, slow_room_of=lambda _app_id: slow_room_of_one)


@given(
    lanes(),
    st.integers(0, 40),
    st.integers(1, 10),
    st.dictionaries(st.sampled_from("abc"), paces()),
    st.builds(bounded, st.integers(0, 12), st.integers(0, 6)),
)
def test_no_share_is_over_a_limit_and_no_room_is_wasted(
    lanes, room, per_endpoint, app_paces, bounds
):
    shares = share_out(
        lanes,
        room=room,
        per_endpoint=per_endpoint,
        now_ms=NOW,
        app_paces=app_paces,
        bounds=bounds,
    )
    by_key = {lane.key: lane for lane in lanes}
    assert sum(shares.quotas.values()) <= room
    for key, quota in shares.quotas.items():
        lane = by_key[key]
        assert 0 < quota <= min(lane.ready, per_endpoint - lane.in_flight, lane.more)
        assert lane.paused_until_ms is None or lane.paused_until_ms <= NOW
        assert lane.pace is None or quota <= lane.pace.allowed(NOW)
    for app_id, pace in app_paces.items():
        sent = sum(quota for key, quota in shares.quotas.items() if key[0] == app_id)
        assert sent <= pace.allowed(NOW)
        assert (app_id in shares.app_paces) is (sent > 0)
    slow = {key: quota for key, quota in shares.quotas.items() if by_key[key].slow}
    assert sum(slow.values()) <= bounds.slow_room
    for app_id in "abc":
        of_one = sum(quota for key, quota in slow.items() if key[0] == app_id)
        assert of_one <= bounds.slow_room_of(app_id)
    if sum(shares.quotas.values()) < room:
        assert not shares.passed
    # Nobody gets two while another that could have one gets none.
    assert not shares.passed or all(
        quota == 1 or key[0] in app_paces or key in slow for key, quota in shares.quotas.items()
    )
    assert shares.again_ms is None or shares.again_ms > NOW - 1


@given(lanes(), st.integers(1, 40))
def test_shares_are_even(lanes, room):
    shares = share_out(lanes, room=room, per_endpoint=10, now_ms=NOW)
    free = [
        lane
        for lane in lanes
        if lane.pace is None and (lane.paused_until_ms or 0) <= NOW and lane.in_flight < 10
    ]
    for lane in free:
        could = min(lane.ready, 10 - lane.in_flight, lane.more)
        got = shares.quotas.get(lane.key, 0)
        if got < could:  # then no other has two more
            assert all(quota <= got + 1 for quota in shares.quotas.values())


@given(RATES, st.lists(st.floats(0, 0.4), min_size=1, max_size=200))
def test_a_pace_holds_in_every_second(rate, steps):
    pace, now, sent = Pace(rate=rate, slot_ms=0.0), float(NOW), []
    for step in steps:
        now += step * 1000
        count = pace.allowed(int(now))
        pace = pace.after(count, int(now)) if count else pace
        sent.append((int(now), count))
    for begin, _ in sent:
        inside = sum(count for at, count in sent if begin <= at < begin + 1000)
        assert inside <= rate * 1.1 + 1


@given(RATES)
def test_a_pace_is_used_by_who_comes_back_when_told(rate):
    pace, now, sent = Pace(rate=rate, slot_ms=0.0), NOW, 0
    while now < NOW + 10_000:
        count = pace.allowed(now)
        if count:
            pace = pace.after(count, now)
            sent += count
        else:
            now = max(now + 1, int(pace.again_ms()) + 1)
    assert sent >= 10 * rate * 0.95 - 1


def test_what_only_time_holds_up_says_when_to_come_back():
    paused = Lane(key=("a", "x"), ready=1, in_flight=0, paused_until_ms=NOW + 700)
    paced = Lane(key=("a", "y"), ready=1, in_flight=0, pace=Pace(rate=1, slot_ms=NOW + 400))
    full = Lane(key=("a", "z"), ready=9, in_flight=10)
    shares = share_out([paused, paced, full], room=9, per_endpoint=10, now_ms=NOW)
    assert (shares.quotas, shares.again_ms) == ({}, NOW + 400)
    shares = share_out([paused, full], room=9, per_endpoint=10, now_ms=NOW)
    assert shares.again_ms == NOW + 700
    app_paces = {"a": Pace(rate=1, slot_ms=NOW + 50)}
    free = Lane(key=("a", "w"), ready=1, in_flight=0)
    shares = share_out([free], room=9, per_endpoint=10, now_ms=NOW, app_paces=app_paces)
    assert (shares.quotas, shares.again_ms) == ({}, NOW + 50)
    assert share_out([full], room=9, per_endpoint=10, now_ms=NOW).again_ms is None


def test_a_throttled_application_serves_its_lanes_by_turns():
    lanes = [Lane(key=("a", str(n)), ready=1, in_flight=0) for n in range(5)]
    got = set()
    for step in range(200):
        pace = {"a": Pace(rate=1, slot_ms=0.0)}
        shares = share_out(lanes, room=9, per_endpoint=1, now_ms=NOW + step * 1000, app_paces=pace)
        assert len(shares.quotas) == 1
        got |= set(shares.quotas)
    assert got == {lane.key for lane in lanes}


def test_slow_lanes_have_their_room_by_turns():
    lanes = [Lane(key=("a", str(n)), ready=1, in_flight=0, slow=True) for n in range(5)]
    quick = Lane(key=("b", "0"), ready=3, in_flight=0)
    got = set()
    for step in range(60):
        shares = share_out(
            [*lanes, quick], room=9, per_endpoint=5, now_ms=NOW + step, bounds=bounded(2, 1)
        )
        assert shares.quotas.pop(quick.key) == 3
        assert (list(shares.quotas.values()), shares.passed) == ([1], set())
        got |= set(shares.quotas)
    assert got == {lane.key for lane in lanes}


# --- health ------------------------------------------------------------------------------------


def result(status=500, **fields):
    lease = Lease(
        app_id="a", endpoint_id="e", msg_id="m", token="t", attempts=0, tries=0, asked_for=False
    )
    attempt = AttemptDraft(
        url="u",
        started_ms=1,
        duration_ms=1,
        succeeded=status == 200,
        status=status,
        response="",
        reason="",
    )
    return Result(lease=lease, attempt=attempt, retry_in=5.0, **fields)


@pytest.mark.parametrize(
    ("before", "made", "after"),
    [
        (Health(), result(200), Health()),
        (Health(), result(), Health(failing_since_ms=NOW)),
        (Health(failing_since_ms=5), result(200), Health()),
        (Health(failing_since_ms=NOW - 1), result(), Health(failing_since_ms=NOW - 1)),
        (
            Health(failing_since_ms=NOW - 60_000),
            result(),
            Health(failing_since_ms=NOW - 60_000, disabled=True, disabled_for=Disabled.FAILING),
        ),
        (
            Health(),
            result(410, disables_endpoint=True),
            Health(failing_since_ms=NOW, disabled=True, disabled_for=Disabled.GONE),
        ),
        (
            Health(disabled=True),
            result(410, disables_endpoint=True),
            Health(failing_since_ms=NOW, disabled=True),
        ),
        (
            Health(),
            result(429, pauses=True, wish=30.0),
            Health(failing_since_ms=NOW, paused_until_ms=NOW + 30_000, pauses=1),
        ),
        (
            Health(failing_since_ms=1, paused_until_ms=NOW - 1, pauses=2),
            result(200),
            Health(),
        ),
        (
            Health(failing_since_ms=NOW, paused_until_ms=NOW + 9, pauses=2),
            result(200),
            Health(paused_until_ms=NOW + 9, pauses=2),
        ),
    ],
)
def test_health_follows_results(before, made, after):
    assert follow(before, made, now_ms=NOW, disable_after=60.0) == after


def test_zero_never_disables():
    long_ago = Health(failing_since_ms=1)
    assert not follow(long_ago, result(), now_ms=NOW, disable_after=0.0).disabled
