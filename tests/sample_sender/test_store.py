"""What the store promises: publishing, fair claims, fenced completion, hold and resume."""

import asyncio
import re
import time

import pytest
from sqlalchemy import event, text

from hookseal_sender.errors import Conflict, NotFound, StartError, StoreUnavailable
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    AttemptDraft,
    DeliveryState,
    EndpointDraft,
    Message,
    Result,
    Scope,
)
from hookseal_sender.store import (
    AttemptFilter,
    MessageFilter,
    PageRequest,
    SqlStore,
    database_file,
)
from hookseal_sender.store.batch import Batcher
from hookseal_sender.store.database import database_clock

pytestmark = pytest.mark.anyio
ORG = Scope(org_id=DEFAULT_ORGANISATION)


def result_of(task, *, succeeded=False, retry_in=5.0, disables=False):
    attempt = AttemptDraft(
        url=task.url,
        started_ms=1,
        duration_ms=2,
        succeeded=succeeded,
        status=200 if succeeded else 500,
        response="",
        reason="because",
    )
    return Result(
        lease=task.lease,
        attempt=attempt,
        retry_in=None if succeeded else retry_in,
        disables_endpoint=disables,
    )


async def claim(store, limit=100, per_endpoint=10, lease=30.0):
    return (await store.claim(limit=limit, per_endpoint=per_endpoint, lease=lease)).tasks


async def state(store, message):
    (delivery,) = await store.deliveries(message.app_id, message.id)
    return delivery.state


async def test_a_message_goes_to_the_endpoints_that_want_it(store, make_endpoint, publish):
    everything = await make_endpoint()
    app_id = everything.app_id
    users = await make_endpoint(app_id, event_types=("user.*",))
    await make_endpoint(app_id, event_types=("invoice.paid",))
    await make_endpoint()
    message = await publish(app_id)
    deliveries = await store.deliveries(app_id, message.id)
    assert {each.endpoint_id for each in deliveries} == {everything.id, users.id}
    assert await store.message(app_id, message.id) == message
    assert store.arrivals.is_set()


