"""Results: the log, the next attempt, and what they mean for the endpoint."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    OPERATIONS_ORGANISATION,
    ApplicationDraft,
    DeliveryState,
    Disabled,
    Trigger,
)
from hookseal_sender.store import PageRequest
from hookseal_sender.store.base import MessageFilter
from hookseal_sender.store.outbox import Outbox
from tests.sample_sender.outboxes import attempts, claim, deliveries, result_of, state

pytestmark = pytest.mark.anyio


async def test_a_success_is_logged_and_ends_the_delivery(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    (task,) = await claim(store)
    assert await store.complete(result_of(task, response="ok"))
    (delivery,) = await deliveries(store, endpoint.app_id)
    assert delivery.state is DeliveryState.SUCCEEDED
    assert (delivery.attempts, delivery.last_status, delivery.due_ms) == (1, 200, None)
    (attempt,) = await attempts(store, message)
    assert (attempt.number, attempt.succeeded, attempt.status) == (1, True, 200)
    assert (attempt.response, attempt.response_headers) == ("ok", (("Server", "x"),))
    assert attempt.trigger is Trigger.SCHEDULED
    assert not await store.complete(result_of(task))


async def test_a_retry_waits_for_its_time(store, make_endpoint, publish, clock):
    message = await publish((await make_endpoint()).app_id)
    (task,) = await claim(store)
    await store.complete(result_of(task, status=500, retry_in=60))
    claimed = await store.claim(limit=1, per_endpoint=1, lease=30)
    assert (claimed.tasks, claimed.next_in) == ([], 60.0)
    assert await state(store, message) is DeliveryState.WAITING
    clock.advance(60)
    (again,) = await claim(store)
    assert again.lease.tries == 1
    await store.complete(result_of(again))
    assert [each.number for each in await attempts(store, message)] == [1, 2]


async def test_an_exhausted_delivery_is_failed(store, make_endpoint, publish):
    message = await publish((await make_endpoint()).app_id)
    (task,) = await claim(store)
    await store.complete(result_of(task, status=500, retry_in=None))
    assert await state(store, message) is DeliveryState.FAILED
    assert await claim(store) == []


async def test_an_answer_that_text_cannot_hold_is_kept_all_the_same(store, make_endpoint, publish):
    message = await publish((await make_endpoint()).app_id)
    (task,) = await claim(store)
    assert await store.complete(result_of(task, response="a\0b\U0001f600'\"\\"))
    (attempt,) = await attempts(store, message)
    assert attempt.response == "a\ufffdb\U0001f600'\"\\"


async def test_the_same_result_twice_counts_once(store, make_endpoint, publish):
    message = await publish((await make_endpoint()).app_id)
    (task,) = await claim(store)
    results = [store.complete(result_of(task)) for _ in range(3)]
    assert sorted(await asyncio.gather(*results)) == [False, False, True]
    assert len(await attempts(store, message)) == 1


# --- the endpoint's health ---------------------------------------------------------------------


async def fail(store, clock=None, advance=0.0, **fields):
    """Claim everything and fail it."""
    tasks = await claim(store, per_endpoint=100)
    await asyncio.gather(*(store.complete(result_of(task, **fields)) for task in tasks))
    if clock is not None:
        clock.advance(advance)
    return tasks


async def test_failing_is_known_since_the_first_failure_and_ends_with_a_success(
    store, make_endpoint, publish, clock
):
    endpoint = await make_endpoint()
    began = clock.now_ms
    await publish(endpoint.app_id)
    await fail(store, clock, 5, status=500)
    await fail(store, clock, 5, status=500)
    assert (await store.endpoint(endpoint.app_id, endpoint.id)).failing_since_ms == began
    await fail(store, status=200)
    assert (await store.endpoint(endpoint.app_id, endpoint.id)).failing_since_ms is None


async def test_gone_disables_the_endpoint_and_holds_the_rest(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    waiting = await publish(endpoint.app_id)
    await fail(store, status=500, retry_in=100.0)
    messages = [await publish(endpoint.app_id) for _ in range(3)]
    (task,) = await claim(store, limit=1)
    await store.complete(result_of(task, status=410, disables_endpoint=True))
    after = await store.endpoint(endpoint.app_id, endpoint.id)
    assert (after.disabled, after.disabled_for) == (True, Disabled.GONE)
    states = {await state(store, each) for each in [waiting, *messages]}
    assert states == {DeliveryState.HELD}
    assert await claim(store) == []


async def test_an_attempt_under_way_when_its_endpoint_is_disabled_is_held_if_it_fails(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    messages = [await publish(endpoint.app_id) for _ in range(2)]
    first, second = await claim(store)
    await disable(store, endpoint)
    await store.complete(result_of(first, status=500))
    await store.complete(result_of(second))
    states = [await state(store, each) for each in messages]
    assert sorted(states) == [DeliveryState.SUCCEEDED, DeliveryState.HELD]


async def disable(store, endpoint, *, disabled=True):
    await store.change_endpoint(
        endpoint.app_id, endpoint.id, lambda current: replace(current, disabled=disabled)
    )


async def test_an_endpoint_that_fails_too_long_is_disabled(
    store, make_endpoint, publish, vault, clock
):
    outbox = Outbox(store.database, vault, disable_after=60.0)
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    for _ in range(2):
        (task,) = await claim(outbox)
        await outbox.complete(result_of(task, status=500, retry_in=59.9))
        clock.advance(59.9)
    assert not (await store.endpoint(endpoint.app_id, endpoint.id)).disabled
    (task,) = await claim(outbox)
    await outbox.complete(result_of(task, status=500))
    after = await store.endpoint(endpoint.app_id, endpoint.id)
    assert (after.disabled, after.disabled_for) == (True, Disabled.FAILING)
    assert await state(store, message) is DeliveryState.HELD


async def test_an_endpoint_that_asks_for_less_rests_longer_each_time(
    store, make_endpoint, publish, clock
):
    endpoint = await make_endpoint()
    for _ in range(4):
        await publish(endpoint.app_id)
    await fail(store, status=429, pauses=True, retry_in=0.0)  # four at once are one step
    assert (await paused(store, endpoint)) == clock.now_ms + 5000
    clock.advance(5)
    await fail(store, status=429, pauses=True, retry_in=0.0)
    assert (await paused(store, endpoint)) == clock.now_ms + 10_000
    clock.advance(10)
    (task, *rest) = await claim(store)
    await store.complete(result_of(task, status=429, pauses=True, wish=100.0))
    assert (await paused(store, endpoint)) == clock.now_ms + 100_000
    await store.complete(result_of(rest[0]))  # it was under way: the pause stays
    assert (await paused(store, endpoint)) == clock.now_ms + 100_000
    clock.advance(100)
    await store.complete(result_of(rest[1]))
    assert (await paused(store, endpoint)) is None
    await store.complete(result_of(rest[2], status=429, pauses=True))
    assert (await paused(store, endpoint)) == clock.now_ms + 5000


async def paused(store, endpoint):
    return (await store.endpoint(endpoint.app_id, endpoint.id)).paused_until_ms


# --- the organisation is told ------------------------------------------------------------------


@pytest.fixture
async def told(store):
    """Return what the organisation was told of attempts, in order."""
    operations = await store.create_application(
        OPERATIONS_ORGANISATION, ApplicationDraft(name="o", uid=DEFAULT_ORGANISATION)
    )

    async def told():
        page = await store.messages(operations.id, PageRequest(limit=250), MessageFilter())
        events = [json.loads(each.payload) for each in page.items]
        return [(each["type"], each["data"]) for each in events if each["type"] not in CREATED]

    return told


CREATED = ("endpoint.created", "endpoint.updated")


async def test_the_organisation_is_told_of_failing_recovering_and_exhaustion(
    store, make_endpoint, publish, clock, told
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id, event_id="e")
    for _ in range(5):
        await fail(store, clock, 5, status=500)
    await fail(store, status=200)
    await publish(endpoint.app_id)
    clock.advance(1)
    await fail(store, status=500, retry_in=None)
    events = await told()
    assert [each[0] for each in events] == [
        "message.attempt.failing",
        "message.attempt.recovered",
        "message.attempt.exhausted",
    ]
    data = events[0][1]
    made = await attempts(store, message)
    assert (data["msgId"], data["msgEventId"], data["endpointId"]) == (message.id, "e", endpoint.id)
    assert data["appId"] == endpoint.app_id
    assert data["lastAttempt"]["id"] == made[3].id
    assert data["lastAttempt"]["responseStatusCode"] == 500


async def test_the_organisation_is_told_of_an_endpoint_that_was_disabled(
    store, make_endpoint, publish, told
):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    await fail(store, status=410, disables_endpoint=True)
    ((kind, data),) = await told()
    assert (kind, data["endpointId"]) == ("endpoint.disabled", endpoint.id)
    assert data["failSince"]


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_more_attempts_are_counted_than_a_small_number_holds(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await store.database.write(
        lambda connection, _now_ms: connection.execute(text("UPDATE delivery SET attempts = 32767"))
    )
    (task,) = await claim(store)
    assert await store.complete(result_of(task))
    assert [each.number for each in await attempts(store, message)] == [32768]


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("ending", ["complete", "release"])
async def test_leases_end_in_one_order_so_that_none_waits_for_another(
    ending, store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    for _ in range(2):
        await publish(endpoint.app_id)
    tasks = sorted(await claim(store), key=lambda task: task.lease, reverse=True)
    loop, locks = (
        asyncio.get_running_loop(),
        text("SELECT FROM delivery WHERE msg_id = :id FOR UPDATE"),
    )

    async def end():
        if ending == "release":
            return await store.release([task.lease for task in tasks])
        return await asyncio.gather(*(store.complete(result_of(task)) for task in tasks))

    def other(connection, _now_ms):
        last, first = ({"id": task.lease.msg_id} for task in tasks)
        connection.execute(locks, first)
        ends = asyncio.run_coroutine_threadsafe(end(), loop)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.execute(waiting).scalar():
            time.sleep(0.001)
        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        connection.execute(locks, last)
        return ends

    ends = await store.database.write(other)
    await asyncio.wrap_future(ends)


async def test_a_result_for_an_endpoint_that_was_removed_harms_no_other(
    store, make_endpoint, publish
):
    gone, endpoint = await make_endpoint(), await make_endpoint()
    await publish(gone.app_id)
    message = await publish(endpoint.app_id)
    tasks = sorted(await claim(store), key=lambda task: task.lease.endpoint_id == endpoint.id)

    def remove(connection, _now_ms):
        for table, column in (("delivery", "endpoint_id"), ("endpoint", "id")):
            statement = text(f"DELETE FROM {table} WHERE {column} = :id")
            connection.execute(statement, {"id": gone.id})

    await store.database.write(remove)
    ends = (store.complete(result_of(task, status=410, disables_endpoint=True)) for task in tasks)
    assert await asyncio.gather(*ends) == [False, True]
    assert [each.number for each in await attempts(store, message)] == [1]
