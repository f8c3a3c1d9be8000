"""Limits that processes share, in a real Valkey: counted together, and without it when it is away.

The clocks of breaker and budgets are injected; the server is stopped and paused for real.
"""

import asyncio
import gc
import sys
import threading
import time

import pytest
from limits.aio.storage import MemoryStorage as AsyncMemoryStorage
from limits.storage import MemoryStorage

from hookseal import ConfigError
from hookseal.observe import LoggingObserver
from hookseal.policy import Policy
from hookseal.ratelimit import (
    AsyncSharedBudget,
    BoundedMemoryStorage,
    Breaker,
    Limiter,
    SharedBudget,
    check_storage,
    waits,
)
from tests.stores import servers

from .support import FACES, SECONDS, SECRET, Endpoint, Handler, ask_asgi, forged, signed

FORMS = ("sync", "async")
# Each asyncio.run leaves the connections of its loop to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
AWAY = "redis://127.0.0.1:1/0"
"""A port at which nobody listens."""


@pytest.fixture(autouse=True)
def swept():
    yield
    gc.collect()  # here, where the warnings are expected


@pytest.fixture
def valkey():
    servers.needs("redis")
    client = servers.needs("redis").Redis.from_url(servers.valkey_url())
    client.flushall()
    yield servers.valkey_url()
    client.close()


@pytest.fixture
def told():
    return []


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def limiter(storage, told, *, form="sync", namespace=""):
    def tell(name, detail):
        told.append((name, detail))

    return Limiter(storage, asynchronous=form == "async", namespace=namespace, tell=tell)


def ask(budget, *steps):
    """Return what the budget says to each ("hit" or "test", key), all on one event loop."""

    async def run():
        said = []
        for name, key in steps:
            answer = getattr(budget, name)(key)
            said.append(await answer if hasattr(answer, "__await__") else answer)
        return said

    return asyncio.run(run())


# --- a store in memory that can be made to fail ----------------------------------------------


class Store:
    """Counters that count their calls and raise ``error`` where there is one."""

    def __init__(self, clock):
        self._inner = BoundedMemoryStorage(clock=clock)
        self.error = None
        self.calls = 0
        self.keys = set()

    def _call(self, name, key, *arguments):
        self.calls += 1
        self.keys.add(key)
        if self.error is not None:
            raise self.error
        return getattr(self._inner, name)(key, *arguments)

    def incr(self, key, expiry, amount=1):
        return self._call("incr", key, expiry, amount)

    def get(self, key):
        return self._call("get", key)

    def get_expiry(self, key):
        return self._call("get_expiry", key)


class AsyncStore(Store):
    async def incr(self, key, expiry, amount=1):
        await asyncio.sleep(0)
        return self._call("incr", key, expiry, amount)

    async def get(self, key):
        await asyncio.sleep(0)
        return self._call("get", key)

    async def get_expiry(self, key):
        await asyncio.sleep(0)
        return self._call("get_expiry", key)


@pytest.fixture
def store(form, clock):
    return (Store if form == "sync" else AsyncStore)(clock)


@pytest.fixture
def shared(form, store, clock, told):
    """Makes a budget on the store, with a breaker that probes every 5 seconds."""
    breaker = Breaker(lambda *one: told.append(one), seconds=5, clock=clock)
    kind = SharedBudget if form == "sync" else AsyncSharedBudget

    def make(rate="2/minute", *, name="tries", namespace=""):
        return kind(
            rate, name=name, counters=store, breaker=breaker, namespace=namespace, clock=clock
        )

    return make


HIT = ("hit", "a")
TEST = ("test", "a")


def test_a_shared_budget_counts_as_one_in_memory_does(shared, clock):
    two = shared()
    assert ask(two, TEST, HIT, TEST, HIT, TEST, HIT, ("hit", "b")) == [
        *(None, None, None, None),
        *(60, 60, None),
    ]
    clock.advance(60)
    assert ask(two, TEST, HIT) == [None, None]


def test_a_spent_shared_budget_says_so_in_fields(shared):
    assert shared("2 per 10 seconds").fields(7) == {
        "retry-after": "7",
        "ratelimit-policy": '"tries";q=2;w=10',
        "ratelimit": '"tries";r=0;t=7',
    }


def test_names_and_namespaces_count_apart_and_keys_are_hashed(shared, store):
    budgets = [
        shared("1/hour"), shared("1/hour", name="b"), shared("1/hour", namespace="n")
    ]  # fmt: skip
    for budget in budgets:
        assert ask(budget, ("hit", "a/b 2001:db8::1")) == [None]
    assert len(store.keys) == 3
    assert {key.count("/") for key in store.keys} == {5}
    assert not [key for key in store.keys if "2001" in key or "hookseal-fixed" not in key]