async def test_publishes_share_transactions_and_each_gets_its_own_answer(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    publishes = [publish(endpoint.app_id, event_id=f"e{n % 40}") for n in range(50)]
    results = await asyncio.gather(*publishes, return_exceptions=True)
    assert sum(isinstance(each, Message) for each in results) == 40
    assert sum(isinstance(each, Conflict) for each in results) == 10
    with pytest.raises(Conflict):
        await publish(endpoint.app_id, event_id="e0")
    assert len(await claim(store, per_endpoint=100)) == 40


async def test_a_publish_that_cannot_be_stored_leaves_nothing_and_harms_no_other(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint()
    good, bad = await asyncio.gather(
        publish(endpoint.app_id), publish("app_unknown"), return_exceptions=True
    )
    assert isinstance(good, Message)
    assert isinstance(bad, Conflict)
    assert len(await claim(store)) == 1


async def test_a_claim_brings_what_an_attempt_needs(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    (task,) = await claim(store)
    assert (task.url, task.secrets, task.payload) == (
        endpoint.url,
        endpoint.secrets,
        message.payload,
    )
    assert task.attempts == 0
    assert await state(store, message) is DeliveryState.SENDING
    assert await claim(store) == []
    assert endpoint.secrets[0] not in repr(endpoint) + repr(task)


async def test_no_endpoint_has_more_than_its_share_in_flight(store, make_endpoint, publish):
    busy = await make_endpoint()
    for _ in range(30):
        await publish(busy.app_id)
    quiet = await make_endpoint()
    message = await publish(quiet.app_id)
    tasks = await claim(store, per_endpoint=3)
    assert sorted(task.lease.endpoint_id for task in tasks) == sorted([busy.id] * 3 + [quiet.id])
    assert await claim(store, per_endpoint=3) == []
    mine = next(task for task in tasks if task.lease.endpoint_id == busy.id)
    await store.complete(result_of(mine, succeeded=True))
    (next_one,) = await claim(store, per_endpoint=3)
    assert next_one.lease.endpoint_id == busy.id
    assert await state(store, message) is DeliveryState.SENDING


async def test_a_short_claim_takes_one_of_each_endpoint_first(store, make_endpoint, publish):
    first = await make_endpoint()
    for _ in range(5):
        await publish(first.app_id)
    second = await make_endpoint()
    await publish(second.app_id)
    tasks = await claim(store, limit=2)
    assert {task.lease.endpoint_id for task in tasks} == {first.id, second.id}


async def test_a_big_backlog_of_one_endpoint_does_not_slow_the_claim(
    store, make_endpoint, publish, database_url
):
    busy = await make_endpoint()
    await publish(busy.app_id)
    with store._engine.begin() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
                "INSERT INTO message SELECT app_id, 'msg_b' || i, NULL, event_type, payload, "
                "created_ms FROM message, n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO delivery SELECT app_id, :endpoint, id, 0, 0, created_ms, NULL "
                "FROM message WHERE id LIKE 'msg_b%'"
            ),
            {"endpoint": busy.id},
        )
    quiet = await make_endpoint()
    await publish(quiet.app_id)
    begun = time.perf_counter()
    tasks = await claim(store, per_endpoint=4)
    assert time.perf_counter() - begun < 0.25  # reading all 50,000 takes longer
    assert len(tasks) == 5


async def test_no_step_of_a_delivery_reads_a_whole_table(store, make_endpoint, publish):
    endpoint, statements = await make_endpoint(), []

    def note(_connection, _cursor, statement, parameters, _context, many):
        statements.append((statement, parameters[0] if many else parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    await publish(endpoint.app_id, event_id="e")
    (task,) = await claim(store)
    await store.complete(result_of(task))
    event.remove(store._engine, "before_cursor_execute", note)
    with store._engine.connect() as connection:
        plans = [
            row[3]
            for statement, parameters in statements
            if not statement.startswith(("BEGIN", "INSERT"))
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert plans
    assert [
        each for each in plans if re.fullmatch(r"SCAN (delivery|message|attempt|d|f|c)", each)
    ] == []


async def test_a_retry_waits_for_its_time(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    (task,) = await claim(store)
    assert await store.complete(result_of(task, retry_in=5.0))
    assert await state(store, message) is DeliveryState.PENDING
    claimed = await store.claim(limit=9, per_endpoint=9, lease=30)
    assert (claimed.tasks, claimed.next_in) == ([], 5.0)
    (attempt,) = (await store.attempts(message.app_id, PageRequest(), AttemptFilter())).items
    assert attempt.next_ms == clock.now_ms + 5000
    clock.advance(5)
    (again,) = await claim(store)
    assert again.attempts == 1


async def test_an_exhausted_delivery_is_failed(store, make_endpoint, publish):
    message = await publish((await make_endpoint()).app_id)
    (task,) = await claim(store)
    await store.complete(result_of(task, retry_in=None))
    assert await state(store, message) is DeliveryState.FAILED
    assert (await store.claim(limit=9, per_endpoint=9, lease=30)).next_in is None


async def test_a_dead_workers_delivery_is_taken_over_and_its_late_result_not_recorded(
    store, make_endpoint, publish, clock
):
    message = await publish((await make_endpoint()).app_id)
    (dead,) = await claim(store, lease=30)
    clock.advance(29)
    assert await claim(store) == []
    clock.advance(1)
    (taken_over,) = await claim(store, lease=30)
    assert taken_over.lease.msg_id == dead.lease.msg_id
    assert await store.complete(result_of(dead, succeeded=True)) is False
    assert await state(store, message) is DeliveryState.SENDING
    assert (await store.attempts(message.app_id, PageRequest(), AttemptFilter())).items == []
    assert await store.complete(result_of(taken_over, succeeded=True)) is True
    assert await store.complete(result_of(taken_over, succeeded=True)) is False
    assert await state(store, message) is DeliveryState.SUCCEEDED


async def test_a_released_delivery_is_due_at_once_and_only_for_its_holder(
    store, make_endpoint, publish, clock
):
    message = await publish((await make_endpoint()).app_id)
    (dead,) = await claim(store, lease=30)
    clock.advance(30)
    (holder,) = await claim(store)
    await store.release([dead.lease])
    assert await state(store, message) is DeliveryState.SENDING
    await store.release([holder.lease])
    await store.release([])
    (again,) = await claim(store)
    assert again.attempts == 0


async def test_a_disabled_endpoint_holds_and_enabling_resumes(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    waiting, flying = await publish(endpoint.app_id), None
    (task,) = await claim(store)
    flying = waiting
    queued = await publish(endpoint.app_id)
    off = EndpointDraft(url=endpoint.url, name="e", disabled=True)
    await store.update_endpoint(endpoint.app_id, endpoint.id, off)
    later = await publish(endpoint.app_id)
    assert await state(store, queued) is DeliveryState.HELD
    assert await state(store, later) is DeliveryState.HELD
    await store.complete(result_of(task))
    assert await state(store, flying) is DeliveryState.HELD
    clock.advance(3600)
    assert await claim(store) == []
    on = EndpointDraft(url=endpoint.url, name="e")
    await store.update_endpoint(endpoint.app_id, endpoint.id, on)
    assert len(await claim(store)) == 3


async def test_gone_disables_the_endpoint_and_holds_the_rest(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    first, second = await publish(endpoint.app_id), await publish(endpoint.app_id)
    (task,) = await claim(store, limit=1)
    await store.complete(result_of(task, disables=True))
    assert (await store.endpoint(endpoint.app_id, endpoint.id)).disabled
    assert await state(store, first) is DeliveryState.HELD
    assert await state(store, second) is DeliveryState.HELD


async def test_deleting_an_endpoint_cancels_and_a_late_result_is_not_recorded(
    store, make_endpoint, publish
):
    endpoint = await make_endpoint(uid="mine")
    flying, queued = await publish(endpoint.app_id), await publish(endpoint.app_id)
    (task,) = await claim(store, limit=1)
    await store.delete_endpoint(endpoint.app_id, endpoint.id)
    assert await store.complete(result_of(task, succeeded=True)) is False
    assert await state(store, flying) is DeliveryState.CANCELLED
    assert await state(store, queued) is DeliveryState.CANCELLED
    with pytest.raises(NotFound):
        await store.endpoint(endpoint.app_id, "mine")
    with pytest.raises(NotFound):
        await store.delete_endpoint(endpoint.app_id, endpoint.id)
    assert (await make_endpoint(endpoint.app_id, uid="mine")).id != endpoint.id


async def test_deleting_an_application_takes_all_of_it(store, make_endpoint, publish):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await store.delete_application(endpoint.app_id)
    assert await state(store, message) is DeliveryState.CANCELLED
    with pytest.raises(NotFound):
        await store.application(ORG, endpoint.app_id)
    assert (await store.endpoints(endpoint.app_id, PageRequest())).items == []


async def test_a_scope_covers_its_application_only(store):
    draft = ApplicationDraft(name="a", uid="one", metadata={"k": "v"})
    one = await store.create_application(DEFAULT_ORGANISATION, draft)
    assert await store.application(ORG, "one") == one
    covered = Scope(org_id=DEFAULT_ORGANISATION, app_id=one.id)
    assert await store.application(covered, "one") == one
    for scope in (Scope(org_id="org_other"), Scope(org_id=one.org_id, app_id="app_other")):
        with pytest.raises(NotFound):
            await store.application(scope, one.id)
    with pytest.raises(Conflict, match="uid"):
        await store.create_application(DEFAULT_ORGANISATION, draft)


async def test_pages_go_both_ways(store, make_endpoint, clock):
    first = await make_endpoint()
    made = [first]
    for _ in range(4):
        clock.advance(1)
        made.append(await make_endpoint(first.app_id))
    ids = [each.id for each in made]

    async def page(**request):
        got = await store.endpoints(first.app_id, PageRequest(**request))
        return [each.id for each in got.items], got.done

    assert await page(limit=2) == (ids[:2], False)
    assert await page(limit=3, cursor=ids[1]) == (ids[2:], True)
    assert await page(limit=2, cursor=ids[4], backwards=True) == (ids[2:4], False)
    assert await page(limit=2, descending=True) == (ids[:2:-1], False)
    assert await page(limit=9, cursor=ids[2], descending=True, backwards=True) == (
        ids[:2:-1],
        True,
    )


async def test_lists_are_filtered(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    other = await make_endpoint(endpoint.app_id, event_types=("b",))
    first = await publish(endpoint.app_id, "a")
    clock.advance(10)
    second = await publish(endpoint.app_id, "b")
    for n, task in enumerate(await claim(store)):
        await store.complete(result_of(task, succeeded=n == 0))

    async def messages(**where):
        page = await store.messages(endpoint.app_id, PageRequest(), MessageFilter(**where))
        return [each.id for each in page.items]

    async def attempts(**where):
        page = await store.attempts(endpoint.app_id, PageRequest(), AttemptFilter(**where))
        return len(page.items)

    assert await messages() == [first.id, second.id]
    assert await messages(event_types=("b",)) == [second.id]
    assert await messages(before_ms=clock.now_ms) == [first.id]
    assert await messages(after_ms=clock.now_ms - 1) == [second.id]
    assert await attempts() == 3
    assert await attempts(succeeded=True) == 1
    assert await attempts(endpoint_id=other.id) == 1
    assert await attempts(msg_id=second.id) == 2
    assert await attempts(event_types=("a",)) == 1


async def test_what_was_accepted_is_there_after_a_restart(database_url, clock):
    store = SqlStore(database_url, clock=clock.database)
    made = await store.create_application(DEFAULT_ORGANISATION, ApplicationDraft(name="a"))
    await store.close()
    again = SqlStore(database_url)
    assert (await again.applications(DEFAULT_ORGANISATION, PageRequest())).items == [made]
    await again.ping()
    await again.close()


async def test_the_databases_clock_is_in_unix_milliseconds(store):
    with store._engine.connect() as connection:
        assert abs(database_clock(connection) - time.time() * 1000) < 2000


async def test_the_databases_settings_are_durable(store):
    with store._engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


async def test_a_failing_database_is_said_to_be_unavailable(store):
    with store._engine.begin() as connection:
        connection.execute(text("DROP TABLE attempt"))
    with pytest.raises(StoreUnavailable, match="OperationalError"):
        await store.attempts("app_x", PageRequest(), AttemptFilter())


async def test_a_newer_schema_stops_the_start(store, database_url):
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(StartError, match="version 99"):
        SqlStore(database_url)


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("hookseal.db", "not a URL"),
        ("mysql://host/db", "'mysql' is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_wrong_url_stops_the_start(url, match):
    with pytest.raises(StartError, match=match):
        database_file(url)


def test_an_unusable_file_stops_the_start(tmp_path):
    with pytest.raises(StartError, match="writable"):
        SqlStore(f"sqlite:///{tmp_path / 'no' / 'where.db'}")
    (tmp_path / "text").write_text("this is not a database" * 100)
    with pytest.raises(StartError, match="is it a database"):
        SqlStore(f"sqlite:///{tmp_path / 'text'}")


async def test_the_file_with_secrets_is_its_owners(store, tmp_path):
    assert (tmp_path / "sender.db").stat().st_mode & 0o777 == 0o600


async def test_a_batch_splits_when_it_fails_and_spares_the_cancelled():
    seen = []

    async def commit(items):
        seen.append(list(items))
        await asyncio.sleep(0)
        if "bad" in items:
            raise ValueError("bad")
        return [item.upper() for item in items]

    batcher = Batcher(commit, limit=3)
    tasks = [asyncio.create_task(batcher.submit(item)) for item in ("a", "bad", "b", "c", "d")]
    await asyncio.sleep(0)
    tasks[4].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    last = asyncio.create_task(batcher.submit("e"))
    await asyncio.sleep(0)
    await batcher.finish()
    await batcher.finish()
    assert await last == "E"
    assert results[0] == "A"
    assert results[2:4] == ["B", "C"]
    assert isinstance(results[1], ValueError)
    assert isinstance(results[4], asyncio.CancelledError)
    assert seen[0] == ["a", "bad", "b"]
