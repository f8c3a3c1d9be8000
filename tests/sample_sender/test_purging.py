"""Removing what is kept no longer."""

import asyncio

import pytest
from sqlalchemy import text

from hookseal_sender.errors import NotFound
from hookseal_sender.model import AttemptDraft, DeliveryState, EndpointDraft, Keyed, Result
from hookseal_sender.store import open_store
from tests.sample_sender.outboxes import state

pytestmark = pytest.mark.anyio
DAY = 86_400
HOUR = 3600


@pytest.fixture
def rows(store):
    """Count the rows of each table: ``await rows("message", "delivery")``."""

    def count(connection, tables):
        return [
            connection.execute(text(f"SELECT count(*) FROM {each}")).scalar() for each in tables
        ]

    async def rows(*tables):
        return await store.database.read(count, tables)

    return rows


@pytest.fixture
def deliver(store, clock):
    async def deliver():
        claimed = await store.claim(limit=100, per_endpoint=100, lease=30.0)
        for task in claimed.tasks:
            made = AttemptDraft(
                url=task.url,
                started_ms=clock.now_ms,
                duration_ms=1,
                succeeded=True,
                status=200,
                response="",
                reason="",
            )
            await store.complete(Result(lease=task.lease, attempt=made, retry_in=None))

    return deliver


@pytest.fixture
def purge(store, clock):
    async def purge(*, older=90 * DAY, limit=1000):
        return await store.purge(before_ms=clock.now_ms - older * 1000, limit=limit)

    return purge


async def test_a_finished_message_goes_with_all_of_it(
    store, make_endpoint, publish, deliver, rows, purge, clock
):
    endpoint = await make_endpoint()
    await make_endpoint(endpoint.app_id)
    old = await publish(endpoint.app_id)
    await deliver()
    clock.advance(50 * DAY)
    kept = await publish(endpoint.app_id)
    await deliver()
    clock.advance(40 * DAY)
    assert await purge(older=90 * DAY) == 1  # its payload's time is up
    clock.advance(0.001)
    assert await purge(older=90 * DAY) == 1 + 2 + 2
    assert await rows("message", "delivery", "attempt") == [1, 2, 2]
    with pytest.raises(NotFound):
        await store.message(endpoint.app_id, old.id)
    assert await store.message(endpoint.app_id, kept.id) == kept
    assert await purge() == 0


async def test_what_is_still_to_be_delivered_stays(
    store, make_endpoint, publish, deliver, rows, purge, clock
):
    endpoint, other = await make_endpoint(disabled=True), await make_endpoint()
    held = await publish(endpoint.app_id, retention_hours=401 * 24)
    later = await publish(other.app_id, not_before_ms=clock.now_ms + 1)
    clock.advance(400 * DAY)
    assert await purge() == 0
    for message in (held, later):
        assert (await store.message(message.app_id, message.id)).payload is not None
    await store.resume(endpoint.app_id, endpoint.id)
    assert await purge() == 0
    await deliver()
    assert await purge() == 2 + 2 + 2
    assert await rows("message", "delivery", "attempt") == [0, 0, 0]


async def test_what_is_held_goes_with_its_payload(
    store, make_endpoint, publish, deliver, rows, purge, clock
):
    endpoint = await make_endpoint()
    other = await make_endpoint(endpoint.app_id)
    off = EndpointDraft(url=endpoint.url, name="e", disabled=True)
    await store.change_endpoint(endpoint.app_id, endpoint.id, lambda _: off)
    message = await publish(endpoint.app_id, retention_hours=5 * 24)
    kept = await publish(endpoint.app_id, retention_hours=6 * 24)
    clock.advance(5 * DAY)
    assert await purge() == 0  # it waits for the other one too
    assert await state(store, message, endpoint) is DeliveryState.HELD
    await deliver()
    assert await purge() == 1
    assert (await store.message(endpoint.app_id, message.id)).payload is None
    assert await state(store, message, endpoint) is DeliveryState.CANCELLED
    assert await state(store, message, other) is DeliveryState.SUCCEEDED
    assert await state(store, kept, endpoint) is DeliveryState.HELD
    assert await store.resume(endpoint.app_id, endpoint.id) == 1
    await deliver()
    clock.advance(86 * DAY)
    while await purge():
        pass
    assert await rows("message", "delivery", "attempt") == [0, 0, 0]


async def test_what_was_resumed_before_the_removal_keeps_its_payload(
    store, make_endpoint, publish, purge, clock, monkeypatch
):
    endpoint = await make_endpoint(disabled=True)
    message = await publish(endpoint.app_id, retention_hours=5 * 24)
    clock.advance(5 * DAY)
    write = store.database.write

    async def resume_first(work, *args, **kwargs):
        monkeypatch.setattr(store.database, "write", write)
        await store.resume(endpoint.app_id, endpoint.id)
        return await write(work, *args, **kwargs)

    monkeypatch.setattr(store.database, "write", resume_first)
    assert await purge() == 0
    assert await state(store, message) is DeliveryState.READY
    assert await store.message(endpoint.app_id, message.id) == message


