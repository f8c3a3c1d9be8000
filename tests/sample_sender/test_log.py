"""Messages, deliveries and attempts, as the store lists them and lets go of their contents."""

import itertools

import pytest
from sqlalchemy import event

from hookseal_sender.errors import NotFound
from hookseal_sender.model import AttemptDraft, DeliveryState, Result, Trigger
from hookseal_sender.store import AttemptFilter, DeliveryFilter, MessageFilter, PageRequest
from hookseal_sender.store.rows import first_id

pytestmark = pytest.mark.anyio
FOREVER_MS = 4_000_000_000_000


@pytest.fixture
def attempt(store, clock):
    """Claim what is due and record an attempt of each: ``await attempt(500)``."""

    async def attempt(status=200, *, retry_in=5.0, **fields):
        claimed = await store.claim(limit=100, per_endpoint=100, lease=30.0)
        for task in claimed.tasks:
            made = AttemptDraft(
                **{
                    "url": task.url,
                    "started_ms": clock.now_ms,
                    "duration_ms": 2,
                    "succeeded": 200 <= status < 300,
                    "status": status,
                    "response": "body",
                    "reason": "because",
                }
                | fields
            )
            wait = None if made.succeeded else retry_in
            await store.complete(Result(lease=task.lease, attempt=made, retry_in=wait))
        return len(claimed.tasks)

    return attempt


@pytest.fixture
def listed(store):
    """The ids of a list's page: ``await listed("messages", app_id, event_types=("a",))``."""
    filters = {"messages": MessageFilter, "attempts": AttemptFilter, "deliveries": DeliveryFilter}

    async def listed(name, app_id, page=None, **where):
        found = await getattr(store, name)(app_id, page or PageRequest(), filters[name](**where))
        return [_key(each) for each in found.items]

    return listed


def _key(item):
    return item.id if hasattr(item, "id") else (item.msg_id, item.endpoint_id)


# --- messages ----------------------------------------------------------------------------------


async def test_a_message_is_kept_as_it_was_published(store, make_endpoint, publish):
    app_id = (await make_endpoint()).app_id
    made = await publish(
        app_id, payload=b"\x00\xff", event_id="e1", channels=("eu",), content_type="text/plain"
    )
    assert await store.message(app_id, made.id) == made
    assert await store.message(app_id, "e1") == made
    assert (made.payload, made.channels, made.content_type) == (b"\x00\xff", ("eu",), "text/plain")
    for app, key in ((app_id, "msg_none"), ("app_other", made.id)):
        with pytest.raises(NotFound):
            await store.message(app, key)


async def test_messages_are_filtered(make_application, publish, listed, clock):
    app_id = (await make_application()).id
    made = []
    for event_type, channels in (("a", None), ("b", ("eu", "us_1")), ("b", ("EU", "usx1"))):
        made.append((await publish(app_id, event_type, channels=channels)).id)
        clock.advance(0.01)
    first, second, third = made
    moment = clock.now_ms - 20  # of the second
    assert await listed("messages", app_id) == made
    assert await listed("messages", app_id, event_types=("b", "c")) == [second, third]
    assert await listed("messages", app_id, event_types=()) == []
    assert await listed("messages", app_id, channel="eu") == [second]
    assert await listed("messages", app_id, channel="us_1") == [second]
    assert await listed("messages", app_id, channel="us") == []
    assert await listed("messages", app_id, before_ms=moment) == [first]
    assert await listed("messages", app_id, after_ms=moment) == [third]
    assert await listed("messages", app_id, after_ms=moment - 1, before_ms=moment + 1) == [second]
    assert await listed("messages", app_id, before_ms=0) == []
    assert await listed("messages", app_id, after_ms=-(10**15), before_ms=10**15) == made


def test_any_number_is_a_moment():
    assert first_id("msg_", -1) == first_id("msg_", 1_400_000_000_000)
    assert first_id("msg_", 10**18) > first_id("msg_", FOREVER_MS)


# --- deliveries --------------------------------------------------------------------------------


