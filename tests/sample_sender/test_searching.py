"""The log of one endpoint: newest first, searched as far as one call looks."""

import pytest
from sqlalchemy import event

from hookseal_sender.model import AttemptDraft, Delivery, DeliveryState, Result
from hookseal_sender.store import LogFilter, searching

pytestmark = pytest.mark.anyio
FOREVER_MS = 4_000_000_000_000
FAILED, SUCCEEDED = DeliveryState.FAILED, DeliveryState.SUCCEEDED
READY, WAITING = DeliveryState.READY, DeliveryState.WAITING
CANCELLED, HELD = DeliveryState.CANCELLED, DeliveryState.HELD
SENDING = DeliveryState.SENDING


class Log:
    """An endpoint whose log is made and searched: ``m`` names its messages by number, oldest 0."""

    def __init__(self, store, publish, clock, endpoint):
        self.store, self.publish, self.clock = store, publish, clock
        self.app_id, self.id = endpoint.app_id, endpoint.id
        self.ids, self.times = [], []

    async def add(self, event_type="a", status=None, *, retry_in=None):
        """Publish a message, and attempt it unless ``status`` is None."""
        self.clock.advance(0.1)
        self.times.append(self.clock.now_ms)
        self.ids.append((await self.publish(self.app_id, event_type)).id)
        if status is not None:
            await self.attempt(status, retry_in=retry_in)

    async def attempt(self, status, *, retry_in=None, duration_ms=7):
        for task in (await self.store.claim(limit=100, per_endpoint=100, lease=30.0)).tasks:
            made = AttemptDraft(
                url=task.url,
                started_ms=self.clock.now_ms,
                duration_ms=duration_ms,
                succeeded=status == 200,
                status=status,
                response="",
                reason=f"it answered {status}",
            )
            await self.store.complete(Result(lease=task.lease, attempt=made, retry_in=retry_in))

    async def page(self, before=None, limit=50, **where):
        """Return the numbers found, that to go on behind, and that of the oldest looked at."""
        before = self.ids[before] if isinstance(before, int) else before
        page = await self.store.search_deliveries(
            self.app_id, self.id, LogFilter(**where), before=before, limit=limit
        )
        found = [self.ids.index(each.msg_id) for each in page.items]
        behind = None if page.more_behind is None else self.ids.index(page.more_behind)
        cut = None if page.searched_to_ms is None else self.times.index(page.searched_to_ms)
        return found, behind, cut

    async def found(self, **where):
        found, behind, cut = await self.page(**where)
        assert behind is cut is None
        return found


