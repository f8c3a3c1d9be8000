"""What a change of an endpoint with a long queue leaves to claims, chunk by chunk."""

from collections import Counter
from contextlib import suppress
from itertools import pairwise

import pytest
from sqlalchemy import text

from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import DeliveryState
from hookseal_sender.store import holding
from tests.sample_sender.outboxes import claim, deliveries, result_of
from tests.sample_sender.test_outbox_completing import disable

pytestmark = pytest.mark.anyio
READY, WAITING, HELD = DeliveryState.READY, DeliveryState.WAITING, DeliveryState.HELD
SENDING, CANCELLED = DeliveryState.SENDING, DeliveryState.CANCELLED
CHUNK = 2


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(holding, "CHUNK", CHUNK)


@pytest.fixture
def queue(store, make_endpoint, publish):
    """Makes an endpoint with five deliveries that wait for a retry, and five that are ready."""

    async def make(app_id=None):
        endpoint = await make_endpoint(app_id)
        for _ in range(5):
            await publish(endpoint.app_id)
        for task in await claim(store):
            if task.lease.endpoint_id == endpoint.id:
                await store.complete(result_of(task, status=500, retry_in=500.0))
            else:
                await store.release([task.lease])
        for _ in range(5):
            await publish(endpoint.app_id)
        return endpoint

    return make


async def states(store, endpoint):
    found = await deliveries(store, endpoint.app_id, endpoint_id=endpoint.id)
    return Counter(each.state for each in found)


async def claim_until_settled(store):
    """Claim as a worker does, at once where there is more to do; return what it got."""
    tasks, rounds = [], 0
    while True:
        claimed = await store.claim(limit=100, per_endpoint=100, lease=30.0)
        tasks += claimed.tasks
        if claimed.next_in != 0.0:
            return tasks
        rounds += 1
        assert rounds < 20, "claims have no end"


async def test_what_a_disabled_endpoint_waits_for_is_held(store, queue):
    endpoint = await queue()
    other = await queue()
    before = await states(store, endpoint)
    await disable(store, endpoint)
    assert (await states(store, endpoint))[HELD] == 2 * CHUNK
    got = await claim_until_settled(store)
    assert {task.lease.endpoint_id for task in got} == {other.id}
    assert await states(store, endpoint) == {HELD: before.total()}


async def test_what_an_enabled_endpoint_held_is_due(store, queue):
    endpoint = await queue()
    await disable(store, endpoint)
    await claim_until_settled(store)
    await disable(store, endpoint, disabled=False)
    assert (await states(store, endpoint))[READY] == CHUNK
    assert len(await claim_until_settled(store)) == 10
    assert await states(store, endpoint) == {SENDING: 10}


async def test_enabled_before_all_was_held_it_gets_all(store, queue):
    endpoint = await queue()
    await disable(store, endpoint)
    await disable(store, endpoint, disabled=False)
    got = await claim_until_settled(store)
    assert len(got) + (await states(store, endpoint))[WAITING] == 10
    assert (await states(store, endpoint))[HELD] == 0


async def test_a_resume_counts_all_and_leaves_the_rest(store, queue):
    endpoint = await queue()
    await disable(store, endpoint)
    await claim_until_settled(store)
    assert await store.resume(endpoint.app_id, endpoint.id) == 10
    assert await states(store, endpoint) == {READY: CHUNK, HELD: 10 - CHUNK}
    assert len(await claim_until_settled(store)) == 10


async def test_a_resume_sends_nothing_old_of_a_queue_that_is_not_yet_held(store, queue, clock):
    endpoint = await queue()
    await disable(store, endpoint)
    clock.advance(1)
    assert await store.resume(endpoint.app_id, endpoint.id, after_ms=clock.now_ms) == 0
    assert await claim_until_settled(store) == []
    assert await states(store, endpoint) == {CANCELLED: 10}