async def test_a_delivery_tells_where_a_message_stands(
    store, make_endpoint, publish, attempt, clock
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    here = (endpoint.app_id, message.id, endpoint.id)
    ready = await store.delivery(*here)
    assert (ready.state, ready.attempts, ready.due_ms) == (DeliveryState.READY, 0, clock.now_ms)
    assert (ready.event_type, ready.created_ms) == ("user.created", clock.now_ms)
    assert (ready.last_status, ready.last_attempt_ms) == (None, None)
    await attempt(503)
    waiting = await store.delivery(*here)
    assert (waiting.state, waiting.attempts) == (DeliveryState.WAITING, 1)
    assert (waiting.due_ms, waiting.last_status) == (clock.now_ms + 5000, 503)
    assert waiting.last_attempt_ms == clock.now_ms
    clock.advance(5)
    await store.claim(limit=1, per_endpoint=1, lease=30.0)
    sending = await store.delivery(*here)
    assert (sending.state, sending.due_ms) == (DeliveryState.SENDING, None)
    with pytest.raises(NotFound):
        await store.delivery(endpoint.app_id, message.id, "ep_none")


@pytest.fixture
async def mixed(store, make_endpoint, publish, attempt, clock):
    """An application with two endpoints and four messages in several states."""
    one = await make_endpoint()
    two = await make_endpoint(one.app_id, event_types=("b",))
    made = [await publish(one.app_id, "a")]
    await attempt(200)
    clock.advance(0.01)
    made.append(await publish(one.app_id, "b", channels=("eu",)))
    await attempt(500, retry_in=None)
    clock.advance(0.01)
    made.append(await publish(one.app_id, "b"))
    await attempt(503, retry_in=60.0)
    clock.advance(0.01)
    made.append(await publish(one.app_id, "a"))
    return one.app_id, one.id, two.id, [each.id for each in made]


async def test_deliveries_are_filtered(mixed, listed, clock):
    app_id, one, two, (a1, b1, b2, a2) = mixed
    everything = sorted([(a1, one), (b1, one), (b1, two), (b2, one), (b2, two), (a2, one)])
    wanted = DeliveryState

    async def found(**where):
        return await listed("deliveries", app_id, **where)

    assert await found() == everything
    assert await found(msg_id=b1) == sorted([(b1, one), (b1, two)])
    assert await found(endpoint_id=two) == [(b1, two), (b2, two)]
    assert await found(endpoint_id=two, msg_id=b2) == [(b2, two)]
    assert await found(states=(wanted.SUCCEEDED,)) == [(a1, one)]
    assert await found(states=(wanted.FAILED,), endpoint_id=one) == [(b1, one)]
    assert await found(states=(wanted.READY,)) == [(a2, one)]
    assert await found(states=(wanted.FAILED, wanted.WAITING), endpoint_id=two) == [
        (b1, two),
        (b2, two),
    ]
    assert await found(states=(wanted.READY, wanted.WAITING), endpoint_id=one) == [
        (b2, one),
        (a2, one),
    ]
    assert await found(states=()) == []
    assert await found(last_status=503) == sorted([(b2, one), (b2, two)])
    assert await found(event_types=("a",)) == [(a1, one), (a2, one)]
    assert await found(channel="eu") == sorted([(b1, one), (b1, two)])
    assert await found(after_ms=clock.now_ms - 1) == [(a2, one)]
    assert await found(before_ms=clock.now_ms - 20, endpoint_id=one) == [(a1, one)]
    assert await listed("deliveries", "app_other") == []


async def test_deliveries_have_pages_both_ways(store, mixed):
    app_id, *_ = mixed
    whole = await store.deliveries(app_id, PageRequest(), DeliveryFilter())
    keys = [_key(each) for each in whole.items]
    assert whole.done

    async def page(**request):
        got = await store.deliveries(app_id, PageRequest(**request), DeliveryFilter())
        return [_key(each) for each in got.items], got.done

    for descending in (False, True):
        order = keys[::-1] if descending else keys
        seen, cursor = [], None
        for _ in itertools.count():
            part, done = await page(limit=1, cursor=cursor, descending=descending)
            seen += part
            if done:
                break
            cursor = ".".join(part[-1])
        assert seen == order
        cursor = ".".join(order[3])
        assert await page(limit=2, cursor=cursor, backwards=True, descending=descending) == (
            order[1:3],
            False,
        )
    assert await page(cursor="no dot") == ([], True)
    assert await page(cursor="a.b.c") == (keys, True)


async def test_an_endpoints_deliveries_are_counted(store, mixed, clock):
    app_id, one, two, _ = mixed
    span = {"after_ms": 0, "before_ms": FOREVER_MS}
    assert await store.endpoint_counts(app_id, one, **span) == {
        DeliveryState.SUCCEEDED: 1,
        DeliveryState.FAILED: 1,
        DeliveryState.WAITING: 1,
        DeliveryState.READY: 1,
    }
    recent = {"after_ms": clock.now_ms - 4, "before_ms": FOREVER_MS}
    assert await store.endpoint_counts(app_id, one, **recent) == {DeliveryState.READY: 1}
    assert await store.endpoint_counts(app_id, two, **recent) == {}


async def test_an_endpoints_unfinished_deliveries_are_counted_up_to_a_bound(
    store, make_endpoint, publish, attempt, clock
):
    endpoint = await make_endpoint()
    for status, retry_in, count in ((200, None, 2), (500, None, 1), (500, 9.0, 3)):
        for _ in range(count):
            await publish(endpoint.app_id)
        await attempt(status, retry_in=retry_in)
    for _ in range(2):
        await publish(endpoint.app_id)
    await store.claim(limit=1, per_endpoint=1, lease=30.0)
    pending = {DeliveryState.WAITING: 3, DeliveryState.READY: 1, DeliveryState.SENDING: 1}
    assert await store.pending(endpoint.app_id, endpoint.id) == pending
    assert await store.pending(endpoint.app_id, endpoint.id, most=2) == pending | {
        DeliveryState.WAITING: 2
    }
    held = await make_endpoint(endpoint.app_id, disabled=True)
    await publish(endpoint.app_id)
    assert await store.pending(endpoint.app_id, held.id) == {DeliveryState.HELD: 1}
    assert await store.pending("app_other", endpoint.id) == {}


# --- attempts ----------------------------------------------------------------------------------


async def test_an_attempt_is_kept_as_it_went(store, make_endpoint, publish, attempt, clock):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    headers = (("content-type", "text/plain"), ("set-cookie", "a"), ("set-cookie", "b"))
    await attempt(500, response_headers=headers)
    (first,) = (await store.attempts(endpoint.app_id, PageRequest(), AttemptFilter())).items
    assert await store.attempt(endpoint.app_id, message.id, first.id) == first
    assert (first.msg_id, first.endpoint_id, first.url) == (message.id, endpoint.id, endpoint.url)
    assert (first.number, first.trigger, first.status) == (1, Trigger.SCHEDULED, 500)
    assert (first.response, first.response_headers) == ("body", headers)
    assert (first.event_type, first.next_ms) == ("user.created", clock.now_ms + 5000)
    clock.advance(5)
    await attempt(200)
    first, second = (await store.attempts(endpoint.app_id, PageRequest(), AttemptFilter())).items
    assert (first.next_ms, second.next_ms, second.number) == (None, None, 2)
    await store.resend(endpoint.app_id, message.id, endpoint.id)
    again = await store.attempt(endpoint.app_id, message.id, second.id)
    assert again.next_ms == clock.now_ms
    clock.advance(1)
    await attempt(200)
    last = (await store.attempts(endpoint.app_id, PageRequest(), AttemptFilter())).items[-1]
    assert (last.number, last.trigger) == (3, Trigger.MANUAL)
    for msg_id, attempt_id in ((message.id, "atmpt_none"), ("msg_other", first.id)):
        with pytest.raises(NotFound):
            await store.attempt(endpoint.app_id, msg_id, attempt_id)


async def test_attempts_are_filtered(mixed, listed, attempt, clock):
    app_id, one, two, (_, b1, b2, a2) = mixed
    clock.advance(1)
    await attempt(0, retry_in=60.0)

    async def count(**where):
        return len(await listed("attempts", app_id, **where))

    assert await count() == 6
    assert await count(msg_id=b1) == 2
    assert await count(endpoint_id=two) == 2
    assert await count(endpoint_id=one, msg_id=b2) == 1
    assert await count(succeeded=True) == 1
    assert await count(succeeded=False, endpoint_id=one) == 3
    assert await count(status_class=500) == 4
    assert await count(status_class=200) == 1
    assert await count(status_class=0) == 1
    assert await count(status_class=400) == 0
    assert await count(event_types=("a",)) == 2
    assert await count(channel="eu") == 2
    assert await count(after_ms=clock.now_ms - 1) == 1
    assert await count(before_ms=clock.now_ms, msg_id=a2) == 0
    ids = await listed("attempts", app_id)
    assert ids == sorted(ids)
    assert await listed("attempts", app_id, PageRequest(limit=2, descending=True)) == ids[:3:-1]


# --- removing contents -------------------------------------------------------------------------


async def test_a_payload_is_expunged_and_not_delivered(store, make_endpoint, publish, attempt):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await store.expunge_message(endpoint.app_id, message.id)
    assert (await store.message(endpoint.app_id, message.id)).payload is None
    delivery = await store.delivery(endpoint.app_id, message.id, endpoint.id)
    assert delivery.state is DeliveryState.CANCELLED
    assert await attempt() == 0
    await store.expunge_message(endpoint.app_id, message.id)
    with pytest.raises(NotFound):
        await store.expunge_message(endpoint.app_id, "msg_none")


async def test_an_answer_is_expunged(store, make_endpoint, publish, attempt):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await attempt(200, response_headers=(("a", "b"),))
    (made,) = (await store.attempts(endpoint.app_id, PageRequest(), AttemptFilter())).items
    await store.expunge_attempt(endpoint.app_id, message.id, made.id)
    left = await store.attempt(endpoint.app_id, message.id, made.id)
    assert (left.response, left.response_headers, left.status) == ("", (), 200)
    for msg_id, attempt_id in ((message.id, "atmpt_none"), ("msg_other", made.id)):
        with pytest.raises(NotFound):
            await store.expunge_attempt(endpoint.app_id, msg_id, attempt_id)


# --- cost --------------------------------------------------------------------------------------

LISTS = [
    ("messages", {}),
    ("messages", {"after_ms": 1, "before_ms": FOREVER_MS}),
    ("deliveries", {}),
    ("deliveries", {"msg_id": "msg_x"}),
    ("deliveries", {"endpoint_id": "ep_x"}),
    ("deliveries", {"endpoint_id": "ep_x", "states": (DeliveryState.HELD,)}),
    ("deliveries", {"endpoint_id": "ep_x", "states": (DeliveryState.READY,)}),
    ("attempts", {"msg_id": "msg_x"}),
    ("attempts", {"endpoint_id": "ep_x", "succeeded": False}),
]
INDEXED = {
    "messages": "SEARCH message USING INDEX sqlite_autoindex_message_1 (app_id=?",
    "msg_id": "(app_id=? AND msg_id=?",
    "endpoint_id": "(app_id=? AND endpoint_id=?",
    "states": "(app_id=? AND endpoint_id=?",
    "deliveries": "SEARCH delivery USING PRIMARY KEY (app_id=?",
}


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(("name", "where"), LISTS)
async def test_no_list_reads_a_table_or_sorts_it(store, listed, name, where):
    statements = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        statements.append((statement, parameters))

    engine = store.database._backend.reading
    event.listen(engine, "before_cursor_execute", note)
    await listed(name, "app_x", PageRequest(descending=True), **where)
    event.remove(engine, "before_cursor_execute", note)
    (asked,) = [each for each in statements if each[0].startswith("SELECT")]
    plan = await store.database.read(
        lambda c: [row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", asked[1])]
    )
    assert [step for step in plan if "SCAN" in step] == []
    assert INDEXED[next((key for key in where if key in INDEXED), name)] in plan[0]
    if "READY" not in str(where):  # that index is in the order of the claim
        assert [step for step in plan if "TEMP B-TREE FOR ORDER BY" in step] == []
