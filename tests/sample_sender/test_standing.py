"""What an endpoint may have of a worker's room: pure decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender import standing as module
from hookseal_sender.standing import SLOW, UNBOUNDED, Standing

ONE, TWO = ("app_1", "ep_1"), ("app_1", "ep_2")
OTHER = ("app_2", "ep_1")
NOW = 1_000_000.0


@pytest.fixture
def standing():
    return Standing(room=16, per_endpoint=4)


def answers(standing, key, count, took=0.0):
    """Let so many requests begin and be answered, one after the other."""
    for _ in range(count):
        standing.end(standing.begin(key, NOW - took), NOW, answered=True)


def more(standing, key, now=NOW):
    return standing.bounds(now).more(key)


def test_each_answer_allows_an_endpoint_one_more_request_up_to_the_cap(standing):
    seen = [more(standing, ONE)]
    for _ in range(5):
        answers(standing, ONE, 1)
        seen.append(more(standing, ONE))
    assert seen == [1, 2, 3, 4, 4, 4]
    assert more(standing, TWO) == 1


def test_what_is_under_way_is_part_of_what_it_may_have(standing):
    answers(standing, ONE, 9)
    requests = [standing.begin(ONE, NOW) for _ in range(3)]
    assert more(standing, ONE) == 1
    standing.end(requests[0], NOW, answered=True)
    assert more(standing, ONE) == 2


def test_a_failure_without_an_answer_puts_it_back_to_one(standing):
    answers(standing, ONE, 9)
    standing.end(standing.begin(ONE, NOW), NOW, answered=False)
    assert more(standing, ONE) == 1


def test_an_endpoint_that_falls_silent_gets_no_more_until_it_answers(standing):
    answers(standing, ONE, 9)
    requests = [standing.begin(ONE, NOW) for _ in range(2)]
    assert more(standing, ONE, NOW + SLOW - 0.1) == 2
    assert more(standing, ONE, NOW + SLOW) == 0
    standing.end(requests[0], NOW + SLOW, answered=True)
    assert more(standing, ONE, NOW + SLOW) == 1


def test_an_endpoint_that_takes_its_time_but_answers_keeps_its_share(standing):
    answers(standing, ONE, 9)
    times = [NOW + step * 0.5 for step in range(20)]
    requests = [standing.begin(ONE, now) for now in times[:3]]
    for now in times[3:]:  # each takes 1.5 s, one ends every half
        standing.end(requests.pop(0), now, answered=True)
        assert more(standing, ONE, now) == 2
        requests.append(standing.begin(ONE, now))


def test_slow_is_who_let_a_request_run_until_one_takes_less(standing):
    def slow(now=NOW):
        return standing.bounds(now).is_slow(ONE)

    assert not slow()
    request = standing.begin(ONE, NOW)
    assert not slow(NOW + SLOW - 0.1)
    assert slow(NOW + SLOW)
    standing.end(request, NOW + 20, answered=False)
    assert slow()
    answers(standing, ONE, 1, took=SLOW)
    assert slow()
    answers(standing, ONE, 1, took=SLOW - 0.1)
    assert not slow()


def test_slow_ones_share_half_of_the_room_and_those_of_an_application_a_quarter(standing):
    def rooms():
        bounds = standing.bounds(NOW + SLOW)
        return bounds.slow_room, bounds.slow_room_of("app_1"), bounds.slow_room_of("app_2")

    begun = [standing.begin(key, NOW) for key in (ONE, OTHER, OTHER)]
    assert rooms() == (5, 3, 2)
    begun += [standing.begin(ONE, NOW + SLOW) for _ in range(3)]  # it is slow: they count at once
    assert rooms() == (2, 0, 2)
    begun += [standing.begin(ONE, NOW + SLOW) for _ in range(3)]  # more than there should be
    assert rooms() == (0, 0, 2)
    for each in begun:
        standing.end(each, NOW + SLOW, answered=False)
    assert (standing.slow, rooms()) == (0, (8, 4, 4))


def test_what_is_slow_takes_half_of_the_room_at_most(standing):
    begun = [standing.begin((f"app_{number}", "ep"), NOW) for number in range(16)]
    assert standing.room(16, NOW) == 0
    assert standing.next_slow_in(NOW + 0.25) == pytest.approx(SLOW - 0.25)
    assert standing.room(16, NOW + SLOW) == 8
    assert standing.next_slow_in(NOW + SLOW) is None
    # Not for ever: there are twice as many under way as there should be, and no more.
    begun += [standing.begin((f"app_{number}", "ep"), NOW) for number in range(16, 40)]
    assert standing.room(40, NOW + SLOW) == 0
    assert standing.room(32, NOW + SLOW) == 0
    assert standing.room(31, NOW + SLOW) == 1
    for each in begun:
        standing.end(each, NOW + SLOW, answered=False)
    assert standing.room(3, NOW + SLOW) == 13  # of these it is not known that they are slow


def test_the_smallest_room_has_a_place_for_who_is_slow():
    standing = Standing(room=1, per_endpoint=1)
    answers(standing, ONE, 1, took=SLOW)
    bounds = standing.bounds(NOW)
    assert (bounds.slow_room, bounds.slow_room_of("app_1"), bounds.more(ONE)) == (1, 1, 1)


def test_of_too_many_endpoints_those_with_nothing_under_way_begin_anew(standing, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 2)
    answers(standing, ONE, 3)
    answers(standing, TWO, 3)
    request = standing.begin(TWO, NOW)
    answers(standing, OTHER, 1)
    assert (more(standing, ONE), more(standing, TWO), more(standing, OTHER)) == (1, 3, 2)
    standing.end(request, NOW, answered=True)


def test_who_has_nothing_under_way_is_not_bounded():
    assert UNBOUNDED.more(ONE) == UNBOUNDED.slow_room == UNBOUNDED.slow_room_of("app_1") > 10**9
    assert not UNBOUNDED.is_slow(ONE)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.floats(0, 2.0), st.booleans(), st.booleans()), max_size=120
    )
)
def test_the_counts_are_those_of_what_is_under_way(steps):
    """Whatever happens, a claim that keeps to the bounds keeps every promise."""
    standing, under_way, now = Standing(room=8, per_endpoint=3), [], NOW
    for number, pause, begins, answered in steps:
        now += pause
        key = (f"app_{number % 2}", f"ep_{number}")
        bounds, room = standing.bounds(now), standing.room(len(under_way), now)
        slow = bounds.is_slow(key)
        shared = min(bounds.slow_room, bounds.slow_room_of(key[0])) if slow else 1
        if begins and room and bounds.more(key) and shared:
            under_way.append((key, standing.begin(key, now), now))
        elif under_way and not begins:
            _, request, _ = under_way.pop(number % len(under_way))
            standing.end(request, now, answered=answered)
        standing.room(0, now)
        young = sum(now - begun_at < SLOW and not each.slow for _, each, begun_at in under_way)
        assert standing.slow == len(under_way) - young
        assert young <= 8
        assert len(under_way) <= 16
        keys = [key for key, _, _ in under_way]
        assert all(keys.count(key) <= 3 for key in keys)
    for _, request, _ in under_way:
        standing.end(request, now, answered=True)
    assert (standing.slow, standing.room(0, now)) == (0, 8)
