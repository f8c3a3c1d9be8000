"""Handled once: claiming an event, replaying a finished one, settling how the handler ended.

Knows what each state of the ledger means for a request. Must not know how a store works, nor what
came before the event was verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, cast

from hookseal.body import fingerprint
from hookseal.effects import Admitted, Admitting, Call, Effect, Pause, Settling
from hookseal.errors import (
    DeliveryConflict,
    DeliveryInFlight,
    LedgerUnavailable,
    SourceRateLimited,
    WebhookError,
)
from hookseal.ledger import Claimed, Done, InFlight, Ledger, Outcome, Reply
from hookseal.tokens import new_token

if TYPE_CHECKING:
    from hookseal.observe import NoteName, Notes
    from hookseal.policy import Policy
    from hookseal.ratelimit import AnyBudget
    from hookseal.sources import SourceKeys
    from hookseal.verify import WebhookEvent

__all__ = ["Claims"]

_RETRY_SOON = {"retry-after": "5"}
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.25
_SUCCESS = range(200, 300)
_REPLAYED = (b"webhook-replayed", b"true")


class Claims:
    """The last steps of the pipeline, over one ledger and one source budget."""

    def __init__(self, policy: Policy, notes: Notes, budget: AnyBudget | None) -> None:
        self._policy = policy
        # Opened by now; whether it is sync or async is the face's concern.
        self._ledger = cast("Ledger | None", policy.ledger)
        self._budget = budget
        self._notes = notes
        reporting = policy.mode == "report"
        self._pauses = (*_pauses(0 if reporting else policy.in_flight_wait), None)
        self._replayed: NoteName = "would_reply" if reporting else "replayed"
        self._in_flight = (
            DeliveryConflict
            if policy.in_flight_status == DeliveryConflict.status_hint
            else DeliveryInFlight
        )

    def take(self, event: WebhookEvent, keys: SourceKeys) -> Admitting:
        """Claim ``event``, then spend the source's budget: a replay is answered for nothing."""
        ledger, key, token, attempt = self._ledger, None, b"", 1
        if ledger is not None:
            unsigned = b"" if self._policy.scheme.id_signed else _digest(event)
            key, token = keys.ledger_key(event.id, unsigned), new_token()
            outcome = yield from self._claim(ledger, key, token, event)
            if isinstance(outcome, Done):
                return self._replay(event, outcome)
            attempt = outcome.attempt
        if self._budget is not None:
            wait = yield Call(self._budget.hit, keys.budget_key)
            if wait is not None:
                if ledger is not None and key is not None:
                    yield from self._hand_back(ledger, key, token, event)
                raise SourceRateLimited(fields=self._budget.fields(wait))
        if attempt > 1:
            event = event._replace(attempt=attempt)
        self._notes.event("accepted", event)
        return Admitted(event, key, token, self._notes.clock())

    def watch(self, event: WebhookEvent, keys: SourceKeys) -> Admitting:
        """Decide as :meth:`take` does and admit ``event`` all the same, unclaimed if need be."""
        try:
            verdict = yield from self.take(event, keys)
        except WebhookError as error:
            self._notes.event("would_reject", event, code=error.code, detail=error.detail)
            return Admitted(event, None, b"", self._notes.clock())
        if isinstance(verdict, Admitted):
            return verdict
        return Admitted(event, None, b"", self._notes.clock())

    def settle(self, admitted: Admitted, reply: Reply | None) -> Settling:
        """Complete the claim of a good ``reply``, release that of any other end.

        Never raises: a good reply stays good, whatever the store does.
        """
        ledger, key, token = self._ledger, admitted.key, admitted.token
        good = reply is not None and reply.status in _SUCCESS
        name: NoteName = "completed" if good else "released"
        detail = ""
        if ledger is not None and key is not None:
            try:
                if reply is None or not good:
                    yield Call(ledger.release, key, token)
                elif not (yield Call(ledger.complete, key, token, reply, self._policy.retention)):
                    name = "lease_lost"
            except GeneratorExit:  # the event loop ended while the store was asked
                self.abandon(admitted)
                raise
            except Exception as error:  # noqa: BLE001 # stores raise whatever their clients raise
                name, detail = "settle_failed", type(error).__name__
        self._notes.event(name, admitted.event, detail=detail, since=admitted.since)

    def abandon(self, admitted: Admitted) -> None:
        """Leave the claim as it is, until its lease ends."""
        since = admitted.since
        self._notes.event("settle_failed", admitted.event, detail="Cancelled", since=since)

    def _claim(
        self, ledger: Ledger, key: bytes, token: bytes, event: WebhookEvent
    ) -> Generator[Effect, Any, Claimed | Done]:
        """Claim ``key``; while another request handles it, wait a little for its reply."""
        claim = Call(ledger.claim, key, token, self._policy.lease, fingerprint(event.body))
        for pause in self._pauses:
            try:
                outcome: Outcome = yield claim
            except Exception as error:
                self._notes.event("ledger_failed", event, detail=type(error).__name__)
                raise LedgerUnavailable(fields=_RETRY_SOON) from error
            if not isinstance(outcome, InFlight):
                return outcome
            if pause is not None:
                yield Pause(pause)
        raise self._in_flight(fields=_RETRY_SOON)

    def _hand_back(self, ledger: Ledger, key: bytes, token: bytes, event: WebhookEvent) -> Settling:
        """Release a claim that came to no run; a store that fails here has its lease run out."""
        try:
            yield Call(ledger.release, key, token)
        except Exception as error:  # noqa: BLE001 # stores raise whatever their clients raise
            self._notes.event("settle_failed", event, detail=type(error).__name__)

    def _replay(self, event: WebhookEvent, done: Done) -> Reply:
        if done.fingerprint != fingerprint(event.body):
            self._notes.event("body_changed", event)
        self._notes.event(self._replayed, event)
        return done.reply._replace(headers=(*done.reply.headers, _REPLAYED))


def _pauses(total: float) -> Iterable[float]:
    """Return growing pauses that add up to ``total`` seconds."""
    pause = _FIRST_PAUSE_SECONDS
    while total > 0:
        yield min(pause, total)
        total -= pause
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _digest(event: WebhookEvent) -> bytes:
    """Return what tells events apart where the signature does not cover the id."""
    return hashlib.sha256(event.body).digest()
