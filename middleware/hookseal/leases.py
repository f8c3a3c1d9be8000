"""Claims that are renewed while handlers run.

Knows which claims are held and the two timers that renew them: an event loop's and a thread. Must
not know requests. Either timer runs only while something is held, and there is one however many
requests there are, so that a quick handler pays for a dictionary entry and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from hookseal.effects import Admitted, Call

if TYPE_CHECKING:
    from hookseal.policy import Policy

__all__ = ["LoopRenewer", "ThreadRenewer"]

_RENEWALS_PER_LEASE = 3


class _Leases:
    """The claims of one endpoint that are held now."""

    def __init__(self, policy: Policy) -> None:
        self._ledger = policy.ledger
        self._lease = policy.lease
        self.interval = policy.lease / _RENEWALS_PER_LEASE
        self.held: dict[bytes, bytes] = {}

    def add(self, admitted: Admitted) -> None:
        if admitted.key is not None:
            self.held[admitted.token] = admitted.key

    def discard(self, admitted: Admitted) -> None:
        self.held.pop(admitted.token, None)

    def renewals(self) -> list[Call]:
        if self._ledger is None:
            return []
        return [
            Call(self._ledger.renew, (key, token, self._lease))
            for token, key in list(self.held.items())
        ]


class LoopRenewer:
    """Renews on the timer of one event loop."""

    def __init__(self, policy: Policy, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._leases = _Leases(policy)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, admitted: Admitted) -> None:
        """Renew the claim from now on."""
        self._leases.add(admitted)
        if self._timer is None and self._leases.held:
            self._timer = self.loop.call_later(self._leases.interval, self._strike)

    def discard(self, admitted: Admitted) -> None:
        """Renew it no more."""
        self._leases.discard(admitted)

    def _strike(self) -> None:
        self._timer = None
        if self._leases.held:
            self._timer = self.loop.call_later(self._leases.interval, self._strike)
        for call in self._leases.renewals():
            task = self.loop.create_task(_renew(call))
            self._tasks.add(task)  # or the loop, which holds tasks weakly, may lose it
            task.add_done_callback(self._tasks.discard)


async def _renew(call: Call) -> None:
    # A store that fails now may be back before the lease ends; if not, settling notes the loss.
    with contextlib.suppress(Exception):
        await call.perform()


class ThreadRenewer:
    """Renews on a daemon thread, which ends when nothing is held and starts again."""

    def __init__(self, policy: Policy) -> None:
        self._leases = _Leases(policy)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._never = threading.Event()

    def add(self, admitted: Admitted) -> None:
        """Renew the claim from now on."""
        with self._lock:
            self._leases.add(admitted)
            # After a fork the thread is there by name only.
            running = self._thread is not None and self._thread.is_alive()
            if self._leases.held and not running:
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="hookseal-renew"
                )
                self._thread.start()

    def discard(self, admitted: Admitted) -> None:
        """Renew it no more."""
        with self._lock:
            self._leases.discard(admitted)

    def _run(self) -> None:
        while True:
            self._never.wait(self._leases.interval)
            with self._lock:
                if not self._leases.held:
                    self._thread = None
                    return
                renewals = self._leases.renewals()
            for function, args in renewals:
                with contextlib.suppress(Exception):
                    function(*args)
