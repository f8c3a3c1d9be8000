"""A blocking ledger on an event loop: the loop goes on, and no step takes for ever."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading

import pytest

from hookseal import ConfigError
from hookseal.ledger import Claimed, MemoryLedger
from hookseal.ledger.threads import InThread


class Stuck(MemoryLedger):
    """Waits until it is told to go on."""

    blocking = True

    def __init__(self):
        super().__init__()
        self.go_on = threading.Event()

    def claim(self, key, token, lease, fingerprint):
        self.go_on.wait()
        return super().claim(key, token, lease, fingerprint)


def test_the_loop_goes_on_while_a_step_waits():
    async def use():
        stuck = Stuck()
        ledger = InThread(stuck)
        claiming = asyncio.create_task(ledger.claim(b"key", b"one", 30, 0))
        turns = 0
        while not claiming.done():
            await asyncio.sleep(0)
            turns += 1
            if turns == 100:
                stuck.go_on.set()
        await ledger.aclose()
        return claiming.result(), turns

    outcome, turns = asyncio.run(use())
    assert outcome == Claimed(1)
    assert turns >= 100


def test_a_step_that_takes_too_long_raises_and_the_next_is_served():
    async def use():
        stuck = Stuck()
        ledger = InThread(stuck, threads=1, deadline=0.02)
        with pytest.raises(TimeoutError):
            await ledger.claim(b"key", b"one", 30, 0)
        with pytest.raises(TimeoutError):  # waiting for the thread counts
            await ledger.release(b"key", b"one")
        stuck.go_on.set()
        ledger._deadline = 5
        assert await ledger.claim(b"other", b"one", 30, 0) == Claimed(1)
        await ledger.aclose()

    asyncio.run(use())


def test_a_store_without_check_and_close_is_fine():
    async def use():
        ledger = InThread(MemoryLedger())
        await ledger.check()
        await ledger.aclose()

    asyncio.run(use())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own():
    ledger = InThread(MemoryLedger())

    async def claim():
        return await ledger.claim(b"key", b"one", 30, 0)

    def child():
        asyncio.run(claim())

    asyncio.run(claim())
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    asyncio.run(ledger.aclose())


def test_no_threads_are_refused():
    with pytest.raises(ConfigError, match="threads: 0"):
        InThread(MemoryLedger(), threads=0)
