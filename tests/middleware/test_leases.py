"""Claims are renewed for as long as the handler runs, and no longer."""

import asyncio
import threading

import pytest

from hookseal.ledger import MemoryLedger

from .support import (
    SECONDS,
    AsyncLedger,
    Endpoint,
    Handler,
    WatchedLedger,
    ask_asgi,
    event_of,
    signed,
)

SHORT = 0.03
"""A lease in seconds; the ledger's own clock stands still, so that it never runs out."""


def renewing_threads():
    return {thread for thread in threading.enumerate() if thread.name == "hookseal-renew"}


@pytest.mark.parametrize("fail", [False, True], ids=["", "store away"])
def test_a_claim_is_renewed_while_the_handler_runs(face, clock, fail):
    renewed = event_of(face)
    ledger = WatchedLedger("renew", 3, renewed, fail=fail, clock=clock)
    one = Endpoint(face, Handler(hold=renewed), ledger=ledger, lease=SHORT)
    assert one.send(signed("a")).status == 200
    assert one.send(signed("a")).replayed
    assert one.noted == ["accepted", "replayed"]


def test_one_timer_renews_every_claim(face, clock):
    renewed = event_of(face)
    ledger = WatchedLedger("renew", 6, renewed, clock=clock)
    one = Endpoint(face, Handler(hold=renewed), ledger=ledger, lease=SHORT)
    answers = one.send_all([signed("a"), signed("b"), signed("c")])
    assert [answer.status for answer in answers] == [200, 200, 200]


def test_an_async_store_is_awaited(clock):
    renewed = asyncio.Event()
    ledger = AsyncLedger(WatchedLedger("renew", 3, renewed, clock=clock))
    one = Endpoint("asgi", Handler(hold=renewed), ledger=ledger, lease=SHORT)
    assert one.send(signed()).status == 200
    assert one.send(signed()).replayed


def test_the_thread_ends_when_nothing_is_held_and_starts_again(clock):
    one = Endpoint("wsgi", ledger=MemoryLedger(clock=clock), lease=SHORT)
    for event_id in ("a", "b"):
        others = renewing_threads()
        assert one.send(signed(event_id)).status == 200
        (thread,) = renewing_threads() - others
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_the_loops_timer_ends_when_nothing_is_held_and_starts_again(clock):
    async def scenario():
        loop = asyncio.get_running_loop()
        renewed = asyncio.Event()
        ledger = WatchedLedger("renew", 1, renewed, clock=clock)
        handler = Handler()
        one = Endpoint("asgi", handler, ledger=ledger, lease=SHORT)
        await ask_asgi(one.app, signed("quick"))
        after_the_timer = asyncio.Event()
        loop.call_later(SHORT, after_the_timer.set)
        await after_the_timer.wait()
        assert not renewed.is_set()
        handler._hold = renewed
        return await asyncio.wait_for(ask_asgi(one.app, signed("slow")), SECONDS)

    assert asyncio.run(scenario()).status == 200


def test_without_a_ledger_nothing_is_renewed(endpoint):
    others = renewing_threads()
    assert endpoint(ledger=None, lease=SHORT).send(signed()).status == 200
    assert renewing_threads() <= others
