"""The delivery loop: claim, sign, send, record.

Knows the order of the steps and how many run at once. Must not know SQL or sockets; clock, waiter
and randomness are arguments.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from hookseal import ConfigError
from hookseal_sender.errors import StoreUnavailable
from hookseal_sender.model import AttemptDraft, Result
from hookseal_sender.observe import NoObserver
from hookseal_sender.outcome import Exchange, Fault, FaultKind, Reply, judge
from hookseal_sender.retry import RetrySchedule, parse_retry_after
from hookseal_sender.signing import attempt_headers
from hookseal_sender.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hookseal_sender.model import Lease, Task
    from hookseal_sender.observe import Observer
    from hookseal_sender.standing import UnderWay
    from hookseal_sender.store.base import Outbox
    from hookseal_sender.transport import Transport

    Waiter: TypeAlias = Callable[[asyncio.Event, float | None], Awaitable[None]]

__all__ = ["Worker", "WorkerPolicy", "wait_for_event"]

_log = logging.getLogger(__name__)
_QUARTER = 4
_LINGER = 0.01
"""Seconds that a claim waits for more room, so that claims are few and large."""
_STORE_RETRY = 0.5
"""Seconds before a result is given again to a database that was away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPolicy:
    """How a worker works. Times are in seconds.

    ``lease`` must be longer than the transport's timeout, so that no delivery is taken over while
    it is being sent. ``idle_poll`` bounds how late work is found that nobody made known, such as
    the deliveries of a worker that was killed.
    """

    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    max_in_flight: int = 200
    max_in_flight_per_endpoint: int = 10
    lease: float = 35.0
    idle_poll: float = 1.0
    stop_grace: float = 20.0