def test_a_store_that_fails_is_counted_without_and_left_alone(shared, store, clock, told):
    two = shared()
    store.error = ConnectionError("redis://:password@host")
    assert ask(two, HIT, HIT, HIT, TEST) == [None, None, 60, 60]
    assert store.calls == 1
    assert told == [("limits_failed", "ConnectionError")]
    clock.advance(4.9)
    ask(two, HIT)
    assert store.calls == 1
    clock.advance(0.1)
    assert ask(two, HIT, HIT) == [55, 55]  # one probe, and the answers of this process
    assert store.calls == 2
    assert len(told) == 2


def test_when_the_store_is_back_it_decides_again(shared, store, clock, told):
    one = shared("1/minute")
    ask(one, HIT)
    store.error = TimeoutError()
    assert ask(one, HIT) == [None]  # this process begins to count
    store.error = None
    clock.advance(5)
    assert ask(one, HIT) == [55]
    assert told == [("limits_failed", "TimeoutError"), ("limits_recovered", "")]
    ask(one, HIT)
    assert len(told) == 2


def test_a_store_that_fails_half_way_is_counted_without(shared, store, told):
    one = shared("1/minute")
    ask(one, HIT)
    wait, store.get_expiry = store.get_expiry, None
    assert ask(one, HIT) == [None]
    assert told == [("limits_failed", "TypeError")]
    store.get_expiry = wait


def test_both_budgets_of_an_endpoint_learn_from_one_failure(shared, store):
    failures, events = shared(name="failures"), shared(name="events")
    store.error = OSError()
    ask(failures, TEST)
    ask(events, HIT)
    assert store.calls == 1


def test_one_probe_at_a_time(told, clock):
    breaker = Breaker(lambda *one: told.append(one), seconds=5, clock=clock)
    breaker.failed(OSError())
    clock.advance(5)
    assert [breaker.lets_ask() for _ in range(3)] == [True, False, False]
    clock.advance(5)  # the probe has neither failed nor answered: it was cancelled
    assert breaker.lets_ask()
    assert breaker.open
    breaker.answered()
    assert not breaker.open


def test_an_async_store_that_hangs_has_its_deadline(clock, told):
    class Hanging(AsyncStore):
        async def incr(self, key, expiry, amount=1):
            await asyncio.Event().wait()

    breaker = Breaker(lambda *one: told.append(one), clock=clock)
    budget = AsyncSharedBudget(
        "1/hour", name="tries", counters=Hanging(clock), breaker=breaker, deadline=0.01
    )
    assert ask(budget, HIT) == [None]
    assert told == [("limits_failed", "TimeoutError")]


# --- what may be given -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        ("nonsense", "found text without '://'"),
        ("mysql://user:hidden@host/", "found mysql://"),
        ("memory://somewhere", "found memory://"),
        (7, "found int. Give a storage of the limits library"),
    ],
)
def test_what_is_no_storage_is_refused_with_what_is(storage, says):
    for given in (lambda: check_storage(storage), lambda: Policy(
        secrets=SECRET, limit_storage=storage)):  # fmt: skip
        with pytest.raises(ConfigError, match=r"^limit_storage: .*redis://") as raised:
            given()
        assert says in str(raised.value)
        assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(form, told):
    servers.needs("redis")
    with pytest.raises(
        ConfigError, match=r"^limit_storage: the URL redis://\.\.\. cannot"
    ) as caught:
        limiter("redis://user:hidden/secret@host:port", told, form=form)
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'hookseal\[redis\]'"):
        Policy(secrets=SECRET, limit_storage="valkey://localhost")


def test_an_async_storage_is_refused_by_a_wsgi_app_with_the_fix():
    with pytest.raises(ConfigError, match=r"^limit_storage: .* async.*limits\.storage.*URL"):
        Endpoint("wsgi", limit_storage=AsyncMemoryStorage())
    Endpoint("asgi", limit_storage=AsyncMemoryStorage())


@pytest.mark.parametrize("face", FACES)
def test_a_policy_that_is_shared_may_name_memory(face):
    one = Endpoint(face, limit_storage="memory://", source_budget="1/hour")
    assert [one.send(signed(event_id)).status for event_id in "ab"] == [200, 429]


