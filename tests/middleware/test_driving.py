"""What a cancellation must not stop, apart from any face."""

import asyncio
import contextvars

import pytest

from hookseal.driving import drive_to_end, run_to_end

from .support import SECONDS


def settling(call, heard):
    """Steps that ask for one call, and tell what came of it."""
    try:
        heard.append((yield call))
    except ConnectionError:
        heard.append("failed")


def fails():
    raise ConnectionError


async def comes():
    await asyncio.sleep(0)
    return True


async def comes_to_nothing():
    await asyncio.sleep(0)
    raise ConnectionError


@pytest.mark.parametrize(
    ("call", "outcome"),
    [(lambda: True, True), (fails, "failed"), (comes, True), (comes_to_nothing, "failed")],
)
def test_the_step_that_settles_is_taken_and_judged(call, outcome):
    heard = []
    asyncio.run(drive_to_end(settling(call, heard)))
    assert heard == [outcome]


def test_where_nothing_is_claimed_nothing_is_done():
    asyncio.run(drive_to_end(iter(())))


def test_a_store_that_is_not_awaited_costs_no_task():
    async def scenario():
        before = asyncio.all_tasks()
        steps = drive_to_end(settling(lambda: True, []))
        with pytest.raises(StopIteration):
            steps.send(None)  # it never waits
        return asyncio.all_tasks() == before

    assert asyncio.run(scenario())


# --- running to the end ----------------------------------------------------------------------


def test_what_is_returned_and_raised_comes_through():
    assert asyncio.run(run_to_end(comes())) is True
    with pytest.raises(ConnectionError):
        asyncio.run(run_to_end(comes_to_nothing()))


class Work:
    """Steps that begin, wait for ``go`` and end."""

    def __init__(self):
        self.begun, self.go, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self):
        self.begun.set()
        await asyncio.wait_for(self.go.wait(), SECONDS)
        self.ended.set()


async def begin(work):
    task = asyncio.create_task(run_to_end(work.run()))
    await asyncio.wait_for(work.begun.wait(), SECONDS)
    task.cancel()
    await asyncio.sleep(0)
    return task


def test_a_cancellation_is_told_when_the_steps_have_ended():
    async def scenario():
        work = Work()
        task = await begin(work)
        assert not task.done()
        work.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return work.ended.is_set()

    assert asyncio.run(scenario())


def test_a_second_cancellation_is_told_at_once_and_the_steps_go_on():
    async def scenario():
        work = Work()
        task = await begin(work)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not work.ended.is_set()
        work.go.set()
        await asyncio.wait_for(work.ended.wait(), SECONDS)

    asyncio.run(scenario())


def test_context_variables_are_those_of_the_steps():
    kept = contextvars.ContextVar("kept", default=0)
    changed = contextvars.ContextVar("changed", default=0)

    async def steps():
        assert (kept.get(), changed.get()) == (1, 1)
        changed.set(2)

    async def scenario():
        kept.set(1)
        changed.set(1)
        await run_to_end(steps())
        return kept.get(), changed.get()

    assert asyncio.run(scenario()) == (1, 2)
