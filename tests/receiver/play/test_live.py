"""What a live page is told, and from where it goes on."""

from __future__ import annotations

import asyncio

import pytest

from hookseal_receiver.play.live import Live


class Newest:
    """A store in which the newest request is one after the other of what is given."""

    def __init__(self, *states) -> None:
        self._states = iter(states)

    async def newest(self, bin_id):
        return next(self._states, None)


def told(after, *states):
    """Return the lines of a stream of a page that shows ``after``, but for the ``retry``."""

    async def work():
        live = Live(Newest(*states), limit=1)
        events = []
        async for event in live.stream(1, after):
            events.append(event.decode().split("\n")[:-2])
            live.arrived(1)
        return events[1:]

    return asyncio.run(work())


def test_arrivals_are_told_and_then_the_answer():
    assert told("7-answered", (7, True), (8, False), (8, True), (8, True)) == [
        ["event: arrived", "id: 8", "data: 1 request arrived"],
        ["event: changed", "id: 8-answered", "data: "],
    ]


def test_several_at_once_are_told_once():
    assert told("", (3, True)) == [
        ["event: arrived", "id: 3-answered", "data: 3 requests arrived"],
    ]


@pytest.mark.parametrize("after", ["x", "-answered", "9" * 40, "\u0661", "1-answered\n"])
def test_what_no_page_was_given_counts_as_nothing_seen(after):
    assert told(after, (1, True))[0][0] == "event: arrived"


def test_a_page_goes_on_from_what_it_shows():
    async def work(*states):
        return await Live(Newest(*states), limit=1).seen(1)

    assert asyncio.run(work((4, True))) == "4-answered"
    assert asyncio.run(work((4, False))) == "4"
    assert asyncio.run(work()) == "0"
