"""The bars of a day: none hides, none leaves its box, and a rate tells no lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.console.charts import HOUR_MS, day_of
from hookseal_sender.model import HourTally

NOW = 1_800_000_123_456
THIS_HOUR = NOW // HOUR_MS * HOUR_MS
COUNTS = st.integers(0, 10**9)


def tally(ago, succeeded=0, failed=0):
    return HourTally(hour_ms=THIS_HOUR - ago * HOUR_MS, succeeded=succeeded, failed=failed)


TALLIES = st.dictionaries(st.integers(-3, 30), st.tuples(COUNTS, COUNTS)).map(
    lambda counts: [tally(ago, *each) for ago, each in counts.items()]
)


@given(TALLIES)
def test_each_count_has_a_bar_inside_the_box(tallies):
    day = day_of(tallies, NOW)
    counted = [each for each in tallies if 0 <= THIS_HOUR - each.hour_ms < 24 * HOUR_MS]
    assert day.succeeded == sum(each.succeeded for each in counted)
    assert day.failed == sum(each.failed for each in counted)
    shown = sum(bool(each.succeeded) + bool(each.failed) for each in counted)
    assert len(day.bars) == shown
    for bar in day.bars:
        assert 0 <= bar.x <= day.width - bar.width
        assert 0 <= bar.y <= day.height - bar.height
        assert bar.height >= 2


@given(TALLIES)
def test_bars_do_not_cover_each_other(tallies):
    filled = set()
    for bar in day_of(tallies, NOW).bars:
        cells = {(bar.x, y) for y in range(bar.y, bar.y + bar.height)}
        assert not cells & filled
        filled |= cells


@given(COUNTS, COUNTS)
def test_a_rate_is_all_or_none_only_where_it_is(succeeded, failed):
    rate = day_of([tally(0, succeeded, failed)], NOW).rate
    assert (rate == "100 %") is (succeeded > 0 and not failed)
    assert (rate == "0 %") is (failed > 0 and not succeeded)
    assert (rate == "") is (not succeeded and not failed)
    if succeeded and failed:
        share = float(rate.removesuffix(" %"))
        assert 0 < share < 100
        assert abs(share - 100 * succeeded / (succeeded + failed)) <= 0.1


@pytest.mark.parametrize(
    ("counts", "rate"), [((199, 1), "99.5 %"), ((99_999, 1), "99.9 %"), ((1, 99_999), "0.1 %")]
)
def test_a_rate_in_words(counts, rate):
    assert day_of([tally(0, *counts)], NOW).rate == rate


def test_one_failure_among_thousands_is_seen():
    day = day_of([tally(0, 1000, 1)], NOW)
    assert [(bar.kind, bar.y, bar.height) for bar in day.bars] == [("ok", 2, 26), ("bad", 0, 2)]


def test_the_busiest_hour_fills_the_box_whatever_came_of_it():
    for counts in ((8, 0), (0, 8), (4, 4)):
        day = day_of([tally(0, *counts), tally(1, 2)], NOW)
        assert min(bar.y for bar in day.bars) == 0


def test_the_newest_hour_is_last():
    day = day_of([tally(23, 1), tally(0, 1)], NOW)
    assert [bar.x for bar in day.bars] == [0, day.width - 5]


def test_a_day_in_words():
    assert day_of([], NOW).words == "No attempts in the last 24 hours"
    assert day_of([tally(2, 1234, 5)], NOW).words == "Last 24 hours: 1,234 succeeded, 5 failed"
