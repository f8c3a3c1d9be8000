"""A sender's processes, as its operator starts them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.ports import free_port

from .processes import Process, listens, plain_environment

COMMAND = Path(sys.executable).with_name("hookseal-sender")
_TIMEOUT = 30


class Api(Process):
    """A process that serves the API: ``serve`` or ``api``."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Sender:
    """One sender: its settings, and processes that come and go."""

    def __init__(self, database_url: str, folder: Path, **settings: object) -> None:
        self.database_url = database_url
        self._folder = folder
        self._stack = ExitStack()
        self._started = 0
        keys = {} if database_url.startswith("sqlite") else _new_keys()
        chosen = {"database_url": database_url, "allow_networks": "127.0.0.0/8", **settings}
        self._environment = plain_environment() | keys
        self._environment |= {f"HOOKSEAL_{key.upper()}": str(chosen[key]) for key in chosen}

    def serve(self) -> Api:
        """Start API and worker in one process."""
        return self._listening("serve")

    def api(self) -> Api:
        return self._listening("api")

    def worker(self) -> Process:
        return self._start(Process, "worker")

    def migrate(self) -> None:
        self.run("migrate")

    def token(self, *arguments: str) -> str:
        """Return a new token: the last word that the command prints."""
        return self.run("token", *arguments).split()[-1]

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        self._stack.close()

    def _listening(self, command: str) -> Api:
        port = free_port()
        api = self._start(Api, command, "--port", str(port), is_ready=lambda: listens(port))
        api.port = port
        return api

    def _start(self, kind: Any, *arguments: str, **options: Any) -> Any:
        self._started += 1
        log = self._folder / f"{arguments[0]}-{self._started}.log"
        process = kind([COMMAND, *arguments], log, self._environment, **options)
        self._stack.callback(process.close)
        return process


@contextmanager
def caller(url: str, token: str) -> Iterator[httpx2.Client]:
    """Yield a client of the API, for what no SDK is needed for."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT) as client:
        yield client


def _new_keys() -> dict[str, str]:
    """Return what processes that share a database server must share too."""
    names = ("HOOKSEAL_TOKEN_KEY", "HOOKSEAL_ENCRYPTION_KEY")
    return {name: secrets.token_urlsafe(32) for name in names}
