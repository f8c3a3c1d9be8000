"""The loop: sign, send, record, retry, stop. Time is moved, never waited for."""

import asyncio
import itertools
import logging

import pytest
import standardwebhooks
import svix

from hookseal_sender.model import DeliveryState, EndpointDraft
from hookseal_sender.outcome import Fault, FaultKind, Reply
from hookseal_sender.retry import RetrySchedule
from hookseal_sender.store import AttemptFilter, PageRequest
from hookseal_sender.worker import Worker, WorkerPolicy, wait_for_event

pytestmark = pytest.mark.anyio
POLICY = WorkerPolicy(schedule=RetrySchedule(delays=(5.0, 300.0)))


@pytest.fixture
def run(store, clock, waiter):
    """Run a worker until it has been idle for the waiter's number of turns."""

    async def run(transport, policy=POLICY):
        worker = Worker(
            store, transport, policy, clock=clock, waiter=waiter, randomness=lambda: 0.5
        )
        waiter.worker = worker
        await worker.run()

    return run


async def attempts(store, message):
    where = AttemptFilter(msg_id=message.id)
    return (await store.attempts(message.app_id, PageRequest(), where)).items


async def state(store, message):
    (delivery,) = await store.deliveries(message.app_id, message.id)
    return delivery.state


async def test_a_delivery_verifies_with_the_published_libraries(
    store, make_endpoint, publish, make_transport, run, monkeypatch, clock
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id, payload='{"név":"é"}'.encode())
    transport = make_transport()
    await run(transport)
    ((url, headers, body),) = transport.sent
    assert (url, body) == (endpoint.url, message.payload)
    assert headers["webhook-id"] == headers["svix-id"] == message.id

    class Now(standardwebhooks.webhooks.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(clock(), tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Now)
    only = {
        name: {k: v for k, v in headers.items() if k.startswith(name)}
        for name in ("webhook", "svix")
    }
    standardwebhooks.Webhook(endpoint.secrets[0]).verify(body, only["webhook"])
    svix.Webhook(endpoint.secrets[0]).verify(body, only["svix"])
    assert await state(store, message) is DeliveryState.SUCCEEDED


async def test_a_failure_is_retried_on_schedule_with_the_same_id_and_a_fresh_time(
    store, make_endpoint, publish, make_transport, run, waiter
):
    message = await publish((await make_endpoint()).app_id)
    waiter.turns = 100
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


async def test_the_schedule_ends(store, make_endpoint, publish, make_transport, run, waiter):
    message = await publish((await make_endpoint()).app_id)
    waiter.turns = 100
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
    store, make_endpoint, publish, make_transport, run, waiter
):
    endpoint = await make_endpoint()
    message = await publish(endpoint.app_id)
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE endpoint SET secrets = '[\"whsec_c2hvcnQ=\"]'")
    waiter.turns = 1
    await run(make_transport())
    (attempt,) = await attempts(store, message)
    assert attempt.reason.startswith("cannot sign: ")
    assert "c2hvcnQ" not in attempt.reason


async def test_a_crash_in_one_delivery_harms_no_other_and_is_taken_over(
    store, make_endpoint, publish, make_transport, run, waiter, caplog
):
    endpoint = await make_endpoint()
    messages = [await publish(endpoint.app_id) for _ in range(3)]
    waiter.turns = 20
    transport = make_transport(RuntimeError("bug"))
    with caplog.at_level(logging.INFO):
        await run(transport)
    assert [await state(store, each) for each in messages] == [DeliveryState.SUCCEEDED] * 3
    assert len(transport.sent) == 4
    (logged,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert endpoint.id in logged.getMessage()
    assert endpoint.secrets[0] not in caplog.text


async def test_a_failing_store_does_not_end_the_loop(
    store, make_endpoint, publish, make_transport, run, waiter, monkeypatch
):
    message = await publish((await make_endpoint()).app_id)
    working, failures = store.claim, [OSError("disk"), OSError("disk")]

    async def claim(**how):
        if failures:
            raise failures.pop()
        return await working(**how)

    monkeypatch.setattr(store, "claim", claim)
    waiter.turns = 6
    await run(make_transport())
    assert await state(store, message) is DeliveryState.SUCCEEDED


async def test_no_more_than_the_limit_is_in_flight(
    store, make_endpoint, publish, make_transport, run, waiter
):
    endpoint = await make_endpoint()
    for _ in range(7):
        await publish(endpoint.app_id)

    class Counting:
        now = most = 0

        async def send(self, url, headers, body):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return Reply(status=200, body="", duration_ms=1)

    transport = Counting()
    await run(transport, WorkerPolicy(max_in_flight=2))
    assert transport.most == 2
    assert None in waiter.pauses
    assert (await store.claim(limit=9, per_endpoint=9, lease=9)).tasks == []


class Hanging:
    """Answers when told."""

    def __init__(self):
        self.begun, self.answer = asyncio.Event(), asyncio.Event()

    async def send(self, url, headers, body):
        self.begun.set()
        await self.answer.wait()
        return Reply(status=200, body="", duration_ms=1)


async def test_a_full_worker_claims_nothing_and_stops_when_told(
    store, make_endpoint, publish, clock
):
    endpoint = await make_endpoint()
    await publish(endpoint.app_id)
    transport, turns, twice = Hanging(), [], asyncio.Event()

    async def waiter(event, pause):
        turns.append(pause)
        if len(turns) == 2:
            twice.set()
        await event.wait()

    worker = Worker(store, transport, WorkerPolicy(max_in_flight=1), clock=clock, waiter=waiter)
    running = asyncio.create_task(worker.run())
    await transport.begun.wait()
    second = await publish(endpoint.app_id)
    await twice.wait()
    assert turns == [None, None]
    assert await state(store, second) is DeliveryState.PENDING
    worker.stop()
    transport.answer.set()
    await running


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
    assert await state(store, message) is DeliveryState.PENDING
    assert len((await store.claim(limit=1, per_endpoint=1, lease=1)).tasks) == 1


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
        async def send(self, url, headers, body):
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


def test_drafts_are_values():
    assert EndpointDraft(url="u", name="n") == EndpointDraft(url="u", name="n")
