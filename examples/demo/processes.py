"""The sender and the receiver as processes: started, waited for, stopped."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

_START_SECONDS = 20
_STOP_SECONDS = 10
_PORTS = range(32_000, 32_768)  # below those that systems give to connections


class DemoError(Exception):
    """Something that the demo needs did not happen; the message says what."""


class Process:
    """One command of this project, its output kept in a log file."""

    def __init__(self, name: str, arguments: list[str], folder: Path, **environment: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        command = Path(sys.executable).with_name(name)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [command, *arguments],
                env={**os.environ, **environment},
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, port: int) -> None:
        """Wait until the process listens on ``port``."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise DemoError(f"{self.name} did not start; its log says:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End the process, politely first."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that no connection is given meanwhile."""
    ports: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise DemoError(f"no {count} ports from {_PORTS[0]} to {_PORTS[-1]} are free")