def test_it_is_known_what_waits(clock):
    class Quick(Store):
        blocking = False

    assert [waits(one) for one in ("redis://x", Store(clock))] == [True, True]
    quick = ("memory://", BoundedMemoryStorage(), MemoryStorage(), Quick(clock))
    for thread in threading.enumerate():  # the library's timer, which would outlive the test
        if isinstance(thread, threading.Timer):
            thread.cancel()
            thread.join()
    assert not [one for one in quick if waits(one)]


@pytest.mark.parametrize("kind", [Store, BoundedMemoryStorage])
def test_under_wsgi_a_sync_storage_is_asked_as_it_is(kind, clock):
    store = kind(clock) if kind is Store else kind(clock=clock)
    one = Endpoint("wsgi", limit_storage=store, failure_budget=None, source_budget="1/hour")
    assert [one.send(signed(event_id)).status for event_id in "ab"] == [200, 429]


def test_budgets_may_be_off_wherever_they_would_be_counted(told):
    assert limiter("memory://", told).budget("tries", None) is None


# --- an event loop and a storage that blocks -------------------------------------------------


class Blocking(Store):
    """A sync storage that waits for ``go``."""

    def __init__(self, clock):
        super().__init__(clock)
        self.go = threading.Event()
        self.threads = set()

    def incr(self, key, expiry, amount=1):
        self.threads.add(threading.current_thread())
        assert self.go.wait(SECONDS)
        return super().incr(key, expiry, amount)


def test_a_blocking_storage_does_not_hold_up_an_event_loop(clock):
    store = Blocking(clock)
    endpoint = Endpoint("asgi", limit_storage=store, failure_budget=None, source_budget="9/hour")

    async def run():
        waiting = asyncio.ensure_future(ask_asgi(endpoint.app, signed("a")))
        asyncio.get_running_loop().call_later(0.01, store.go.set)  # if the loop turns
        return await waiting

    assert asyncio.run(run()).status == 200
    assert threading.current_thread() not in store.threads
    assert endpoint.noted == ["accepted"]


def test_a_blocking_storage_that_hangs_is_given_up(clock):
    store = Blocking(clock)
    endpoint = Endpoint("asgi", limit_storage=store, failure_budget=None, source_budget="1/hour")
    began = time.monotonic()
    try:
        assert [endpoint.send(signed(event_id)).status for event_id in "ab"] == [200, 429]
        assert time.monotonic() - began < SECONDS / 2
    finally:
        store.go.set()
    assert endpoint.noted == ["limits_failed", "accepted", "rejected"]


def test_a_blocking_storage_is_tested_and_hit_from_threads(clock):
    endpoint = Endpoint("asgi", limit_storage=Store(clock), failure_budget="1/hour")
    assert [endpoint.send(call).status for call in (signed(), forged(), signed())] == [
        *(200, 401, 429),
    ]


# --- a real server ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_processes_count_together(valkey, form, scheme, told):
    url = scheme + valkey[valkey.index(":") :]
    one, other = (limiter(url, told, form=form).budget("tries", "2/minute") for _ in range(2))
    assert ask(one, TEST, HIT, ("hit", "b")) == [None, None, None]
    assert ask(other, HIT, TEST)[0] is None
    wait = ask(one, HIT)[0]
    assert 58 <= wait <= 60
    assert told == []


def test_namespaces_set_endpoints_apart_in_one_server(valkey, told, form):
    for namespace in "ab":
        budget = limiter(valkey, told, form=form, namespace=namespace).budget("tries", "1/minute")
        assert ask(budget, HIT) == [None]


def test_other_strategies_on_the_same_server_share_no_key(valkey, told):
    import limits  # noqa: PLC0415 # only where there is a server
    from limits.strategies import MovingWindowRateLimiter  # noqa: PLC0415

    theirs = MovingWindowRateLimiter(limits.storage.storage_from_string(valkey))
    assert theirs.hit(limits.parse("2/minute"), "tries", "a")
    assert ask(limiter(valkey, told).budget("tries", "2/minute"), HIT, HIT) == [None, None]
    assert told == []


@pytest.mark.parametrize("face", FACES)
def test_two_workers_have_one_budget(valkey, face):
    workers = [
        Endpoint(face, limit_storage=valkey, source_budget="2/hour", failure_budget="1/hour")
        for _ in range(2)
    ]
    assert workers[0].send(forged(peer="192.0.2.1")).status == 401
    assert workers[1].send(signed(peer="192.0.2.1")).status == 429
    sent = [workers[number % 2].send(signed(f"evt_{number}")) for number in range(3)]
    assert [answer.status for answer in sent] == [200, 200, 429]
    assert sent[2].headers["ratelimit-policy"] == '"source_budget";q=2;w=3600'
    assert 0 < int(sent[2].headers["retry-after"]) <= 3600


