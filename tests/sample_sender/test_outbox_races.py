"""Two transactions at once on PostgreSQL: the second begins when the first is about to commit."""

import asyncio
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from hookseal_sender.errors import KeyUnderWay
from hookseal_sender.model import DeliveryState, Keyed, MessageDraft
from hookseal_sender.store import endpoints, holding, redelivering, tokens
from hookseal_sender.store.completing import complete
from hookseal_sender.store.publishing import insert_messages, make_accepted
from tests.sample_sender.outboxes import claim, deliveries, result_of, state
from tests.sample_sender.test_outbox_completing import disable
from tests.sample_sender.test_settling import claim_until_settled, states

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)]
READY, HELD, CANCELLED = DeliveryState.READY, DeliveryState.HELD, DeliveryState.CANCELLED
WAITING_FOR_ME = text(
    "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
)


@pytest.fixture
async def other(another_store):
    return await another_store()


@pytest.fixture
def race(store):
    """Do ``first``, begin ``second`` and, as soon as that has ended or waits, commit ``first``."""

    async def race(first, second):
        loop = asyncio.get_running_loop()

        def both(connection, now_ms):
            first(connection, now_ms)
            begun = asyncio.run_coroutine_threadsafe(second(), loop)
            while not begun.done() and not connection.execute(WAITING_FOR_ME).scalar():
                time.sleep(0.001)
            return begun

        return await asyncio.wrap_future(await store.database.write(both))

    return race


async def enable(store, endpoint):
    await disable(store, endpoint, disabled=False)


async def resume(store, endpoint):
    await store.resume(endpoint.app_id, endpoint.id)


async def delete(store, endpoint):
    await store.delete_endpoint(endpoint.app_id, endpoint.id)


# --- publishing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "after"), [(enable, READY), (resume, READY), (delete, CANCELLED)]
)
async def test_what_is_held_as_it_is_published_follows_its_endpoint(
    change, after, other, race, make_endpoint
):
    endpoint = await make_endpoint(disabled=True)
    draft = MessageDraft(event_type="a", payload=b"{}")

    def publish(connection, now_ms):
        made = make_accepted(now_ms, endpoint.app_id, draft).message
        insert_messages(connection, now_ms, [made])

    await race(publish, lambda: change(other, endpoint))
    assert await states(other, endpoint) == {after: 1}


async def test_who_publishes_what_an_endpoint_does_not_get_holds_no_change_of_it_up(
    store, other, make_endpoint
):
    endpoint = await make_endpoint(disabled=True, event_types=("b",))
    draft, loop = MessageDraft(event_type="a", payload=b"{}"), asyncio.get_running_loop()

    def publish(connection, now_ms):
        made = make_accepted(now_ms, endpoint.app_id, draft).message
        insert_messages(connection, now_ms, [made])
        asyncio.run_coroutine_threadsafe(enable(other, endpoint), loop).result(30)

    await store.database.write(publish)
    assert not (await store.endpoint(endpoint.app_id, endpoint.id)).disabled


async def test_who_publishes_while_the_endpoint_is_enabled_holds_nothing(
    other, race, make_endpoint, publish, vault, store
):
    endpoint = await make_endpoint(disabled=True)

    def enable(connection, now_ms):
        key = (endpoint.app_id, endpoint.id)
        endpoints.change_endpoint(
            connection, now_ms, vault, *key, lambda current: replace(current, disabled=False)
        )

    await race(enable, lambda: publish(endpoint.app_id))
    assert await states(other, endpoint) == {READY: 1}


async def test_who_publishes_while_the_endpoint_is_deleted_writes_nothing_for_it(
    other, race, make_endpoint, publish, vault
):
    endpoint = await make_endpoint(disabled=True)

    def delete(connection, now_ms):
        endpoints.delete_endpoint(connection, now_ms, vault, endpoint.app_id, endpoint.id)

    await race(delete, lambda: publish(endpoint.app_id))
    assert await deliveries(other, endpoint.app_id) == []


# --- moving many -------------------------------------------------------------------------------


@pytest.mark.parametrize("disabled", [False, True])
async def test_what_is_cancelled_stays_so_while_the_rest_is_held_or_resumed(
    disabled, other, race, make_endpoint, publish
):
    endpoint = await make_endpoint(disabled=disabled)
    message = await publish(endpoint.app_id)

    def cancel(connection, now_ms):
        redelivering.cancel(connection, now_ms, endpoint.app_id, message.id, None)

    await race(cancel, lambda: disable(other, endpoint, disabled=not disabled))
    assert await state(other, message) is CANCELLED


async def test_what_succeeds_stays_so_while_the_rest_is_cancelled(
    other, race, make_endpoint, publish
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    (task,) = await claim(other)

    def succeed(connection, now_ms):
        complete(connection, now_ms, [result_of(task)], disable_after=0, shard=0)

    await race(succeed, lambda: delete(other, endpoint))
    assert await state(other, message) is DeliveryState.SUCCEEDED


async def test_a_chunk_of_which_some_have_changed_is_not_taken_for_the_last(
    other, race, make_endpoint, publish, monkeypatch
):
    monkeypatch.setattr(holding, "CHUNK", 2)
    endpoint = await make_endpoint(disabled=True)
    first, *_ = [await publish(endpoint.app_id) for _ in range(5)]

    def cancel(connection, now_ms):
        redelivering.cancel(connection, now_ms, endpoint.app_id, first.id, None)

    await race(cancel, lambda: enable(other, endpoint))
    assert len(await claim_until_settled(other)) == 4


# --- results and keys --------------------------------------------------------------------------


async def test_an_attempt_that_fails_while_its_endpoint_is_enabled_is_not_held(
    other, race, make_endpoint, publish
):
    endpoint = await make_endpoint()
    for _ in range(2):
        await publish(endpoint.app_id)
    first, second = await claim(other)
    gone = {"status": 410, "disables_endpoint": True}
    await other.complete(result_of(first, **gone))

    def fail(connection, now_ms):
        complete(connection, now_ms, [result_of(second, **gone)], disable_after=0, shard=0)

    await race(fail, lambda: resume(other, endpoint))
    assert (await states(other, endpoint))[HELD] == 0


async def test_a_key_that_is_taken_anew_while_old_ones_are_removed_is_kept(other, race, clock):
    keyed = Keyed(key="k" * 64, body="b" * 64)
    await other.begin_keyed(keyed)
    clock.advance(3600)

    def begin(connection, now_ms):
        tokens.begin_keyed(connection, now_ms, keyed)

    await race(begin, lambda: other.purge(before_ms=0))
    with pytest.raises(KeyUnderWay):
        await other.begin_keyed(keyed)
