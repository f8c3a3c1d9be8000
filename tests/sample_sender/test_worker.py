"""The loop: sign, send, record, retry, stop. Time is moved, never waited for."""

import asyncio
import base64
import itertools
import logging
import math

import pytest
import standardwebhooks
import svix
from sqlalchemy import text

from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import DeliveryState, EndpointDraft
from hookseal_sender.observe import NoObserver
from hookseal_sender.outcome import Fault, FaultKind, Reply
from hookseal_sender.retry import RetrySchedule
from hookseal_sender.standing import SLOW
from hookseal_sender.worker import Worker, WorkerPolicy, wait_for_event
from tests.sample_sender.outboxes import attempts, claim, state

pytestmark = pytest.mark.anyio
POLICY = WorkerPolicy(schedule=RetrySchedule(delays=(5.0, 300.0)), idle_poll=500.0)


@pytest.fixture
def run(store, clock, waiter):
    """Run a worker until it has been idle for the waiter's number of turns."""

    async def run(transport, policy=POLICY, **more):
        worker = Worker(
            store, transport, policy, clock=clock, waiter=waiter, randomness=lambda: 0.5, **more
        )
        waiter.worker = worker
        await worker.run()

    return run


async def test_a_delivery_verifies_with_the_published_libraries(
    store, make_endpoint, publish, make_transport, run, monkeypatch, clock
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id, payload='{"név":"é"}'.encode())
    transport, sent_at = make_transport(), clock()
    await run(transport)
    ((url, headers, body),) = transport.sent
    assert (url, body) == (endpoint.url, message.payload)
    assert headers["webhook-id"] == headers["svix-id"] == message.id

    class Now(standardwebhooks.webhooks.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(sent_at, tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Now)
    only = {
        name: {k: v for k, v in headers.items() if k.startswith(name)}
        for name in ("webhook", "svix")
    }
    standardwebhooks.Webhook(endpoint.secrets[0].key).verify(body, only["webhook"])
    svix.Webhook(endpoint.secrets[0].key).verify(body, only["svix"])
    assert await state(store, message) is DeliveryState.SUCCEEDED


async def test_a_failure_is_retried_on_schedule_with_the_same_id_and_a_fresh_time(
    store, make_endpoint, publish, make_transport, run, waiter
):
    message = await publish((await make_endpoint()).app_id)
    waiter.turns = 9
    transport = make_transport(500, Fault(kind=FaultKind.TIMEOUT, message="late", duration_ms=9))
    await run(transport)
    logged = await attempts(store, message)
    assert [each.reason for each in logged] == [
        "the endpoint answered 500",
        "late",
        "the endpoint answered 200",
    ]
    assert [each.number for each in logged] == [1, 2, 3]
    assert [each.status for each in logged] == [500, 0, 200]
    assert logged[1].response == "late"
    gaps = [
        (after.started_ms - before.started_ms) / 1000
        for before, after in itertools.pairwise(logged)
    ]
    assert gaps == [5, 300]
    assert len({headers["webhook-id"] for _, headers, _ in transport.sent}) == 1
    assert len({headers["webhook-timestamp"] for _, headers, _ in transport.sent}) == 3


async def test_an_attempts_time_is_in_the_second_that_was_signed(
    store, make_endpoint, publish, make_transport, waiter
):
    message = await publish((await make_endpoint()).app_id)
    transport, moment = make_transport(), math.nextafter(1_800_000_001, 0)
    waiter.worker = Worker(store, transport, POLICY, clock=lambda: moment, waiter=waiter)
    await waiter.worker.run()
    ((_, headers, _),) = transport.sent
    (attempt,) = await attempts(store, message)
    assert attempt.started_ms == 1_800_000_000_999
    assert int(headers["webhook-timestamp"]) == attempt.started_ms // 1000


async def test_the_schedule_ends(store, make_endpoint, publish, make_transport, run, waiter):
    message = await publish((await make_endpoint()).app_id)
    waiter.turns = 9
    transport = make_transport(*[503] * 9)
    await run(transport)
    assert len(transport.sent) == 3
    assert await state(store, message) is DeliveryState.FAILED


async def test_retry_after_lengthens_the_wait(
    store, make_endpoint, publish, make_transport, run, waiter, clock
):
    message = await publish((await make_endpoint()).app_id)
    waiter.turns = 1
    await run(make_transport(Reply(status=429, body="", duration_ms=1, retry_after="60")))
    (attempt,) = await attempts(store, message)
    assert attempt.next_ms - attempt.started_ms == 60_000


async def test_gone_disables(store, make_endpoint, publish, make_transport, run):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    await run(make_transport(410))
    assert (await store.endpoint(endpoint.app_id, endpoint.id)).disabled
    assert await state(store, message) is DeliveryState.HELD


async def test_a_secret_that_cannot_sign_is_a_failed_attempt(
    store, make_endpoint, publish, make_transport, run, waiter, vault
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    sealed = vault.seal(
        '[{"key": "whsec_c2hvcnQ=", "expires_ms": null}]', f"{endpoint.app_id}/{endpoint.id}"
    )
    await store.database.write(
        lambda connection, _: connection.execute(
            text("UPDATE endpoint SET secrets = :sealed"), {"sealed": sealed}
        )
    )
    waiter.turns = 1
    await run(make_transport())
    (attempt,) = await attempts(store, message)
    assert attempt.reason.startswith("cannot sign: ")
    assert "c2hvcnQ" not in attempt.reason


async def test_an_endpoint_has_its_own_headers_timeout_schedule_and_key(
    store, make_endpoint, publish, run, waiter
):
    secret = "whsk_" + base64.b64encode(b"k" * 32).decode()
    endpoint = await make_endpoint(
        headers={"X-Team": "a", "Webhook-Id": "mine", "SVIX-id": "mine", "Content-Type": "x"},
        timeout=3.5,
        retry_schedule=(1.0,),
    )
    await store.rotate_secret(endpoint.app_id, endpoint.id, secret, overlap=0)
    message = await publish(endpoint.app_id, content_type="application/cloudevents+json")
    sent = []

    class Keeping:
        async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
            sent.append((headers, timeout))
            return Reply(status=500, body="", duration_ms=1, headers=(("a", "b"),))

    waiter.turns = 9
    await run(Keeping())
    assert len(sent) == 2
    headers, timeout = sent[0]
    assert timeout == 3.5
    assert headers["X-Team"] == "a"
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == headers["svix-id"] == message.id
    assert len({name.lower() for name in headers}) == len(headers)
    assert headers["webhook-signature"].startswith("v1a,")
    assert await state(store, message) is DeliveryState.FAILED
    assert (await attempts(store, message))[0].response_headers == (("a", "b"),)


async def test_an_endpoint_that_asks_for_less_rests(
    store, make_endpoint, publish, make_transport, run, waiter, clock
):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    waiter.turns = 1
    before = clock.now_ms
    await run(make_transport(Reply(status=429, body="", duration_ms=1, retry_after="60")))
    after = await store.endpoint(endpoint.app_id, endpoint.id)
    assert after.paused_until_ms == before + 60_000


async def test_a_crash_in_one_delivery_harms_no_other_and_is_taken_over(
    store, make_endpoint, publish, make_transport, run, waiter, caplog
):
    endpoint = await make_endpoint()
    messages = [await publish(endpoint.app_id) for _ in range(3)]
    waiter.turns = 20
    transport = make_transport(RuntimeError("bug"))
    with caplog.at_level(logging.DEBUG, logger="hookseal_sender.worker"):
        await run(transport)
    assert [await state(store, each) for each in messages] == [DeliveryState.SUCCEEDED] * 3
    assert len(transport.sent) == 4
    (logged,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert endpoint.id in logged.getMessage()
    assert endpoint.secrets[0].key not in caplog.text


async def test_a_failing_store_does_not_end_the_loop(
    store, make_endpoint, publish, make_transport, run, waiter, monkeypatch
):
    message = await publish((await make_endpoint()).app_id)
    working, failures = store.claim, [OSError("disk"), StoreUnavailable("away")]

    async def claim(**how):
        if failures:
            raise failures.pop()
        return await working(**how)

    monkeypatch.setattr(store, "claim", claim)
    waiter.turns = 6
    observer = Watching()
    await run(make_transport(), observer=observer)
    assert await state(store, message) is DeliveryState.SUCCEEDED
    assert observer.failures == ["claim", "claim"]


async def test_a_failing_store_is_not_asked_at_the_rate_of_arrivals(
    store, make_transport, run, waiter, monkeypatch
):
    observer = Watching()

    async def claim(**_how):
        store.arrivals.set()
        if len(observer.failures) > 9:
            waiter.worker.stop()
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "claim", claim)
    await run(make_transport(), observer=observer)
    assert waiter.pauses.count(POLICY.idle_poll) == len(observer.failures) == 3


class Watching(NoObserver):
    """Keeps what it is told."""

    def __init__(self):
        self.claims, self.attempts, self.failures, self.given_back = [], [], [], 0

    def claimed(self, tasks, seconds):
        self.claims.append(tasks)

    def attempted(self, result, *, recorded, lateness, fault=None):
        self.attempts.append((result.attempt.status, recorded, lateness, fault))

    def released(self, tasks):
        self.given_back += tasks

    def failed(self, work):
        self.failures.append(work)


async def test_an_observer_is_told(store, make_endpoint, publish, make_transport, run, clock):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    clock.advance(2)
    observer = Watching()
    late = Fault(kind=FaultKind.TIMEOUT, message="late", duration_ms=9)
    await run(make_transport(late), observer=observer)
    assert observer.attempts[:2] == [
        (0, True, 2.0, FaultKind.TIMEOUT),
        (200, True, 0.0, None),
    ]
    assert observer.claims[0] == 1


class Away:
    """A store that is away for some results."""

    def __init__(self, store, times):
        self.store, self.times, self.arrivals = store, times, store.arrivals
        self.claim, self.given_back = store.claim, None

    async def complete(self, result):
        if self.times:
            self.times -= 1
            raise StoreUnavailable("away")
        return await self.store.complete(result)

    async def release(self, leases):
        raise StoreUnavailable("away")


async def test_a_result_is_kept_while_the_store_is_away(
    store, make_endpoint, publish, make_transport, clock, caplog
):
    message = await publish((await make_endpoint()).app_id)
    observer, worker = Watching(), None

    async def waiter(event, pause):
        if pause == 0.5:  # between two tries
            clock.advance(0.5)
            return
        while worker._in_flight:  # noqa: ASYNC110 # nothing tells
            await asyncio.sleep(0.001)
        worker.stop()

    transport = make_transport()
    worker = Worker(
        Away(store, 3), transport, POLICY, observer=observer, clock=clock, waiter=waiter
    )
    await worker.run()
    assert len(transport.sent) == 1
    assert await state(store, message) is DeliveryState.SUCCEEDED
    await publish(message.app_id)
    worker = Worker(
        Away(store, 1000), transport, POLICY, observer=observer, clock=clock, waiter=waiter
    )
    begun = clock()
    await worker.run()  # until the lease is over
    assert clock() - begun == pytest.approx(POLICY.lease, abs=0.6)
    assert observer.failures == ["deliver"]


async def test_what_cannot_be_given_back_waits_for_its_lease(store, make_endpoint, publish, clock):
    await publish((await make_endpoint()).app_id)
    transport, observer = Hanging(), Watching()
    policy = WorkerPolicy(stop_grace=0.0)
    worker = Worker(Away(store, 0), transport, policy, observer=observer, clock=clock)
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    worker.stop()
    await running
    assert observer.failures == ["release"]
    assert await claim(store) == []
    clock.advance(policy.lease)
    assert len(await claim(store)) == 1


async def test_ends_of_a_moment_share_a_claim(
    store, make_application, make_endpoint, publish, clock
):
    app = await make_application()
    for _ in range(8):
        await make_endpoint(app.id)
    for _ in range(3):
        await publish(app.id)
    observer, transport = Watching(), OneByOne()
    policy = WorkerPolicy(max_in_flight_per_endpoint=1)
    worker = Worker(store, transport, policy, observer=observer, clock=clock)
    running = asyncio.create_task(worker.run())
    while len(transport.waiting) < 8:  # noqa: ASYNC110 # nothing tells
        await asyncio.sleep(0.001)
    for _ in range(2):  # a quarter: the next claim comes at once
        transport.waiting.pop().set()
    while len(transport.waiting) < 8:  # noqa: ASYNC110 # nothing tells
        await asyncio.sleep(0.001)
    transport.waiting.pop().set()  # fewer: it comes in a moment
    while len(transport.waiting) < 8:  # noqa: ASYNC110 # nothing tells
        await asyncio.sleep(0.001)
    worker.stop()
    while transport.waiting or worker._in_flight:
        while transport.waiting:
            transport.waiting.pop().set()
        await asyncio.sleep(0.001)
    await running
    assert observer.claims[0] == 8
    assert sum(observer.claims) >= 11


class OneByOne:
    """Holds each request until its event is set."""

    def __init__(self):
        self.waiting = []

    async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
        self.waiting.append(asyncio.Event())
        await self.waiting[-1].wait()
        return Reply(status=200, body="", duration_ms=1)


async def test_no_more_than_the_limit_is_in_flight(
    store, make_endpoint, publish, make_transport, run, waiter
):
    endpoint = await make_endpoint()
    for _ in range(7):
        await publish(endpoint.app_id)

    class Counting:
        now = most = 0

        async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return Reply(status=200, body="", duration_ms=1)

    transport = Counting()
    await run(transport, WorkerPolicy(max_in_flight=2))
    assert transport.most == 2
    assert (await store.claim(limit=9, per_endpoint=9, lease=9)).tasks == []


class Hanging:
    """Answers when told."""

    def __init__(self):
        self.begun, self.answer = asyncio.Event(), asyncio.Event()

    async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
        self.begun.set()
        await self.answer.wait()
        return Reply(status=200, body="", duration_ms=1)


async def test_a_full_worker_claims_nothing_and_stops_when_told(
    store, make_endpoint, publish, clock
):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    transport, turns, full = Hanging(), [], asyncio.Event()

    async def waiter(event, pause):
        turns.append(pause)
        if len(turns) == 2:
            full.set()
        await event.wait()

    worker = Worker(store, transport, WorkerPolicy(max_in_flight=1), clock=clock, waiter=waiter)
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    second = await publish(endpoint.app_id)
    await full.wait()
    assert turns == [1.0, SLOW]
    assert await state(store, second) is DeliveryState.READY
    worker.stop()
    transport.answer.set()
    await running


class PartlyHanging:
    """Never answers where the URL says so; counts the others."""

    def __init__(self):
        self.begun, self.answered, self.hanging = [], 0, asyncio.Event()

    async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
        self.begun.append(url)
        if "hangs" in url:
            await self.hanging.wait()
        self.answered += 1
        return Reply(status=200, body="", duration_ms=1)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 # nothing tells
            await asyncio.sleep(0.001)


@pytest.fixture
async def partly(store, clock):
    """Run a worker with 20 places, 5 for an endpoint, to endpoints of which some hang."""
    transport = PartlyHanging()
    policy = WorkerPolicy(
        max_in_flight=20, max_in_flight_per_endpoint=5, idle_poll=0.01, stop_grace=0.0
    )
    worker = Worker(store, transport, policy, clock=clock)
    running = []

    def start():
        running.append(asyncio.create_task(worker.run()))
        return transport

    yield start
    worker.stop()
    await asyncio.gather(*running)


async def test_endpoints_that_hang_starve_no_others(
    partly, make_application, make_endpoint, publish
):
    """No time passes: nothing is known to be slow yet, nor ends by a timeout."""
    app = await make_application()
    for number in range(40):
        await make_endpoint(app.id, url=f"https://{'hangs' if number % 10 == 0 else 'ok'}.test/")
    for _ in range(10):
        await publish(app.id)
    transport = partly()
    await until(lambda: transport.answered == 36 * 10)
    assert transport.begun.count("https://hangs.test/") == 4


async def test_an_endpoint_that_answers_has_its_whole_share(partly, store, make_endpoint, publish):
    endpoint = await make_endpoint(url="https://ok.test/")
    for _ in range(20):
        await publish(endpoint.app_id)
    transport = partly()
    await until(lambda: transport.answered == 20)
    hanging = EndpointDraft(url="https://hangs.test/", name="e")
    await store.change_endpoint(endpoint.app_id, endpoint.id, lambda _: hanging)
    for _ in range(20):
        await publish(endpoint.app_id)
    await until(lambda: transport.begun.count("https://hangs.test/") == 5)


async def test_more_that_hang_than_there_is_room_cost_the_others_a_second(
    partly, make_application, make_endpoint, publish, clock
):
    one, other = await make_application(), await make_application()
    for _ in range(20):
        await make_endpoint(one.id, url="https://hangs.test/")
    await publish(one.id)
    transport = partly()
    await until(lambda: len(transport.begun) == 20)
    await make_endpoint(other.id, url="https://ok.test/")
    await publish(other.id)
    await publish(one.id)
    clock.advance(SLOW)
    await until(lambda: transport.answered == 1)
    assert len(transport.begun) == 21  # of the others none has more than one


async def test_a_stop_during_a_claim_needs_no_wait(store, make_transport, clock, monkeypatch):
    async def never(event, pause):
        raise AssertionError

    worker = Worker(store, make_transport(), POLICY, clock=clock, waiter=never)
    working = store.claim

    async def claim(**how):
        worker.stop()
        return await working(**how)

    monkeypatch.setattr(store, "claim", claim)
    await worker.run()


async def test_stopping_lets_requests_in_flight_end(store, make_endpoint, publish, clock):
    message = await publish((await make_endpoint()).app_id)
    transport = Hanging()
    worker = Worker(store, transport, POLICY, clock=clock)
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    worker.stop()
    await asyncio.sleep(0)
    transport.answer.set()
    await running
    assert await state(store, message) is DeliveryState.SUCCEEDED


async def test_stopping_gives_back_what_does_not_end(store, make_endpoint, publish, clock):
    message = await publish((await make_endpoint()).app_id)
    transport = Hanging()
    worker = Worker(store, transport, WorkerPolicy(stop_grace=0.0), clock=clock)
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    worker.stop()
    await running
    assert await state(store, message) is DeliveryState.READY
    assert len((await store.claim(limit=1, per_endpoint=1, lease=1)).tasks) == 1


async def test_stopping_gives_back_nothing_that_was_answered(
    store, make_application, make_endpoint, publish, clock, monkeypatch
):
    app = await make_application()
    hanging = await make_endpoint(app.id, url="https://hangs.test/")
    answering = await make_endpoint(app.id, url="https://ok.test/")
    message = await publish(app.id)
    recording = asyncio.Event()

    async def complete(_result):
        recording.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(store, "complete", complete)
    transport = PartlyHanging()
    worker = Worker(store, transport, WorkerPolicy(stop_grace=0.0), clock=clock)
    running = asyncio.create_task(worker.run())
    await recording.wait()
    await until(lambda: len(transport.begun) == 2)
    worker.stop()
    await running
    assert await state(store, message, answering) is DeliveryState.SENDING
    assert await state(store, message, hanging) is DeliveryState.READY


async def test_a_publish_wakes_an_idle_worker(store, make_endpoint, publish, clock):
    endpoint = await make_endpoint()
    transport = Hanging()
    transport.answer.set()
    idle = asyncio.Event()

    async def forever(event, _timeout):
        idle.set()
        await event.wait()

    worker = Worker(store, transport, POLICY, clock=clock, waiter=forever)
    running = asyncio.create_task(worker.run())
    await idle.wait()
    await publish(endpoint.app_id)
    await transport.begun.wait()
    worker.stop()
    await running


async def test_a_result_that_came_too_late_is_said(
    store, make_endpoint, publish, make_transport, run, caplog
):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)

    class Deleting:
        async def send(self, url, headers, body, *, timeout=None):  # noqa: ASYNC109 # as Transport
            await store.delete_endpoint(endpoint.app_id, endpoint.id)
            return Reply(status=200, body="", duration_ms=1)

    with caplog.at_level(logging.INFO):
        await run(Deleting())
    assert "the lease was lost" in caplog.text


async def test_the_waiter_returns_at_the_event_or_at_the_time():
    event = asyncio.Event()
    await wait_for_event(event, 0)
    event.set()
    await wait_for_event(event, None)
