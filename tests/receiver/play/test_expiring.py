"""What has expired goes while Play is served, and what is being served stays."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from hookseal_receiver.play import PlaySettings, PlayStore, create_play, expiring

SECONDS = 1000
START = 1_800_000_000_000


class Time:
    """A clock that a waiter moves on, and that stops after some rounds."""

    def __init__(self, rounds):
        self.now, self.left = START, rounds
        self.over = asyncio.Event()

    def __call__(self):
        return self.now

    async def wait(self, seconds):
        self.now += round(seconds * 1000)
        self.left -= 1
        if not self.left:
            self.over.set()
            await asyncio.Event().wait()


def served(rounds, check, *, keep=True, break_once=None):
    """Run so many rounds over two bins of a thousand seconds, of which one is kept."""

    async def main():
        store = PlayStore()
        play = create_play(store, settings=PlaySettings(bin_seconds=SECONDS))
        kept, left = [await store.make_bin(START, play.settings) for _ in range(2)]
        if break_once:
            break_once(store)
        time = Time(rounds)
        async with expiring(play, keep=kept if keep else None, clock=time, wait=time.wait):
            await time.over.wait()
        found = await check(store, time, kept, left)
        await store.close()
        return found

    return asyncio.run(main())


async def living(store, time, kept, left):
    before = time.now - 600 * 1000
    tokens = [one.capture_token for one in (kept, left)]
    bins = [await store.bin_to_capture(token, before) is not None for token in tokens]
    return bins, await store.run(lambda rows: rows.execute("SELECT count(*) FROM bins").fetchone())


@pytest.mark.parametrize(
    ("rounds", "keep", "alive", "stored"),
    [
        (1, True, [True, True], 2),
        (2, True, [True, True], 2),
        (3, True, [True, False], 1),
        (30, True, [True, False], 1),
        (3, False, [False, False], 0),
    ],
)
def test_what_has_expired_goes_but_for_what_is_served(rounds, keep, alive, stored):
    bins, (count,) = served(rounds, living, keep=keep)

    assert bins == alive
    assert count == stored


def test_a_fault_of_the_disk_is_told_and_passes(caplog):
    def break_once(store):
        real = store.purge

        async def fails(_):
            store.purge = real
            raise sqlite3.OperationalError("database is locked")

        store.purge = fails

    bins, (count,) = served(3, living, break_once=break_once)
    assert (bins, count) == ([True, False], 1)
    assert "play_not_purged: database is locked" in caplog.text