@pytest.mark.parametrize("face", FACES)
def test_a_server_that_was_never_there_stops_nobody(face):
    servers.needs("redis")
    one = Endpoint(face, limit_storage=AWAY, source_budget="2/hour")
    answers = [one.send(signed(event_id)).status for event_id in "abc"]
    assert answers == [200, 200, 429]
    assert one.noted == ["limits_failed", "accepted", "accepted", "rejected"]
    assert one.notes[0].detail == "ConnectionError"


@pytest.mark.parametrize("face", FACES)
def test_a_slow_server_holds_up_one_request(face):
    servers.needs("redis")
    with servers.valkey_server() as server:
        one = Endpoint(face, limit_storage=server.connection_url, source_budget="9/hour")
        assert one.send(signed("before")).status == 200
        with servers.paused(server._process.pid):
            answers = [one.send(signed(f"evt_{number}")).status for number in range(5)]
        assert answers == [200] * 5
    assert one.noted.count("limits_failed") == 1


def test_an_event_loop_turns_while_the_server_does_not_answer():
    servers.needs("redis")
    with servers.valkey_server() as server:
        one = Endpoint("asgi", limit_storage=server.connection_url)

        async def run():
            turns = 0
            with servers.paused(server._process.pid):
                waiting = asyncio.ensure_future(ask_asgi(one.app, signed("a")))
                while not waiting.done():
                    await asyncio.sleep(0.01)
                    turns += 1
            return turns, waiting.result().status

        turns, status = asyncio.run(run())
    assert status == 200
    assert turns > 5


def test_a_server_that_comes_back_is_used_again_without_a_restart(form, clock, told, monkeypatch):
    servers.needs("redis")
    monkeypatch.setattr(
        "hookseal.ratelimit.opening.Breaker", lambda tell: Breaker(tell, clock=clock)
    )
    server = servers.valkey_server()
    server.start()
    budget = limiter(server.connection_url, told, form=form).budget("tries", "2/hour")
    again = type(server)(port=server.port)

    async def run():
        said = []

        async def hit():
            answer = budget.hit("a")
            said.append(await answer if form == "async" else answer)

        await hit()
        server.stop()
        await hit()
        await hit()
        again.start()
        clock.advance(10)
        await hit()
        return said

    try:
        assert asyncio.run(run()) == [None] * 4
    finally:
        again.stop()
    assert [name for name, _ in told] == ["limits_failed", "limits_recovered"]


def test_each_event_loop_has_connections_of_its_own(valkey, told):
    budget = limiter(valkey, told, form="async").budget("tries", "2/minute")
    assert [ask(budget, HIT) for _ in range(2)] == [[None], [None]]
    assert told == []


def test_handlers_are_run_once_limits_allow(valkey):
    one = Endpoint("asgi", Handler(), limit_storage=valkey)
    assert one.send_all([signed(f"evt_{number}") for number in range(30)])
    assert one.handler.runs == 30


# --- what an observer is told ----------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
def test_an_observer_may_not_care_that_the_store_is_away(face, clock, caplog):
    store, told = (Store(clock) if face == "wsgi" else AsyncStore(clock)), []
    store.error = OSError()

    class Picky:
        def wants(self, name):
            return name == "accepted"

        def __call__(self, note):
            told.append(note.name)

    assert Endpoint(face, limit_storage=store, observer=Picky()).send(signed()).status == 200
    assert told == ["accepted"]


@pytest.mark.parametrize("face", FACES)
def test_an_observer_that_raises_changes_no_decision(face, clock, caplog):
    store = Store(clock) if face == "wsgi" else AsyncStore(clock)
    store.error = OSError()

    def broken(note):
        raise LookupError

    assert Endpoint(face, limit_storage=store, observer=broken).send(signed()).status == 200
    assert "the observer function failed" in caplog.text


@pytest.mark.parametrize("face", FACES)
def test_the_log_says_it_as_a_warning_without_the_errors_text(face, clock, caplog):
    store = Store(clock) if face == "wsgi" else AsyncStore(clock)
    store.error = ConnectionError("redis://:password@host")
    one = Endpoint(face, limit_storage=store, observer=LoggingObserver())
    assert one.send(signed()).status == 200
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [("WARNING", "limits_failed detail='ConnectionError'")]
