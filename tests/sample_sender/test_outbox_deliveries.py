"""Deliveries that somebody asks for anew, holds, resumes or cancels."""

import pytest

from hookseal_sender.errors import Conflict, NotFound
from hookseal_sender.model import DeliveryState, Trigger
from hookseal_sender.store import DeliveryFilter, holding, redelivering
from tests.sample_sender.outboxes import attempts, claim, deliveries, result_of, state
from tests.sample_sender.test_outbox_completing import disable, fail
from tests.sample_sender.test_settling import claim_until_settled

pytestmark = pytest.mark.anyio


async def test_a_resend_starts_the_schedule_anew(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await fail(store, status=500, retry_in=None)
    store.arrivals.clear()
    await store.resend(endpoint.app_id, message.id, endpoint.id)
    assert store.arrivals.is_set()
    (task,) = await claim(store)
    assert task.lease.tries == 0
    await store.complete(result_of(task, status=500, retry_in=5.0))
    clock.advance(5)
    await fail(store, status=200)
    made = await attempts(store, message)
    assert [(each.number, each.trigger) for each in made] == [
        (1, Trigger.SCHEDULED),
        (2, Trigger.MANUAL),
        (3, Trigger.SCHEDULED),
    ]


async def test_a_resend_reaches_an_endpoint_that_did_not_get_the_message(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint(event_types=("other",))
    message = await publish(endpoint.app_id)
    await store.resend(endpoint.app_id, message.id, endpoint.id)
    assert await state(store, message) is DeliveryState.READY


async def test_what_cannot_be_resent(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    app_id = endpoint.app_id
    message = await publish(app_id)
    with pytest.raises(NotFound):
        await store.resend(app_id, "msg_unknown", endpoint.id)
    with pytest.raises(NotFound):
        await store.resend(app_id, message.id, "ep_unknown")
    (task,) = await claim(store)
    with pytest.raises(Conflict, match="under way"):
        await store.resend(app_id, message.id, endpoint.id)
    await store.complete(result_of(task))
    await disable(store, endpoint)
    with pytest.raises(Conflict, match="disabled"):
        await store.resend(app_id, message.id, endpoint.id)
    await disable(store, endpoint, disabled=False)
    await store.expunge_message(app_id, message.id)
    with pytest.raises(Conflict, match="removed"):
        await store.resend(app_id, message.id, endpoint.id)


async def test_a_replay_takes_what_the_filter_selects(
    store, make_endpoint, publish, clock, monkeypatch
):
    monkeypatch.setattr(holding, "CHUNK", 2)
    endpoint = await make_endpoint()
    app_id = endpoint.app_id
    for n in range(5):
        await publish(app_id, "kind.a" if n % 2 else "kind.b", channels=("c",) if n else None)
        clock.advance(1)
    await fail(store, status=500, retry_in=None)
    succeeded = await publish(app_id)
    await fail(store, status=200)
    gone = await publish(app_id)
    await fail(store, status=500, retry_in=None)
    await store.expunge_message(app_id, gone.id)
    await publish(app_id)
    await claim(store)  # under way

    async def replay(**where):
        return await store.replay(app_id, endpoint.id, DeliveryFilter(**where))

    assert await replay(event_types=("kind.a",)) == 2
    assert await replay(channel="c", last_status=500) == 4
    assert await replay(msg_id=succeeded.id, states=(DeliveryState.FAILED,)) == 0
    assert await replay(after_ms=clock.now_ms - 2500, last_status=500) == 2
    assert await replay(before_ms=clock.now_ms - 3500) == 2
    assert await replay(endpoint_id="ep_other") == 0
    assert await replay() == 6
    assert len(await claim(store, per_endpoint=100)) == 6
    with pytest.raises(NotFound):
        await store.replay(app_id, "ep_unknown", DeliveryFilter())
    await disable(store, endpoint)
    with pytest.raises(Conflict):
        await replay()


async def test_a_disabled_endpoint_holds_and_enabling_resumes(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    waiting = await publish(endpoint.app_id)
    await fail(store, status=500, retry_in=500.0)
    ready = await publish(endpoint.app_id)
    await disable(store, endpoint)
    held = await publish(endpoint.app_id)
    for each in (waiting, ready, held):
        assert await state(store, each) is DeliveryState.HELD
    store.arrivals.clear()
    await disable(store, endpoint, disabled=False)
    assert store.arrivals.is_set()
    assert len(await claim(store)) == 3


async def test_a_resume_enables_and_counts_in_chunks(
    store, make_endpoint, publish, clock, monkeypatch
):
    monkeypatch.setattr(holding, "CHUNK", 2)
    endpoint = await make_endpoint(disabled=True)
    app_id = endpoint.app_id
    old = [await publish(app_id) for _ in range(3)]
    clock.advance(10)
    middle_ms = clock.now_ms
    new = [await publish(app_id) for _ in range(5)]
    assert await store.resume(app_id, endpoint.id, after_ms=middle_ms) == 5
    assert {await state(store, each) for each in old} == {DeliveryState.CANCELLED}
    due = [task.lease.msg_id for task in await claim_until_settled(store)]
    assert sorted(due) == sorted(each.id for each in new)
    after = await store.endpoint(app_id, endpoint.id)
    assert (after.disabled, after.disabled_for) == (False, None)
    assert await store.resume(app_id, endpoint.id) == 0
    with pytest.raises(NotFound):
        await store.resume(app_id, "ep_unknown")


async def test_a_replay_leaves_alone_what_is_published_meanwhile(
    store, make_endpoint, publish, clock, monkeypatch
):
    monkeypatch.setattr(holding, "CHUNK", 2)
    endpoint = await make_endpoint()
    for _ in range(2):
        await publish(endpoint.app_id)
    await fail(store, status=200)
    late, write = [], store.database.write

    async def publish_behind_the_first(work, *args, **kwargs):
        result = await write(work, *args, **kwargs)
        if work is redelivering.replay_some and not late:
            clock.advance(1)
            late.append(await publish(endpoint.app_id))
            await fail(store, status=200)
        return result

    monkeypatch.setattr(store.database, "write", publish_behind_the_first)
    assert await store.replay(endpoint.app_id, endpoint.id, DeliveryFilter()) == 2
    assert await state(store, *late) is DeliveryState.SUCCEEDED


async def test_a_cancel_ends_what_is_not_finished(store, make_endpoint, publish):
    first = await make_endpoint()
    app_id = first.app_id
    second = await make_endpoint(app_id)
    message = await publish(app_id)
    assert await store.cancel(app_id, message.id, first.id) == 1
    assert await state(store, message, first) is DeliveryState.CANCELLED
    (task,) = await claim(store)
    assert task.lease.endpoint_id == second.id
    assert await store.cancel(app_id, message.id) == 1
    assert not await store.complete(result_of(task))
    assert await attempts(store, message) == []
    assert await store.cancel(app_id, message.id) == 0
    with pytest.raises(NotFound):
        await store.cancel(app_id, "msg_unknown")


async def test_deleting_an_endpoint_cancels_and_a_late_result_is_not_recorded(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    for _ in range(2):
        await publish(endpoint.app_id)
    (task,) = await claim(store, limit=1)
    await store.delete_endpoint(endpoint.app_id, endpoint.id)
    assert not await store.complete(result_of(task))
    found = await deliveries(store, endpoint.app_id)
    assert {each.state for each in found} == {DeliveryState.CANCELLED}