async def test_a_resume_of_a_part_may_be_cut_short(store, queue, clock, monkeypatch):
    """After any of its transactions: nothing is sent, and to ask again is enough."""
    endpoint = await queue()
    await disable(store, endpoint)
    clock.advance(1)
    after_ms, cuts, write = clock.now_ms, 0, store.database.write

    async def write_once(work, *args, **kwargs):
        monkeypatch.setattr(store.database, "write", write_never)
        return await write(work, *args, **kwargs)

    async def write_never(work, *args, **kwargs):
        raise StoreUnavailable("killed")

    while (await store.endpoint(endpoint.app_id, endpoint.id)).disabled:
        monkeypatch.setattr(store.database, "write", write_once)
        with suppress(StoreUnavailable):
            await store.resume(endpoint.app_id, endpoint.id, after_ms=after_ms)
        cuts += 1
        assert await claim(store) == []
    assert cuts > 3
    assert await states(store, endpoint) == {CANCELLED: 10}


async def test_a_resume_of_a_part_holds_nothing_of_an_endpoint_that_is_enabled(store, queue, clock):
    endpoint = await queue()
    before = await states(store, endpoint)
    clock.advance(1)
    assert await store.resume(endpoint.app_id, endpoint.id, after_ms=clock.now_ms) == 0
    assert await states(store, endpoint) == before


async def test_a_claim_moves_one_chunk_however_many_endpoints_there_are(
    store, make_application, make_endpoint, publish
):
    app = await make_application()
    for _ in range(4):
        await make_endpoint(app.id)
    for _ in range(5):
        await publish(app.id)
    await store.delete_application(app.id)
    cancelled = [CHUNK]
    while cancelled[-1] < 4 * 5:
        claimed = await store.claim(limit=100, per_endpoint=10, lease=30.0)
        assert (claimed.tasks, claimed.next_in) == ([], 0.0)
        cancelled.append(len(await deliveries(store, app.id, states=(CANCELLED,))))
    assert max(after - before for before, after in pairwise(cancelled)) == CHUNK
    assert await claim_until_settled(store) == []


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("UPDATE endpoint SET disabled = true", HELD),
        ("UPDATE endpoint SET deleted_ms = 1", CANCELLED),
        ("UPDATE application SET deleted_ms = 1", CANCELLED),
        ("DELETE FROM endpoint", READY),  # nobody can tell where it belongs
    ],
)
async def test_what_is_ready_of_an_endpoint_that_gets_nothing_keeps_no_claim_busy(
    change, after, store, make_endpoint, publish
):
    """As if it had been published while that changed."""
    endpoint = await make_endpoint()
    for _ in range(5):
        await publish(endpoint.app_id)
    await store.database.write(lambda connection, _: connection.execute(text(change)))
    assert await claim_until_settled(store) == []
    assert await states(store, endpoint) == {after: 5}


async def test_what_a_deleted_endpoint_has_not_got_is_cancelled(store, queue):
    endpoint = await queue()
    (under_way,) = await claim(store, limit=1)
    await store.delete_endpoint(endpoint.app_id, endpoint.id)
    assert (await states(store, endpoint))[CANCELLED] == 2 * CHUNK + 1
    assert await claim_until_settled(store) == []
    assert await states(store, endpoint) == {CANCELLED: 10}
    assert not await store.complete(result_of(under_way))


async def test_what_a_deleted_application_has_not_got_is_cancelled(store, queue):
    first = await queue()
    second = await queue(first.app_id)
    await store.delete_application(first.app_id)
    assert await claim_until_settled(store) == []
    for endpoint in (first, second):
        assert set(await states(store, endpoint)) == {CANCELLED}


async def test_an_answer_that_disables_leaves_the_rest_too(store, queue):
    endpoint = await queue()
    (task,) = await claim(store, limit=1)
    gone = result_of(task, status=410, retry_in=500.0, disables_endpoint=True)
    assert await store.complete(gone)
    assert (await store.endpoint(endpoint.app_id, endpoint.id)).disabled
    assert await claim_until_settled(store) == []
    assert await states(store, endpoint) == {HELD: 10}


async def test_two_workers_settle_two_endpoints(store, another_store, queue):
    endpoints = [await queue(), await queue()]
    other = await another_store()
    for endpoint in endpoints:
        await disable(store, endpoint)
    for _ in range(8):
        await claim(store)
        await claim(other)
    for endpoint in endpoints:
        assert await states(store, endpoint) == {HELD: 10}
