"""Worker processes that are killed and come back, and a sender that keeps trying."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2

from hookseal import Signer, generate_secret
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
LEASE_SECONDS = 1.0
_READY_SECONDS = 20


class Worker:
    """One receiver process on a port of its own; started again when it is dead."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self._environment = environment
        self._log = log.open("ab")
        self._lock = threading.Lock()
        self._process = self._start()

    def revive(self) -> None:
        """Start the process again if it is dead."""
        with self._lock:
            if self._process.poll() is not None:
                self._process = self._start()

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        server = "tests.acceptance.survival.server:app"
        options = ["--port", str(self.port), "--lifespan", "off", "--log-level", "critical"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", server, *options],
            cwd=ROOT,
            env={**os.environ, **self._environment},
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return process
            if process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the worker did not start: {Path(self._log.name).read_text()}")


class Cluster:
    """Two workers on one ledger, and what a sender does with them."""

    def __init__(self, ledger: str, folder: Path, *, inbox: bool) -> None:
        secret = generate_secret()
        self._database = folder / "effects.db"
        self._signer = Signer(secret)
        environment = {
            "SURVIVAL_LEDGER": ledger,
            "SURVIVAL_DATABASE": str(self._database),
            "SURVIVAL_SECRET": secret,
            "SURVIVAL_INBOX": str(int(inbox)),
            "SURVIVAL_LEASE": str(LEASE_SECONDS),
        }
        self.workers = [Worker(environment, folder / "worker.log") for _ in range(2)]

    def send(self, worker: Worker, event_id: str, client: httpx2.Client, **payload: object) -> int:
        """Deliver once; return the status, 0 where the worker died over it."""
        body = json.dumps(payload).encode()
        headers = self._signer.headers(event_id, int(time.time()), body)
        try:
            response = client.post(
                f"http://127.0.0.1:{worker.port}/", content=body, headers=headers
            )
        except httpx2.HTTPError:
            worker.revive()
            return 0
        return response.status_code

    def send_until_taken(
        self, worker: Worker, event_id: str, client: httpx2.Client, **payload: object
    ) -> float:
        """Deliver again and again; return how long it took, in seconds."""
        begun = time.monotonic()
        while self.send(worker, event_id, client, **payload) != 200:
            assert time.monotonic() < begun + 20, "the event stays claimed"
        return time.monotonic() - begun

    def send_until_dead(
        self, worker: Worker, event_id: str, client: httpx2.Client, **payload: object
    ) -> None:
        """Deliver what the worker dies over; again where its store was too slow for it."""
        begun = time.monotonic()
        while (status := self.send(worker, event_id, client, **payload)) != 0:
            assert status == 503
            assert time.monotonic() < begun + 20, "the store stays too slow"

    def effects(self) -> Counter[str]:
        """Return how often each event took effect."""
        with contextlib.closing(sqlite3.connect(self._database, timeout=10)) as database:
            return Counter(row[0] for row in database.execute("SELECT event FROM effect"))

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


@contextlib.contextmanager
def cluster(ledger: str, folder: Path, *, inbox: bool) -> Iterator[Cluster]:
    """Run two workers on ``ledger``."""
    running = Cluster(ledger, folder, inbox=inbox)
    try:
        yield running
    finally:
        running.close()
