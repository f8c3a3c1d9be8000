"""Claims: what is due, fairly shared, with all that an attempt needs."""

import asyncio
import itertools
import logging
from collections import Counter

import pytest
from sqlalchemy import event, text

from hookseal import generate_secret
from hookseal_sender.model import DeliveryState
from hookseal_sender.standing import SLOW, Standing
from hookseal_sender.store import moves_sqlite, open_store
from hookseal_sender.vault import Vault
from tests.sample_sender.outboxes import (
    attempts,
    claim,
    deliveries,
    lanes_of,
    result_of,
    state,
)

pytestmark = pytest.mark.anyio


async def test_a_claim_brings_what_an_attempt_needs(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint(
        headers={"x-a": "b"}, retry_schedule=(1.0, 2.5), timeout=7.0, url="https://example.com/x"
    )
    message = await publish(endpoint.app_id)
    clock.advance(1)
    (task,) = await claim(store)
    assert (task.url, task.payload, task.lease.tries) == (endpoint.url, message.payload, 0)
    assert task.secrets == tuple(each.key for each in endpoint.secrets)
    assert (task.headers, task.retry_schedule, task.timeout) == ({"x-a": "b"}, (1.0, 2.5), 7.0)
    assert task.due_ms == clock.now_ms - 1000
    assert await state(store, message) is DeliveryState.SENDING
    assert await claim(store) == []
    assert endpoint.secrets[0].key not in repr(task)


async def test_old_secrets_sign_until_they_expire(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    await store.rotate_secret(endpoint.app_id, endpoint.id, generate_secret(), overlap=10)
    await publish(endpoint.app_id)
    await publish(endpoint.app_id)
    (task,) = await claim(store, limit=1)
    assert len(task.secrets) == 2
    assert task.secrets[1] == endpoint.secrets[0].key
    clock.advance(10)
    (task,) = await claim(store, limit=1)
    assert len(task.secrets) == 1


async def test_an_endpoint_whose_seal_does_not_open_waits_and_is_said_once(
    store, make_endpoint, publish, database_url, clock, caplog
):
    endpoint, other = await make_endpoint(), await make_endpoint()
    message = await publish(endpoint.app_id)
    await publish(other.app_id)
    await change(
        store, "UPDATE endpoint SET secrets = 'v1.000000000000.eA' WHERE id = :id", id=endpoint.id
    )
    with caplog.at_level(logging.ERROR):
        assert lanes_of(await claim(store)) == [other.id]
        assert await claim(store) == []
    assert len(caplog.records) == 1
    assert caplog.records[0].endpoint_id == endpoint.id
    assert await state(store, message) is DeliveryState.READY


async def test_another_key_of_the_vault_opens_what_it_sealed(
    store, make_endpoint, publish, database_url, clock
):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    rotated = open_store(database_url, Vault([b"n" * 32, b"v" * 32]), clock=clock.database)
    assert lanes_of(await claim(rotated)) == [endpoint.id]
    await rotated.close()


# --- shares ------------------------------------------------------------------------------------


async def test_no_endpoint_has_more_than_its_share_in_flight(store, make_endpoint, publish):
    busy, quiet = await make_endpoint(), await make_endpoint()
    for _ in range(30):
        await publish(busy.app_id)
    await publish(quiet.app_id)
    tasks = await claim(store, per_endpoint=3)
    assert lanes_of(tasks) == sorted([busy.id] * 3 + [quiet.id])
    assert await claim(store, per_endpoint=3) == []
    mine = next(task for task in tasks if task.lease.endpoint_id == busy.id)
    await store.complete(result_of(mine))
    assert lanes_of(await claim(store, per_endpoint=3)) == [busy.id]


async def test_a_short_claim_takes_one_of_each_endpoint_first(store, make_endpoint, publish):
    first, second = await make_endpoint(), await make_endpoint()
    for _ in range(5):
        await publish(first.app_id)
    await publish(second.app_id)
    assert lanes_of(await claim(store, limit=2)) == sorted([first.id, second.id])


async def test_every_lane_has_its_turn(store, make_application, make_endpoint, publish):
    app = await make_application()
    endpoints = [await make_endpoint(app.id) for _ in range(40)]
    for _ in range(3):
        await publish(app.id)
    seen = set()
    for _ in range(20):
        tasks = await claim(store, limit=2, per_endpoint=1)
        seen |= set(lanes_of(tasks))
        for task in tasks:
            await store.complete(result_of(task))
    assert seen == {each.id for each in endpoints}


async def test_lanes_that_may_not_go_do_not_hide_others(
    store, make_application, make_endpoint, publish, clock
):
    app = await make_application()
    paused = [await make_endpoint(app.id) for _ in range(70)]
    await publish(app.id)
    await change(store, "UPDATE endpoint SET paused_until_ms = :until", until=clock.now_ms + 60_000)
    free = await make_endpoint(app.id)
    await publish(app.id)
    found, nexts = [], []
    for _ in range(6):
        claimed = await store.claim(limit=4, per_endpoint=1, lease=30)
        found += lanes_of(claimed.tasks)
        nexts.append(claimed.next_in)
    assert found == [free.id]
    assert nexts[0] == 0  # not all were looked at: come back at once
    clock.advance(60)
    claimed = await store.claim(limit=500, per_endpoint=5, lease=30)
    assert len(claimed.tasks) == 2 * len(paused) + 1  # the free one's lease is over


async def test_lanes_that_may_not_go_are_looked_at_once_and_not_for_ever(
    store, make_application, make_endpoint, publish, clock
):
    app = await make_application()
    for _ in range(50):
        await make_endpoint(app.id)
    await publish(app.id)
    await change(store, "UPDATE endpoint SET paused_until_ms = :until", until=clock.now_ms + 60_000)
    for _ in range(3):  # a round of claims that come back at once, and then one that does not
        nexts = []
        while not nexts or nexts[-1] == 0:
            nexts.append((await store.claim(limit=4, per_endpoint=1, lease=30)).next_in)
        assert 3 <= len(nexts) <= 5
        assert nexts[-1] == 60


async def test_lanes_that_cannot_sign_do_not_hide_others(
    store, make_application, make_endpoint, publish
):
    app = await make_application()
    for _ in range(40):
        await make_endpoint(app.id)
    await change(store, "UPDATE endpoint SET secrets = 'v1.000000000000.eA'")
    free = await make_endpoint(app.id)
    for _ in range(4):
        await publish(app.id)
    found, next_in = [], 0
    while next_in == 0:
        claimed = await store.claim(limit=10, per_endpoint=4, lease=30)
        found, next_in = found + lanes_of(claimed.tasks), claimed.next_in
    assert found == [free.id] * 4
    assert len(await deliveries(store, app.id, states=(DeliveryState.READY,))) == 4 * 40


# --- what a worker may have of each ------------------------------------------------------------


def standing_of(*slow, room, under_way=()):
    """Return what a worker knows to which these endpoints were slow before."""
    standing = Standing(room=room, per_endpoint=10)
    for each in slow:
        standing.end(standing.begin(key_of(each), 0.0), SLOW, answered=False)
    for each in under_way:
        standing.begin(key_of(each), SLOW)
    return standing.bounds(SLOW)


def key_of(endpoint):
    return endpoint.app_id, endpoint.id


async def test_an_endpoint_has_what_it_showed_to_answer(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    for _ in range(20):
        await publish(endpoint.app_id)
    standing = Standing(room=100, per_endpoint=10)
    begun, counts = [], []
    for _ in range(6):
        for request in begun:
            standing.end(request, 1.0, answered=True)
        tasks = await claim(store, bounds=standing.bounds(1.0))
        begun = [standing.begin(key_of(endpoint), 1.0) for _ in tasks]
        for task in tasks:
            await store.complete(result_of(task))
        counts.append(len(tasks))
    assert counts == [1, 2, 4, 8, 5, 0]


async def test_slow_endpoints_share_half_of_a_worker_and_an_application_a_quarter(
    store, make_application, make_endpoint, publish
):
    """However many they are, and however much waits for them."""
    one, two = await make_application(), await make_application()
    slow = [await make_endpoint(app.id) for app in (one, two) for _ in range(30)]
    quick = [await make_endpoint(app.id) for app in (one, two) for _ in range(4)]
    for app in (one, two, one, two):
        await publish(app.id)
    tasks = await claim(store, bounds=standing_of(*slow, room=16), per_endpoint=1)
    by_app = Counter(task.lease.app_id for task in tasks if task.lease.endpoint_id in ids(slow))
    assert by_app == {one.id: 4, two.id: 4}
    assert set(lanes_of(tasks)) >= ids(quick)
    # With all of that under way there is no more for them, and all of the rest for the others.
    taken = [each for each in slow if each.id in lanes_of(tasks)]
    bounds = standing_of(*slow, room=16, under_way=taken)
    assert set(lanes_of(await claim(store, bounds=bounds))) == ids(quick)


async def test_slow_endpoints_have_their_turns(
    store, make_application, make_endpoint, publish, clock
):
    app = await make_application()
    slow = [await make_endpoint(app.id) for _ in range(9)]
    for _ in range(4):
        await publish(app.id)
    seen = set()
    for _ in range(30):
        tasks = await claim(store, limit=8, bounds=standing_of(*slow, room=8))
        assert len(tasks) == 2
        seen |= set(lanes_of(tasks))
        await store.release([task.lease for task in tasks])
        clock.advance(0.1)
    assert seen == ids(slow)


def ids(endpoints):
    return {each.id for each in endpoints}


# --- order, pauses and throttles ---------------------------------------------------------------


async def test_the_oldest_of_a_lane_go_first(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    messages = []
    for _ in range(5):
        messages.append((await publish(endpoint.app_id)).id)
        clock.advance(1)
    order = [
        task.lease.msg_id for _ in range(5) for task in await claim(store, limit=1, per_endpoint=9)
    ]
    assert order == messages


async def test_a_paused_endpoint_gets_none_until_its_time(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    await change(store, "UPDATE endpoint SET paused_until_ms = :until", until=clock.now_ms + 7000)
    claimed = await store.claim(limit=9, per_endpoint=9, lease=30)
    assert (claimed.tasks, claimed.next_in) == ([], 7.0)
    clock.advance(7)
    assert lanes_of(await claim(store)) == [endpoint.id]


async def run_throttled(store, clock, steps=100, step_ms=20):
    """Claim every 20 ms; return the times of what was got."""
    times = []
    for _ in range(steps):
        for task in await claim(store, per_endpoint=100):
            times.append(clock.now_ms)
            await store.complete(result_of(task))
        clock.advance(step_ms / 1000)
    return times


def most_in_a_second(times):
    return max(sum(begin <= each < begin + 1000 for each in times) for begin in times)


async def test_an_endpoints_throttle_holds(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint(throttle_rate=20)
    for _ in range(70):
        await publish(endpoint.app_id)
    times = await run_throttled(store, clock, steps=100)
    assert most_in_a_second(times) <= 20 * 1.1 + 1
    assert len(times) >= 38  # and it is used: two seconds of it
    claimed = await store.claim(limit=9, per_endpoint=9, lease=30)
    clock.advance(0)
    assert 0 < claimed.next_in <= 0.1 or claimed.tasks


async def test_an_applications_throttle_holds_over_its_endpoints(
    store, make_application, make_endpoint, publish, clock
):
    app = await make_application(throttle_rate=10)
    endpoints = [await make_endpoint(app.id) for _ in range(3)]
    for _ in range(20):
        await publish(app.id)
    times = await run_throttled(store, clock, steps=100)
    assert most_in_a_second(times) <= 10 * 1.1 + 1
    assert len(times) >= 19
    left = await deliveries(store, app.id, states=(DeliveryState.SUCCEEDED,))
    assert {each.endpoint_id for each in left} == {each.id for each in endpoints}


# --- time --------------------------------------------------------------------------------------


async def test_a_claim_says_when_more_falls_due(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    assert (await store.claim(limit=1, per_endpoint=1, lease=1)).next_in is None
    await publish(endpoint.app_id, not_before_ms=clock.now_ms + 5000)
    assert (await store.claim(limit=1, per_endpoint=1, lease=1)).next_in == 5.0
    await publish(endpoint.app_id)
    claimed = await store.claim(limit=1, per_endpoint=1, lease=1.5)
    assert (len(claimed.tasks), claimed.next_in) == (1, 1.5)


async def test_a_dead_workers_delivery_is_taken_over_and_its_late_result_not_recorded(
    store, make_endpoint, publish, clock
):
    message = await publish((await make_endpoint()).app_id)
    (first,) = await claim(store, lease=30)
    clock.advance(29.9)
    assert await claim(store) == []
    clock.advance(0.1)
    (second,) = await claim(store)
    assert second.lease.msg_id == first.lease.msg_id
    assert second.due_ms == clock.now_ms
    assert not await store.complete(result_of(first))
    assert await state(store, message) is DeliveryState.SENDING
    assert await store.complete(result_of(second))
    assert len(await attempts(store, message)) == 1


async def test_a_lease_lasts_longer_where_the_timeout_does(store, make_endpoint, publish, clock):
    await publish((await make_endpoint(timeout=20.0)).app_id)
    await claim(store, lease=30)
    clock.advance(49.9)
    assert await claim(store) == []
    clock.advance(0.1)
    assert len(await claim(store)) == 1


async def test_what_has_lost_its_payload_is_cancelled(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await change(store, "UPDATE message SET payload = NULL")
    assert await claim(store) == []
    assert await state(store, message) is DeliveryState.CANCELLED


async def test_a_released_delivery_is_due_at_once_and_only_for_its_holder(
    store, make_endpoint, publish, clock
):
    message = await publish((await make_endpoint()).app_id)
    (first,) = await claim(store, lease=1)
    store.arrivals.clear()
    await store.release([first.lease])
    assert store.arrivals.is_set()
    assert await state(store, message) is DeliveryState.READY
    (second,) = await claim(store)
    await store.release([first.lease])
    await store.release([])
    assert await state(store, message) is DeliveryState.SENDING
    assert await store.complete(result_of(second))


# --- several workers ---------------------------------------------------------------------------


async def test_workers_that_claim_at_once_get_no_delivery_twice_and_keep_the_cap(
    store, another_store, make_application, make_endpoint, publish
):
    app = await make_application()
    for _ in range(7):
        await make_endpoint(app.id)
    await asyncio.gather(*(publish(app.id) for _ in range(30)))
    stores = [store, *[await another_store() for _ in range(3)]]
    got = list(
        itertools.chain.from_iterable(
            await asyncio.gather(*(claim(each, limit=9, per_endpoint=4) for each in stores * 5))
        )
    )
    keys = [(task.lease.msg_id, task.lease.endpoint_id) for task in got]
    assert len(set(keys)) == len(keys)
    lanes = lanes_of(got)
    assert max(lanes.count(each) for each in lanes) == 4
    for each in stores:  # nothing is stuck: what is left comes when there is room
        await asyncio.gather(*(each.complete(result_of(task)) for task in got))
    left = [task for _ in range(60) for task in await finished(store)]
    assert len(left) + len(got) == 7 * 30


async def finished(store):
    tasks = await claim(store)
    await asyncio.gather(*(store.complete(result_of(task)) for task in tasks))
    return tasks


async def test_two_workers_never_record_the_same_attempt(
    store, another_store, make_endpoint, publish, clock
):
    endpoint = await make_endpoint()
    messages = [await publish(endpoint.app_id) for _ in range(10)]
    other = await another_store()
    first = await claim(store, lease=1)
    clock.advance(1)
    second = await claim(other, lease=1)
    assert len(first) == len(second) == 10
    recorded = await asyncio.gather(
        *(store.complete(result_of(task)) for task in first),
        *(other.complete(result_of(task)) for task in second),
        *(store.complete(result_of(task)) for task in second),
    )
    assert sum(recorded) == 10
    assert [len(await attempts(store, each)) for each in messages] == [1] * 10


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_what_is_due_but_locked_is_looked_at_again_in_a_moment(
    store, make_endpoint, publish, clock
):
    message = await publish((await make_endpoint()).app_id, not_before_ms=clock.now_ms + 1000)
    clock.advance(1)

    def locked(connection, _now_ms):
        connection.execute(text("SELECT FROM delivery FOR UPDATE"))
        return asyncio.run_coroutine_threadsafe(look(), loop).result()

    async def look():
        return await store.claim(limit=1, per_endpoint=1, lease=30.0)

    loop = asyncio.get_running_loop()
    claimed = await store.database.write(locked)
    assert claimed.tasks == []
    assert claimed.next_in == 0.05
    assert [each.lease.msg_id for each in await claim(store)] == [message.id]


# --- cost --------------------------------------------------------------------------------------


async def test_a_claim_reads_no_more_with_a_backlog(store, make_endpoint, publish, clock):
    """Counted in rows that the database steps over, where it says so."""
    busy = await make_endpoint()
    await publish(busy.app_id)
    for table, columns in (
        ("message", "event_type, payload, created_ms, expires_ms"),
        ("delivery", "endpoint_id, state, attempts, tries, trigger, due_ms"),
    ):
        key = "id" if table == "message" else "msg_id"
        await change(
            store,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) "
            f"INSERT INTO {table} (app_id, {key}, {columns}) "
            f"SELECT app_id, 'msg_' || i, {columns} FROM {table}, n",
        )
    quiet = await make_endpoint()
    await publish(quiet.app_id)
    plans = await explained(store, lambda: claim(store, limit=20))
    whole = [plan for plan in plans if "SCAN delivery" in plan or "Seq Scan on delivery" in plan]
    assert [plan for plan in whole if "USING" not in plan] == []
    assert len(await claim(store, limit=20)) == 0  # both lanes are at their cap


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_no_lane_is_read_by_the_index_of_all_times(store, make_endpoint, publish):
    """As PostgreSQL would while what it knows of the tables is from when few waited."""
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    columns = "state, attempts, tries, trigger, due_ms"
    for state_then, many in ((2, 3000), (1, 10), (6, 10), (0, 10)):
        await change(
            store,
            f"INSERT INTO delivery (app_id, endpoint_id, msg_id, {columns}) "
            f"SELECT app_id, endpoint_id, 'msg_{state_then}_' || i, :state, 0, 0, 0, :due "
            "FROM delivery, generate_series(1, :many) i WHERE msg_id NOT LIKE 'msg\\__\\_%'",
            state=state_then,
            many=many,
            due=2**50,
        )
    await change(store, "ANALYZE delivery")
    plans = await explained(store, lambda: claim(store, per_endpoint=5))
    plans += await explained(store, lambda: store.delete_endpoint(endpoint.app_id, endpoint.id))
    by_time = [plan for plan in plans if "delivery_timer" in plan]
    assert by_time
    assert [plan for plan in by_time if "Only Scan using delivery_timer" not in plan] == []


async def explained(store, work):
    """Return the plans of what the durable and relaxed writers run in ``work``."""
    engine, plans = store.database._backend.durable, []
    sqlite = store.database.dialect == "sqlite"

    def traced(connection, cursor, statement, parameters, context, executemany):
        if statement.lstrip().startswith(("SELECT", "WITH", "UPDATE")) and not executemany:
            explain = connection.connection.cursor()
            explain.execute(
                ("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + statement, parameters or None
            )
            plans.extend(str(row[-1]) for row in explain.fetchall())

    if sqlite:  # its hot statements go past SQLAlchemy

        def look(connection):
            driver = connection.connection.driver_connection
            lanes = {"app_id": "", "endpoint_id": "", "limit": 9, "per_endpoint": 9}
            for statement, parameters in (
                (moves_sqlite._PROMOTE, (1, 1)),
                (moves_sqlite._NEXT_TIMER, ()),
                (moves_sqlite._LANES, lanes),
                (moves_sqlite._READY, ("a", "b", 1)),
                (moves_sqlite._LEASE, ("t", 1, "a", "b", "c")),
                (moves_sqlite._END, (1, 1, 1, 1, "a", "b", "c", "t")),
            ):
                found = driver.execute("EXPLAIN QUERY PLAN " + statement, parameters)
                plans.extend(row[3] for row in found)

        await store.database.read(look)
        await work()
        return plans
    event.listen(engine, "before_cursor_execute", traced)
    await work()
    event.remove(engine, "before_cursor_execute", traced)
    return plans


async def change(store, statement, **values):
    await store.database.write(
        lambda connection, _now_ms: connection.execute(text(statement), values)
    )