async def test_a_payload_goes_when_its_own_time_is_up(
    store, make_endpoint, publish, deliver, purge, clock
):
    endpoint = await make_endpoint()
    short = await publish(endpoint.app_id, retention_hours=5 * 24)
    await publish(endpoint.app_id, retention_hours=6 * 24)
    clock.advance(5 * DAY)
    assert await purge() == 0  # not delivered yet
    await deliver()
    assert await purge() == 1
    assert (await store.message(endpoint.app_id, short.id)).payload is None
    delivery = await store.delivery(endpoint.app_id, short.id, endpoint.id)
    assert delivery.state is DeliveryState.SUCCEEDED
    assert await purge() == 0


async def test_a_message_for_nobody_goes_too(make_application, publish, rows, purge, clock):
    await publish((await make_application()).id)
    clock.advance(91 * DAY)
    assert await purge() == 1
    assert await rows("message") == [0]


async def test_a_call_removes_no_more_than_it_may(make_application, publish, rows, purge, clock):
    one, two = (await make_application()).id, (await make_application()).id
    for app_id in (one, two, one, two, one):
        await publish(app_id)
    clock.advance(91 * DAY)
    assert [await purge(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert await rows("message") == [0]


async def test_keys_and_tokens_that_expired_go(store, rows, purge, clock):
    await store.begin_keyed(Keyed(key="one", body="b"))
    await store.revoke_token("tok_1", clock.now_ms + 300_000)
    clock.advance(1)
    await store.begin_keyed(Keyed(key="two", body="b"))
    assert await purge() == 0
    clock.advance(299)
    assert await purge() == 2
    assert await rows("idempotency", "revoked_token") == [1, 0]


async def test_what_was_deleted_goes_when_nothing_is_left_of_it(
    store, make_endpoint, publish, deliver, rows, purge, clock
):
    endpoint = await make_endpoint()
    other = await make_endpoint(endpoint.app_id)
    living = await make_endpoint()
    await publish(endpoint.app_id)
    await deliver()
    await store.delete_endpoint(endpoint.app_id, other.id)
    clock.advance(50 * DAY)
    await store.delete_application(endpoint.app_id)
    clock.advance(41 * DAY)
    # The message, two tallies, and the endpoint that was deleted before.
    assert await purge() == 1 + 2 + 2 + 2 + 1
    assert await rows("endpoint", "application") == [2, 2]
    clock.advance(50 * DAY)
    assert await purge() == 2
    assert await rows("endpoint", "application") == [1, 1]
    assert await store.endpoint(living.app_id, living.id) == living


async def test_a_tally_goes_when_its_hour_was_over(
    store, make_endpoint, publish, deliver, rows, purge, clock
):
    endpoint = await make_endpoint()
    await make_endpoint(endpoint.app_id)
    for _ in range(3):
        await publish(endpoint.app_id, retention_hours=400 * 24)
        await deliver()
        clock.advance(HOUR)
    hours = (await store.tallies(endpoint.app_id, after_ms=0))[endpoint.id]
    assert await purge(older=2 * HOUR + 0.001) == 1 + 2 + 2  # the first message
    assert [await purge(older=2 * HOUR, limit=1) for _ in range(3)] == [1, 1, 0]
    assert await rows("tally") == [4]
    assert (await store.tallies(endpoint.app_id, after_ms=0))[endpoint.id] == hours[1:]


async def test_tallies_outlive_a_deleted_endpoint_until_their_hour_was_over(
    store, make_endpoint, publish, deliver, rows, purge, clock
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await deliver()
    await store.delete_endpoint(endpoint.app_id, endpoint.id)
    clock.advance(1)
    # The message with its delivery and its attempt, and the endpoint.
    assert await purge(older=0) == 1 + 1 + 1 + 1
    assert await rows("tally", "endpoint") == [1, 0]
    assert await store.tallies(endpoint.app_id, after_ms=0) == {}
    clock.advance(HOUR)
    assert await purge(older=0) == 1
    assert await rows("tally", "endpoint") == [0, 0]
    with pytest.raises(NotFound):
        await store.message(endpoint.app_id, message.id)


async def test_a_resend_before_the_removal_keeps_the_message(
    store, make_endpoint, publish, deliver, purge, clock, monkeypatch
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id, retention_hours=400 * 24)
    await deliver()
    clock.advance(91 * DAY)
    write = store.database.write

    async def resend_first(work, *args, **kwargs):
        monkeypatch.setattr(store.database, "write", write)
        await store.resend(endpoint.app_id, message.id, endpoint.id)
        return await write(work, *args, **kwargs)

    monkeypatch.setattr(store.database, "write", resend_first)
    assert await purge() == 1  # a tally
    assert await store.message(endpoint.app_id, message.id) == message


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_of_several_processes_one_purges(
    database_url, vault, clock, make_application, publish, rows, purge
):
    app_id = (await make_application()).id
    for _ in range(20):
        await publish(app_id)
    clock.advance(91 * DAY)
    other = open_store(database_url, vault, clock=clock.database)
    try:
        before_ms = clock.now_ms - 90 * DAY * 1000
        counts = await asyncio.gather(
            purge(), *(other.purge(before_ms=before_ms) for _ in range(3))
        )
    finally:
        await other.close()
    assert sum(counts) == 20
    assert await rows("message") == [0]
