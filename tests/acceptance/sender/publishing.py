"""Publishers that go on while the sender dies under them."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import httpx2

from .running import Api, caller

EVENT = "survival.tick"
_ACCEPTED = 202
_PAUSE_SECONDS = 0.05
_AHEAD = 150
"""Messages that publishing may be ahead of delivering, so that both go on to the end."""
_THREADS = 8


class Publishers:
    """Several threads that publish until ``wanted`` messages were accepted, or the block ends.

    A publish that was not answered with 2xx is not repeated: the next one is another event.
    """

    def __init__(self, apis: Sequence[Api], token: str, app_id: str, wanted: int) -> None:
        self._apis = apis
        self._token = token
        self._path = f"/app/{app_id}/msg"
        self._wanted = wanted
        self._allowed = _AHEAD
        self._events = itertools.count()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_THREADS)
        self._running: list[Future[None]] = []
        self.accepted: set[str] = set()
        """The ids of the messages that were answered with 202."""
        self.refused = 0
        """How many were answered otherwise, or not at all."""

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._publish) for _ in range(_THREADS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted = 0
        self._pool.shutdown()

    def keep_up_with(self, delivered: float) -> None:
        """Go on, now that so many messages have arrived everywhere."""
        self._allowed = int(delivered) + _AHEAD

    def join(self) -> None:
        """Wait until they have ended; raise what went wrong in one."""
        for thread in self._running:
            thread.result()

    def _publish(self) -> None:
        chosen = random.choice(self._apis)  # no secret
        while len(self.accepted) < self._wanted:
            with caller(chosen.url, self._token) as client:
                self._publish_through(client)
            chosen = random.choice(self._apis)  # likewise
            time.sleep(_PAUSE_SECONDS)

    def _publish_through(self, client: httpx2.Client) -> None:
        """Publish until it is enough or one fails."""
        while len(self.accepted) < self._wanted:
            if len(self.accepted) >= self._allowed:
                time.sleep(_PAUSE_SECONDS)
                continue
            number = next(self._events)
            event = {"eventType": EVENT, "eventId": f"evt_{number}", "payload": {"number": number}}
            try:
                response = client.post(self._path, json=event)
            except httpx2.TransportError:
                response = None
            if response is None or response.status_code != _ACCEPTED:
                assert response is None or response.status_code >= 500, response.text
                with self._lock:
                    self.refused += 1
                return
            with self._lock:
                self.accepted.add(response.json()["id"])