async def wait_for_event(event: asyncio.Event, timeout: float | None) -> None:  # noqa: ASYNC109 # a waiter's whole purpose
    """Return when ``event`` is set, or after ``timeout`` seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout)


class Worker:
    """Delivers what the store has due until :meth:`stop` is called.

    ``clock`` returns unix seconds, ``randomness`` a number in [0, 1).
    """

    def __init__(
        self,
        store: Outbox,
        transport: Transport,
        policy: WorkerPolicy,
        *,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.time,
        waiter: Waiter = wait_for_event,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._transport = transport
        self._policy = policy
        self._observer = observer or NoObserver()
        self._clock = clock
        self._wait = waiter
        self._randomness = randomness
        self._in_flight: set[asyncio.Task[None]] = set()
        self._sending: dict[UnderWay, Lease] = {}
        self._standing = Standing(
            room=policy.max_in_flight, per_endpoint=policy.max_in_flight_per_endpoint
        )
        self._at_claim = self._ended = 0
        self._room_made = asyncio.Event()
        self._never = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Deliver until stopped; no failure of one delivery or of the store ends it."""
        while not self._stopping.is_set():
            pause = await self._claim_or_say()
            if not self._stopping.is_set():
                await self._wait(self._store.arrivals, pause)
            await self._wait_for_room()
        await self._finish()

    def stop(self) -> None:
        """Claim nothing more; :meth:`run` returns when the requests in flight have ended."""
        self._stopping.set()
        self._store.arrivals.set()
        self._room_made.set()

    # --- claiming ------------------------------------------------------------------------------

    async def _claim_or_say(self) -> float:
        """Start what can start, and return how long to wait unless something happens."""
        try:
            return await self._claim()
        except StoreUnavailable as error:
            _log.warning("claiming failed: %s; trying again in %g s", error, self._policy.idle_poll)
        except Exception:  # noqa: BLE001 # the loop outlives whatever the store does
            _log.exception("claiming failed; trying again in %g s", self._policy.idle_poll)
        self._observer.failed("claim")
        # Whatever arrives meanwhile: a database in trouble is not asked at the rate of that.
        await self._wait(self._stopping, self._policy.idle_poll)
        return 0.0

    async def _claim(self) -> float:
        self._store.arrivals.clear()
        begun = self._clock()
        claimed = await self._store.claim(
            limit=self._room(),
            per_endpoint=self._policy.max_in_flight_per_endpoint,
            lease=self._policy.lease,
            bounds=self._standing.bounds(begun),
        )
        now = self._clock()
        self._observer.claimed(len(claimed.tasks), now - begun)
        for task in claimed.tasks:
            self._start(task, now)
        self._at_claim, self._ended = self._quick(), 0
        if claimed.next_in is None:
            return self._policy.idle_poll
        return min(claimed.next_in, self._policy.idle_poll)

    def _room(self) -> int:
        return self._standing.room(len(self._in_flight), self._clock())

    def _quick(self) -> int:
        """Count what is in flight and likely to end soon."""
        return len(self._in_flight) - self._standing.slow

    async def _wait_for_room(self) -> None:
        """Return when a claim is worth it: much room, or some and enough waited."""
        while not self._has_much_room():
            self._room_made.clear()
            pause = _LINGER if self._room() else self._standing.next_slow_in(self._clock())
            await self._wait(self._room_made, pause)
            if self._room():
                return

    def _has_much_room(self) -> bool:
        return self._stopping.is_set() or self._room() * _QUARTER >= self._policy.max_in_flight

    def _start(self, task: Task, now: float) -> None:
        request = self._standing.begin((task.lease.app_id, task.lease.endpoint_id), now)
        running = asyncio.create_task(self._deliver(task, request))
        self._in_flight.add(running)
        self._sending[request] = task.lease
        running.add_done_callback(self._on_end)

    def _on_end(self, running: asyncio.Task[None]) -> None:
        """Call for a claim: at once when many have ended, or none is left; else in a moment."""
        self._in_flight.discard(running)
        self._ended += 1
        if self._quick() <= 0 or self._ended * _QUARTER >= self._at_claim:
            self._store.arrivals.set()
            self._room_made.set()
        elif self._ended == 1:
            asyncio.get_running_loop().call_later(_LINGER, self._store.arrivals.set)

    # --- delivering ----------------------------------------------------------------------------

    async def _deliver(self, task: Task, request: UnderWay) -> None:
        try:
            started = self._clock()
            exchange = await self._send_as(request, task, started)
            result = self._result(task, exchange, started)
            recorded = await self._record(result, until=self._lease_end(task, started))
        except Exception:  # noqa: BLE001 # one delivery must not end the others
            extra = _extra(task.lease)
            _log.exception("delivery failed, its lease will end: %s", task.lease, extra=extra)
            self._observer.failed("deliver")
            return
        fault = exchange.kind if isinstance(exchange, Fault) else None
        lateness = max(0.0, started - task.due_ms / 1000)
        self._observer.attempted(result, recorded=recorded, lateness=lateness, fault=fault)
        _say(result, recorded=recorded)

    async def _send_as(self, request: UnderWay, task: Task, started: float) -> Exchange:
        answered = False
        try:
            exchange = await self._send(task, started)
            answered = isinstance(exchange, Reply)
        finally:
            del self._sending[request]
            self._standing.end(request, self._clock(), answered=answered)
        return exchange

    async def _send(self, task: Task, started: float) -> Exchange:
        try:
            headers = attempt_headers(
                task.lease.msg_id,
                int(started),
                task.payload,
                secrets=task.secrets,
                custom=task.headers,
                content_type=task.content_type,
            )
        except ConfigError as error:
            return Fault(kind=FaultKind.SETUP, message=f"cannot sign: {error}", duration_ms=0)
        return await self._transport.send(task.url, headers, task.payload, timeout=task.timeout)

    def _result(self, task: Task, exchange: Exchange, started: float) -> Result:
        verdict = judge(exchange)
        reply = exchange if isinstance(exchange, Reply) else None
        wish = None
        if reply is not None and reply.retry_after and not verdict.succeeded:
            wish = parse_retry_after(reply.retry_after, self._clock())
        attempt = AttemptDraft(
            url=task.url,
            started_ms=int(started * 1000),
            duration_ms=exchange.duration_ms,
            succeeded=verdict.succeeded,
            status=reply.status if reply else 0,
            response=reply.body if reply else verdict.reason,
            reason=verdict.reason,
            response_headers=reply.headers if reply else (),
        )
        return Result(
            lease=task.lease,
            attempt=attempt,
            retry_in=None if verdict.succeeded else self._retry_in(task, wish),
            disables_endpoint=verdict.disables_endpoint,
            pauses=verdict.throttles,
            wish=wish if verdict.throttles else None,
        )

    def _retry_in(self, task: Task, wish: float | None) -> float | None:
        schedule = self._policy.schedule
        if task.retry_schedule is not None:
            schedule = _own_schedule(task.retry_schedule, schedule.jitter)
        return schedule.delay_after(
            task.lease.tries + 1, randomness=self._randomness(), retry_after=wish
        )

    def _lease_end(self, task: Task, started: float) -> float:
        return started + self._policy.lease + (task.timeout or 0.0)

    async def _record(self, result: Result, *, until: float) -> bool:
        """Give the result to the store; while that is away, again until the lease is over."""
        while True:
            try:
                return await self._store.complete(result)
            except StoreUnavailable:
                if self._clock() + _STORE_RETRY >= until:
                    raise
            await self._wait(self._never, _STORE_RETRY)

    # --- stopping ------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """Let requests in flight end; give back those that do not in time.

        Not those that wait to be recorded: what was answered would be sent again.
        """
        if not self._in_flight:
            return
        _, late = await asyncio.wait(self._in_flight, timeout=self._policy.stop_grace)
        leases = list(self._sending.values())
        for running in late:
            running.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if leases:
            await self._release(leases)

    async def _release(self, leases: Sequence[Lease]) -> None:
        try:
            await self._store.release(leases)
        except StoreUnavailable as error:
            _log.warning("%d deliveries wait for the end of their leases: %s", len(leases), error)
            self._observer.failed("release")
            return
        self._observer.released(len(leases))


@lru_cache(maxsize=1024)
def _own_schedule(delays: tuple[float, ...], jitter: float) -> RetrySchedule:
    return RetrySchedule(delays=delays, jitter=jitter)


def _extra(lease: Lease) -> dict[str, str]:
    return {"app_id": lease.app_id, "endpoint_id": lease.endpoint_id, "msg_id": lease.msg_id}


def _say(result: Result, *, recorded: bool) -> None:
    level = logging.DEBUG if result.attempt.succeeded and recorded else logging.INFO
    if not _log.isEnabledFor(level):
        return
    outcome = "delivered" if result.attempt.succeeded else "failed"
    note = "" if recorded else " (not recorded: the lease was lost)"
    reason, lease = result.attempt.reason, result.lease
    _log.log(level, "attempt %s: %s: %s%s", outcome, lease, reason, note, extra=_extra(lease))
