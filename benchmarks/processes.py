"""Processes that are measured: the sender as its users run it, and what a process has used.

Knows its commands and settings, and the system's account of a process. Must not know what is sent.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import on_core

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Listening",
    "Sender",
    "family_cpu_seconds",
    "free_port",
    "peak_mib",
    "sender",
    "wait_for",
]

_COMMAND = Path(sys.executable).with_name("hookseal-sender")
_START_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Listening:
    """A process that listens on a port of this machine."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time it has used, nan where the system does not tell."""
        return sum(_cpu_seconds(self.pid)[:2])


@dataclass(frozen=True, slots=True)
class Sender:
    """A running sender: the process with the API, the one that delivers, and a token for the first.

    They are the same process unless it is split.
    """

    api: Listening
    worker: Listening
    token: str


def family_cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and of all that it has started.

    It is nan where the system does not tell.
    """
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_cpu_seconds(pid)) + sum(family_cpu_seconds(int(each)) for each in children)
    return float("nan")


def _cpu_seconds(pid: int) -> list[float]:
    """Return the time as user and as system, and that of the children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [float("nan")]
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]


def peak_mib(pid: int) -> float:
    """Return the most memory that a process has held, nan where the system does not tell.

    Not ``ru_maxrss``: that begins with what the parent held.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return float("nan")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextlib.contextmanager
def sender(
    database_url: str, settings: Mapping[str, str] | None = None, *, split: bool = False
) -> Iterator[Sender]:
    """Run a sender on a new database: ``serve`` on core 1, or ``worker`` there and ``api`` on 0.

    ``settings`` are environment variables beside those it needs.
    """
    environment = os.environ | {
        "HOOKSEAL_DATABASE_URL": database_url,
        "HOOKSEAL_ALLOW_NETWORKS": "127.0.0.0/8",
        "HOOKSEAL_API_RATE_LIMIT": "",
        "HOOKSEAL_TOKEN_KEY": secrets.token_urlsafe(32),
        "HOOKSEAL_ENCRYPTION_KEY": secrets.token_urlsafe(32),
        "HOOKSEAL_LOG_LEVEL": "error",
        **(settings or {}),
    }
    with contextlib.ExitStack() as running:
        if split:
            subprocess.run(
                [_COMMAND, "migrate"], env=environment, stdout=subprocess.DEVNULL, check=True
            )
            api = running.enter_context(_running(["api", "--port"], 0, environment))
            worker = running.enter_context(_running(["worker", "--metrics-port"], 1, environment))
        else:
            api = worker = running.enter_context(_running(["serve", "--port"], 1, environment))
        token = subprocess.check_output([_COMMAND, "token"], env=environment, text=True)
        yield Sender(api, worker, token.split()[-1])


@contextlib.contextmanager
def _running(
    arguments: list[str], core: int, environment: Mapping[str, str]
) -> Iterator[Listening]:
    port = free_port()
    with on_core(core):
        process = subprocess.Popen(
            [_COMMAND, *arguments, str(port)], env=environment, stdout=subprocess.DEVNULL
        )
    try:
        wait_for(port)
        yield Listening(port, process.pid)
    finally:
        process.kill()  # requests that hang would keep it
        process.wait()


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Return once something listens on the port; OSError if nothing does for long."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
