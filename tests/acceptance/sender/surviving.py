"""A trial: publish to many endpoints while parts of the sender die, then compare the books."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx2

from .inspecting import books
from .processes import Process, until
from .publishing import EVENT, Publishers
from .receiving import Sink
from .running import Api, Sender, caller

ENDPOINTS = 20
REQUEST_TIMEOUT = 2
MAX_IN_FLIGHT = 100
_PATIENCE_SECONDS = 60
"""Without any progress; longer than a lease."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Something dies and comes back. ``repeats`` bounds the deliveries that this can repeat."""

    name: str
    strike: Callable[[], None]
    repeats: int = 0


def kill(process: Process, *, delivers: bool) -> Blow:
    """Return kill -9 of a process, and its restart."""

    def strike() -> None:
        process.kill()
        process.start()
        process.wait_until_ready()

    return Blow(name=process.log.stem, strike=strike, repeats=MAX_IN_FLIGHT if delivers else 0)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial showed, for people."""

    accepted: int
    refused: int
    stored: int
    repeated: int
    bound: int
    blows: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.accepted} accepted, {self.refused} cut off or refused, {self.stored} stored "
            f"and delivered to {ENDPOINTS} endpoints each; {self.repeated} deliveries repeated "
            f"(at most {self.bound}) after {self.blows} blows; {self.seconds:.0f} s"
        )


class Trial:
    """One application with its endpoints, at a sender with one or several API processes."""

    def __init__(self, sender: Sender, apis: Sequence[Api], sink: Sink) -> None:
        self._apis = apis
        self._sink = sink
        self._token = sender.token()
        self._database_url = sender.database_url
        with caller(apis[0].url, self._token) as api:
            self._app_id: str = _created(api, "/app", name="Survival")
            _created(api, "/event-type", name=EVENT, description="One of many")
            self._endpoints = [
                _created(api, f"/app/{self._app_id}/endpoint", url=f"{sink.url}/ok/{number}")
                for number in range(ENDPOINTS)
            ]

    def run(self, messages: int, blows: Sequence[Blow]) -> Outcome:
        """Publish under ``blows``, wait until all is quiet, and compare what came."""
        begun = time.monotonic()
        with Publishers(self._apis, self._token, self._app_id, messages) as publishers:
            self._strike(blows, publishers, messages * ENDPOINTS)
            self._wait_for(messages * ENDPOINTS, publishers)
            publishers.join()
            self._wait_for(len(publishers.accepted) * ENDPOINTS, publishers)
        stored = self._settle()

        assert publishers.accepted <= stored, "accepted, and lost"
        received = self._sink.received()
        assert len(received) == ENDPOINTS
        for path, counts in received.items():
            assert counts.keys() == stored, f"{path} did not get each message, or got another"
        repeated = self._sink.total()["requests"] - len(stored) * ENDPOINTS
        outcome = Outcome(
            accepted=len(publishers.accepted),
            refused=publishers.refused,
            stored=len(stored),
            repeated=repeated,
            bound=sum(blow.repeats for blow in blows),
            blows=len(blows),
            seconds=time.monotonic() - begun,
        )
        self._compare_books(outcome)
        return outcome

    def _strike(self, blows: Sequence[Blow], publishers: Publishers, deliveries: int) -> None:
        """Let the blows fall at random moments between the first delivery and the last."""
        moments = sorted(random.uniform(0.03, 0.8) * deliveries for _ in blows)
        for moment, blow in zip(moments, blows, strict=True):
            self._wait_for(moment, publishers)
            blow.strike()

    def _wait_for(self, deliveries: float, publishers: Publishers) -> None:
        """Wait until so many came; fail where none has come for long."""
        seen = -1
        while seen < deliveries:
            for _ in until(_PATIENCE_SECONDS, f"{deliveries:.0f} came after {seen}", _POLL_SECONDS):
                now = self._sink.total()["distinct"]
                if now > seen:
                    break
            seen = now
            publishers.keep_up_with(seen / ENDPOINTS)

    def _settle(self) -> set[str]:
        """Wait until nothing is under way; return the ids of all messages that the sender has."""
        with caller(self._apis[0].url, self._token) as api:
            for endpoint_id in self._endpoints:
                path = f"/app/{self._app_id}/endpoint/{endpoint_id}/stats"
                for _ in until(_PATIENCE_SECONDS, f"{endpoint_id} has got all", _POLL_SECONDS):
                    stats = api.get(path).json()
                    if stats["pending"] == stats["sending"] == 0:
                        break
            return set(self._messages(api))

    def _messages(self, api: httpx2.Client) -> Iterator[str]:
        params: dict[str, str] = {"limit": "250", "with_content": "false"}
        while True:
            page = api.get(f"/app/{self._app_id}/msg", params=params).json()
            yield from (message["id"] for message in page["data"])
            if page["done"]:
                return
            params["iterator"] = page["iterator"]

    def _compare_books(self, outcome: Outcome) -> None:
        found = books(self._database_url)
        assert found.deliveries == found.succeeded == outcome.stored * ENDPOINTS
        assert found.attempts == found.attempts_apart == found.attempts_counted
        assert found.deliveries <= found.attempts <= found.deliveries + outcome.repeated
        assert outcome.repeated <= outcome.bound + found.attempts_failed


def _created(api: httpx2.Client, path: str, **fields: object) -> str:
    response = api.post(path, json=fields)
    assert response.status_code == 201, response.text
    made: str = response.json().get("id", "")
    return made
