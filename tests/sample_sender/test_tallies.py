"""Tallies: how many attempts an endpoint had in which hour."""

import asyncio

import pytest
from sqlalchemy import event

from hookseal_sender.model import HourTally
from tests.sample_sender.outboxes import claim, result_of

pytestmark = pytest.mark.anyio
HOUR = 3600


@pytest.fixture
def attempt(store):
    """Claim what is due and record it all at once: ``await attempt(500)``."""

    async def attempt(status=200):
        tasks = await claim(store)
        results = (store.complete(result_of(each, status=status, retry_in=None)) for each in tasks)
        assert all(await asyncio.gather(*results))

    return attempt


async def test_attempts_are_counted_by_endpoint_and_hour(
    store, make_endpoint, publish, attempt, clock
):
    one = await make_endpoint(event_types=("a",))
    app_id = one.app_id
    two = await make_endpoint(app_id)
    first = clock.now_ms
    for event_type in ("a", "b", "a"):
        await publish(app_id, event_type)
    await attempt()
    clock.advance(HOUR - 0.001)
    await publish(app_id, "a")
    await attempt(500)
    clock.advance(2 * HOUR)
    await publish(app_id, "b")
    await attempt(0)
    third = first + 2 * HOUR * 1000
    assert await store.tallies(app_id, after_ms=first) == {
        one.id: [HourTally(hour_ms=first, succeeded=2, failed=1)],
        two.id: [
            HourTally(hour_ms=first, succeeded=3, failed=1),
            HourTally(hour_ms=third, succeeded=0, failed=1),
        ],
    }
    late = {two.id: [HourTally(hour_ms=third, succeeded=0, failed=1)]}
    assert await store.tallies(app_id, after_ms=first + 1) == late
    assert await store.tallies(app_id, after_ms=third) == late
    assert await store.tallies(app_id, after_ms=third + 1) == {}
    assert await store.tallies("app_other", after_ms=0) == {}
    of_all = await store.tallies(app_id, after_ms=0)
    for each in (one, two):
        of_one = await store.tallies(app_id, after_ms=0, endpoint_id=each.id)
        assert of_one == {each.id: of_all[each.id]}
    assert await store.tallies(app_id, after_ms=third, endpoint_id=two.id) == late
    assert await store.tallies(app_id, after_ms=third, endpoint_id=one.id) == {}
    assert await store.tallies("app_other", after_ms=0, endpoint_id=one.id) == {}


async def test_what_was_not_recorded_is_not_counted(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    (task,) = await claim(store)
    assert await store.complete(result_of(task))
    assert not await store.complete(result_of(task))
    assert await store.tallies(endpoint.app_id, after_ms=0) == {
        endpoint.id: [HourTally(hour_ms=clock.now_ms, succeeded=1, failed=0)]
    }


async def test_a_deleted_endpoint_is_left_out(store, make_endpoint, publish, attempt):
    endpoint = await make_endpoint()
    other = await make_endpoint(endpoint.app_id)
    await publish(endpoint.app_id)
    await attempt()
    await store.delete_endpoint(endpoint.app_id, endpoint.id)
    assert list(await store.tallies(endpoint.app_id, after_ms=0)) == [other.id]
    assert await store.tallies(endpoint.app_id, after_ms=0, endpoint_id=endpoint.id) == {}


async def test_what_several_processes_count_is_one_tally(
    store, another_store, make_endpoint, publish, clock, monkeypatch
):
    endpoints = [await make_endpoint()]
    app_id = endpoints[0].app_id
    endpoints += [await make_endpoint(app_id) for _ in range(4)]
    shards = iter((1, 5, 5))  # two that share a part wait for each other, and no longer
    monkeypatch.setattr("hookseal_sender.store.outbox.secrets.randbelow", lambda _: next(shards))
    stores = [await another_store() for _ in range(3)]
    for _ in range(30):
        await publish(app_id)
    tasks = await claim(store, limit=150, per_endpoint=30)
    assert len(tasks) == 150
    recorded = [stores[n % 3].complete(result_of(each)) for n, each in enumerate(tasks)]
    assert all(await asyncio.gather(*recorded))
    hour = HourTally(hour_ms=clock.now_ms, succeeded=30, failed=0)
    assert await store.tallies(app_id, after_ms=0) == {each.id: [hour] for each in endpoints}


@pytest.mark.parametrize("endpoint_id", [None, "ep_x"])
@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_no_hours_are_read_but_those_asked_for(store, endpoint_id):
    asked = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    engine = store.database._backend.reading
    event.listen(engine, "before_cursor_execute", note)
    await store.tallies("app_x", after_ms=1, endpoint_id=endpoint_id)
    event.remove(engine, "before_cursor_execute", note)
    ((statement, parameters),) = asked
    plan = await store.database.read(
        lambda c: [
            row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    )
    assert "tally USING PRIMARY KEY (app_id=? AND hour_ms>?)" in plan[0]
    whole = "(app_id=? AND id=?)" if endpoint_id else "(app_id=?)"
    assert any("endpoint USING" in each and whole in each for each in plan)
