"""The sink's process, and what it tells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.ports import free_port

from .processes import Process, listens, plain_environment, until

_PATIENCE = 20


class Sink:
    """Endpoints of every kind, in a process of their own; see :mod:`.sink`."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = Process(
            [sys.executable, "-m", "tests.acceptance.sender.sink", str(port)],
            folder / "sink.log",
            plain_environment(),
            lambda: listens(port),
        )
        self._client = httpx2.Client(base_url=self.url, timeout=_PATIENCE)

    def total(self) -> dict[str, int]:
        """Return how many ``requests`` came, and how many of them were ``distinct``."""
        total: dict[str, int] = self._tell("/total")
        return total

    def received(self) -> dict[str, dict[str, int]]:
        """Return how often each webhook-id came to each path."""
        received: dict[str, dict[str, int]] = self._tell("/received")
        return received

    def seconds(self, name: str) -> list[float]:
        """Return how long each delivery to /timed/NAME took since it was published."""
        seconds: list[float] = self._tell(f"/seconds/{name}")
        return seconds

    def kept(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for ``count`` deliveries to /keep/NAME and return them, as they came."""
        for _ in until(_PATIENCE, f"{count} deliveries came to {name}"):
            kept: list[dict[str, Any]] = self._tell(f"/kept/{name}")
            if len(kept) >= count:
                return kept
        raise AssertionError

    def close(self) -> None:
        self._client.close()
        self._process.close()

    def _tell(self, path: str) -> Any:
        return self._client.get(path).json()
