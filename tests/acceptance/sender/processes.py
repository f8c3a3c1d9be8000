"""Processes that are started, killed and started again, and what they said."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
START_SECONDS = 60
_STOP_SECONDS = 30
_POLL_SECONDS = 0.02

LOGS: dict[Path, None] = {}
"""The logs of what was started and was not closed, shown when a test fails."""


class Process:
    """A command that runs. Its output goes to a log that all its lives share."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._command = command
        self._environment = environment
        self._is_ready = is_ready
        self._log = log.open("ab")
        self._process: subprocess.Popen[bytes]
        LOGS[log] = None
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self._end()
            raise

    @property
    def log(self) -> Path:
        return Path(self._log.name)

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def wait_until_ready(self) -> None:
        for _ in until(START_SECONDS, f"{self.log.name} is ready"):
            assert self._process.poll() is None, f"it ended: {self.log.read_text()}"
            if self._is_ready():
                return

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self._process.terminate()
        return self._process.wait(_STOP_SECONDS)

    def close(self) -> None:
        """Let go of it, however it is."""
        try:
            if self._process.poll() is None:
                self.stop()
        finally:
            self._end()
            LOGS.pop(self.log)

    def _end(self) -> None:
        self.kill()
        self._log.close()


def until(seconds: float, what: str, every: float = _POLL_SECONDS) -> Iterator[float]:
    """Yield the seconds that have gone by, again and again; fail when it takes too long."""
    begun = time.monotonic()
    while (gone := time.monotonic() - begun) < seconds:
        yield gone
        time.sleep(every)
    raise AssertionError(f"waited {seconds:g} s in vain until {what}")


def listens(port: int) -> bool:
    """Tell whether somebody listens at the port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def plain_environment() -> dict[str, str]:
    """Return the environment without settings of a sender."""
    return {name: value for name, value in os.environ.items() if not _is_setting(name)}


def _is_setting(name: str) -> bool:
    return name.startswith("HOOKSEAL_") and not name.startswith("HOOKSEAL_SURVIVAL")
