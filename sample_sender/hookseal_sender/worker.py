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

from hookseal import ConfigError, Signer
from hookseal_sender.model import AttemptDraft, Result
from hookseal_sender.outcome import Exchange, Fault, FaultKind, Reply, judge
from hookseal_sender.retry import RetrySchedule, parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hookseal_sender.model import Lease, Task
    from hookseal_sender.store import Store
    from hookseal_sender.transport import Transport

    Waiter: TypeAlias = Callable[[asyncio.Event, float | None], Awaitable[None]]

__all__ = ["Worker", "WorkerPolicy", "wait_for_event"]

_log = logging.getLogger(__name__)
_SIGNED_HEADERS = ("id", "timestamp", "signature")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPolicy:
    """How a worker works. Times are in seconds.

    ``lease`` must be longer than the longest request, so that no delivery is taken over while it
    is being sent; ``idle_poll`` bounds how late work made known by nobody is found.
    """

    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    max_in_flight: int = 200
    max_in_flight_per_endpoint: int = 10
    lease: float = 35.0
    idle_poll: float = 5.0
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
        store: Store,
        transport: Transport,
        policy: WorkerPolicy,
        *,
        clock: Callable[[], float] = time.time,
        waiter: Waiter = wait_for_event,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._transport = transport
        self._policy = policy
        self._clock = clock
        self._wait = waiter
        self._randomness = randomness
        self._in_flight: dict[asyncio.Task[None], Lease] = {}
        self._stopping = False

    async def run(self) -> None:
        """Deliver until stopped; no failure of one delivery or of the store ends it."""
        while not self._stopping:
            try:
                pause = await self._claim_and_start()
            except Exception:  # noqa: BLE001 # the loop outlives whatever the store does
                _log.exception("claiming failed; trying again in %g s", self._policy.idle_poll)
                pause = self._policy.idle_poll
            if not self._stopping:
                await self._wait(self._store.arrivals, pause)
        await self._finish()

    def stop(self) -> None:
        """Claim nothing more; :meth:`run` returns when the requests in flight have ended."""
        self._stopping = True
        self._store.arrivals.set()

    async def _claim_and_start(self) -> float | None:
        """Start what can start, and return how long to wait unless something happens."""
        self._store.arrivals.clear()
        room = self._policy.max_in_flight - len(self._in_flight)
        if room == 0:
            return None
        claimed = await self._store.claim(
            limit=room,
            per_endpoint=self._policy.max_in_flight_per_endpoint,
            lease=self._policy.lease,
        )
        for task in claimed.tasks:
            self._start(task)
        if len(claimed.tasks) == room:
            return None
        return min(claimed.next_in or self._policy.idle_poll, self._policy.idle_poll)

    def _start(self, task: Task) -> None:
        running = asyncio.create_task(self._deliver(task))
        self._in_flight[running] = task.lease
        running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        del self._in_flight[running]
        self._store.arrivals.set()

    async def _deliver(self, task: Task) -> None:
        try:
            result = await self._attempt(task)
            recorded = await self._store.complete(result)
        except Exception:  # noqa: BLE001 # one delivery must not end the others
            _log.exception("delivery failed, its lease will end: %s", task.lease)
            return
        outcome = "delivered" if result.attempt.succeeded else "failed"
        note = "" if recorded else " (not recorded: the lease was lost)"
        reason = result.attempt.reason
        _log.info("attempt %s: %s: %s%s", outcome, task.lease, reason, note)

    async def _attempt(self, task: Task) -> Result:
        started = self._clock()
        exchange = await self._send(task, started)
        verdict = judge(exchange)
        reply = exchange if isinstance(exchange, Reply) else None
        attempt = AttemptDraft(
            url=task.url,
            started_ms=round(started * 1000),
            duration_ms=exchange.duration_ms,
            succeeded=verdict.succeeded,
            status=reply.status if reply else 0,
            response=reply.body if reply else verdict.reason,
            reason=verdict.reason,
        )
        return Result(
            lease=task.lease,
            attempt=attempt,
            retry_in=None if verdict.succeeded else self._retry_in(task, reply),
            disables_endpoint=verdict.disables_endpoint,
        )

    async def _send(self, task: Task, started: float) -> Exchange:
        try:
            signer = _signer(task.secrets)
        except ConfigError as error:
            return Fault(kind=FaultKind.SETUP, message=f"cannot sign: {error}", duration_ms=0)
        headers = signer.headers(task.lease.msg_id, int(started), task.payload)
        copies = {f"svix-{name}": headers[f"webhook-{name}"] for name in _SIGNED_HEADERS}
        return await self._transport.send(task.url, headers | copies, task.payload)

    def _retry_in(self, task: Task, reply: Reply | None) -> float | None:
        wish = parse_retry_after(reply.retry_after, self._clock()) if reply else None
        return self._policy.schedule.delay_after(
            task.attempts + 1, randomness=self._randomness(), retry_after=wish
        )

    async def _finish(self) -> None:
        """Let requests in flight end; give back those that do not in time."""
        if not self._in_flight:
            return
        _, late = await asyncio.wait(self._in_flight, timeout=self._policy.stop_grace)
        leases: Sequence[Lease] = [self._in_flight[running] for running in late]
        for running in late:
            running.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if leases:
            await self._store.release(leases)


@lru_cache(maxsize=1024)
def _signer(secrets: tuple[str, ...]) -> Signer:
    return Signer(secrets, overlap=True)
