"""Claims that are renewed while handlers run.

Knows which claims are held and the two timers that renew them: an event loop's and a thread. Must
not know requests. Either timer runs only while something is held, and there is one however many
requests there are, so that a quick handler pays for a dictionary entry and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from hookseal.effects import Admitted, Call

if TYPE_CHECKING:
    from hookseal.ledger import Ledger
    from hookseal.policy import Policy

__all__ = ["LoopRenewer", "ThreadRenewer"]

_RENEWALS_PER_LEASE = 3


class _Leases:
    """The claims of one endpoint that are held now."""

    def __init__(self, policy: Policy) -> None:
        self._ledger = policy.ledger
        self._lease = policy.lease
        self._interval = policy.lease / _RENEWALS_PER_LEASE
        self._held: dict[bytes, bytes] = {}

    def _renewals(self) -> list[Callable[[], Any]]:
        ledger = cast("Ledger", self._ledger)  # there is one, or nothing would be held
        held = list(self._held.items())
        return [Call(ledger.renew, key, token, self._lease) for token, key in held]


class LoopRenewer(_Leases):
    """Renews on the timer of one event loop."""

    def __init__(self, policy: Policy, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(policy)
        self.loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def here(cls, last: LoopRenewer | None, policy: Policy) -> LoopRenewer:
        """Return ``last`` if it is the running loop's, else a new one."""
        loop = asyncio.get_running_loop()
        return last if last is not None and last.loop is loop else cls(policy, loop)

    def add(self, admitted: Admitted) -> None:
        """Renew the claim from now on."""
        if admitted.key is not None:
            self._held[admitted.token] = admitted.key
            if self._timer is None:
                self._timer = self.loop.call_later(self._interval, self._strike)

    def discard(self, admitted: Admitted) -> None:
        """Renew it no more."""
        self._held.pop(admitted.token, None)

    def _strike(self) -> None:
        self._timer = None
        if self._held:
            self._timer = self.loop.call_later(self._interval, self._strike)
        for call in self._renewals():
            task = self.loop.create_task(_renew(call))
            self._tasks.add(task)  # or the loop, which holds tasks weakly, may lose it
            task.add_done_callback(self._tasks.discard)


async def _renew(call: Callable[[], Any]) -> None:
    # A store that fails now may be back before the lease ends; if not, settling notes the loss.
    with contextlib.suppress(Exception):
        renewed = call()
        if hasattr(renewed, "__await__"):
            await renewed


class ThreadRenewer(_Leases):
    """Renews on a daemon thread, which ends when nothing is held and starts again."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._never = threading.Event()

    def add(self, admitted: Admitted) -> None:
        """Renew the claim from now on."""
        if admitted.key is None:
            return
        with self._lock:
            self._held[admitted.token] = admitted.key
            # After a fork the thread is there by name only.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="hookseal-renew"
                )
                self._thread.start()

    def discard(self, admitted: Admitted) -> None:
        """Renew it no more."""
        with self._lock:
            self._held.pop(admitted.token, None)

    def _run(self) -> None:
        while True:
            self._never.wait(self._interval)
            with self._lock:
                if not self._held:
                    self._thread = None
                    return
                renewals = self._renewals()
            for call in renewals:
                with contextlib.suppress(Exception):
                    call()