@pytest.fixture
async def log(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    await make_endpoint(endpoint.app_id)  # gets everything too
    return Log(store, publish, clock, endpoint)


@pytest.fixture
async def mixed(log):
    """0 a succeeded, 1 b failed, 2 b waits, 3 a without an answer, 4 a succeeded, 5 b ready."""
    await log.add("a", 200)
    await log.add("b", 500)
    await log.add("b", 503, retry_in=60.0)
    await log.add("a", 0)
    await log.add("a", 200)
    await log.add("b")
    return log


async def test_a_log_is_newest_first(mixed):
    assert await mixed.found() == [5, 4, 3, 2, 1, 0]
    assert await mixed.page(limit=6) == ([5, 4, 3, 2, 1, 0], None, None)
    assert await mixed.page(limit=4) == ([5, 4, 3, 2], 2, None)
    assert await mixed.page(limit=4, before=2) == ([1, 0], None, None)
    assert await mixed.page(before=0) == ([], None, None)
    assert await mixed.page(before="msg_") == ([], None, None)


async def test_a_log_is_of_one_endpoint(store, mixed):
    for app_id, endpoint_id in (("app_other", mixed.id), (mixed.app_id, "ep_other")):
        page = await store.search_deliveries(app_id, endpoint_id, LogFilter())
        assert page.items == []
        assert page.more_behind is None


async def test_a_log_is_filtered(mixed):
    assert await mixed.found(states=(FAILED,)) == [3, 1]
    assert await mixed.found(states=(SUCCEEDED,)) == [4, 0]
    assert await mixed.found(states=(READY,)) == [5]
    assert await mixed.found(states=(FAILED, WAITING)) == [3, 2, 1]
    assert await mixed.found(states=(FAILED, FAILED)) == [3, 1]
    assert await mixed.found(states=(READY, WAITING)) == [5, 2]
    assert await mixed.found(states=(CANCELLED, HELD)) == []
    assert await mixed.found(states=()) == []
    assert await mixed.found(status=503) == [2]
    assert await mixed.found(status=404) == []
    assert await mixed.found(status_class=500) == [2, 1]
    assert await mixed.found(status_class=200) == [4, 0]
    assert await mixed.found(status_class=0) == [3]
    assert await mixed.found(status_class=500, status=500) == [1]
    assert await mixed.found(status_class=400, status=500) == []
    assert await mixed.found(event_type="b") == [5, 2, 1]
    assert await mixed.found(event_type="c") == []
    assert await mixed.found(event_type="a", states=(FAILED, WAITING)) == [3]
    assert await mixed.found(event_type="b", states=(SUCCEEDED, READY)) == [5]
    assert await mixed.found(msg_id=mixed.ids[2]) == [2]
    assert await mixed.found(msg_id=mixed.ids[2], status=200) == []
    assert await mixed.found(msg_id="msg_none") == []


async def test_a_time_is_that_of_the_message(mixed):
    await mixed.attempt(200)
    assert await mixed.found(after_ms=mixed.times[4]) == [5, 4]
    assert await mixed.found(before_ms=mixed.times[1]) == [0]
    assert await mixed.found(after_ms=mixed.times[1], before_ms=mixed.times[3]) == [2, 1]
    assert await mixed.found(after_ms=mixed.times[1], states=(FAILED,)) == [3, 1]
    assert await mixed.found(after_ms=-1, before_ms=FOREVER_MS) == [5, 4, 3, 2, 1, 0]


async def test_a_delivery_is_shown_with_its_newest_attempt(store, log, clock):
    await log.add("a", 500, retry_in=60.0)

    async def newest():
        (shown,) = (await store.search_deliveries(log.app_id, log.id, LogFilter())).items
        delivery = await store.delivery(log.app_id, log.ids[0], log.id)
        assert all(getattr(shown, name) == getattr(delivery, name) for name in Delivery.__slots__)
        return shown.attempts, shown.duration_ms, shown.reason

    assert await newest() == (1, 7, "it answered 500")
    clock.advance(60)
    await log.attempt(200, duration_ms=8)
    assert await newest() == (2, 8, "it answered 200")
    await store.resend(log.app_id, log.ids[0], log.id)
    await store.claim(limit=1, per_endpoint=1, lease=30.0)
    assert await newest() == (2, 8, "it answered 200")


async def test_before_its_first_attempt_a_delivery_has_none(store, log):
    await log.add()
    (shown,) = (await store.search_deliveries(log.app_id, log.id, LogFilter())).items
    assert (shown.attempts, shown.duration_ms, shown.reason) == (0, None, "")


# --- how far a search looks --------------------------------------------------------------------


@pytest.fixture
def bounded(monkeypatch):
    """Let a search look at four deliveries only, or at two where each is looked up."""
    monkeypatch.setattr(searching, "SEARCHED", 4)
    monkeypatch.setattr(searching, "SEARCHED_APART", 2)


async def seek(log, **where):
    """Go on until there is nothing more; return the pages."""
    pages, before = [], None
    while True:
        found, behind, cut = await log.page(before=before, **where)
        pages.append((found, cut))
        if behind is None:
            return pages
        before = behind


async def test_a_search_looks_at_so_many_and_says_how_far(mixed, bounded):
    assert await seek(mixed, status=404) == [([], 2), ([], None)]
    assert await seek(mixed, status=200) == [([4], 2), ([0], None)]
    assert await seek(mixed, states=(SUCCEEDED,)) == [([4], 2), ([0], None)]
    assert await seek(mixed, event_type="b") == [([5], 4), ([2], 2), ([1], None)]
    assert await seek(mixed, status_class=500, before_ms=mixed.times[5]) == [
        ([2, 1], 1),
        ([], None),
    ]
    assert await seek(mixed, status=200, after_ms=mixed.times[2]) == [([4], None)]


async def test_a_full_page_ends_before_the_bound(mixed, bounded):
    assert await mixed.page(limit=1, states=(SUCCEEDED, READY)) == ([5], 5, None)
    assert await mixed.page(limit=2, states=(SUCCEEDED, READY)) == ([5, 4], 2, 2)


async def test_what_an_index_serves_has_no_bound(mixed, bounded):
    assert await mixed.found() == [5, 4, 3, 2, 1, 0]
    assert await mixed.found(states=(FAILED, WAITING, CANCELLED, HELD)) == [3, 2, 1]


async def test_several_states_are_looked_at_as_far_back_as_each_other(log, bounded):
    for status, retry_in in ((500, None), (503, 60.0), (500, None), (503, 60.0), (500, None)):
        await log.add("a", status, retry_in=retry_in)
    # 0, 2 and 4 failed, 1 and 3 wait: one of each is looked at.
    where = {"states": (FAILED, WAITING), "event_type": "a"}
    assert await seek(log, **where) == [([4], 4), ([3], 3), ([2], 2), ([1, 0], None)]
    assert await seek(log, **where | {"event_type": "b"}) == [
        ([], 4),
        ([], 3),
        ([], 2),
        ([], None),
    ]


# --- cost --------------------------------------------------------------------------------------

SEARCHES = [
    ({}, "INDEX delivery_endpoint (app_id=? AND endpoint_id=?"),
    ({"status": 404}, "INDEX delivery_endpoint (app_id=? AND endpoint_id=?"),
    ({"states": (READY,)}, "INDEX delivery_endpoint (app_id=? AND endpoint_id=?"),
    ({"states": (READY, SUCCEEDED)}, "INDEX delivery_endpoint (app_id=? AND endpoint_id=?"),
    ({"event_type": "a"}, "INDEX delivery_endpoint (app_id=? AND endpoint_id=?"),
    ({"msg_id": "msg_x"}, "USING PRIMARY KEY (app_id=? AND msg_id=? AND endpoint_id=?"),
    ({"states": (FAILED,)}, "delivery_state (app_id=? AND endpoint_id=? AND state=?"),
    ({"states": (SENDING,)}, "delivery_sending (app_id=? AND endpoint_id=?"),
    (
        {"states": (FAILED, HELD), "event_type": "a"},
        "delivery_state (app_id=? AND endpoint_id=? AND state=?",
    ),
]


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(("where", "index"), SEARCHES)
async def test_no_search_reads_a_table_or_sorts_it(store, log, bounded, where, index):
    for _ in range(6):
        await log.add("b", 500)
    statements = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        statements.append((statement, parameters))

    engine = store.database._backend.reading
    event.listen(engine, "before_cursor_execute", note)
    await log.page(before="msg_x", limit=2, **where)
    event.remove(engine, "before_cursor_execute", note)
    *searches, attempts = [
        await explain(store, *each) for each in statements if "SELECT" in each[0]
    ]
    for plan in searches:
        assert index in next(each for each in plan if " delivery USING " in each)
    plan = [step for each in searches for step in each]
    assert [step for step in plan if "SCAN" in step and "anon_1" not in step] == []
    assert attempts[0].endswith("PRIMARY KEY (app_id=? AND msg_id=?)")


async def explain(store, statement, parameters):
    return await store.database.read(
        lambda c: [
            row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    )
