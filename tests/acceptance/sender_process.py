"""A running ``hookseal-sender``, and an endpoint that answers when it is told to."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx2

PROGRAM = str(Path(sys.executable).with_name("hookseal-sender"))
PATIENCE = 30
"""Seconds that a process may take to start or stop on a busy machine."""


def run(
    *arguments: str, under: Sequence[str] = (), **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, ``under`` another if given.

    ``settings`` are HOOKSEAL_ variables without the prefix.
    """
    return subprocess.run(
        [*under, PROGRAM, *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with the settings, and no others of the sender."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKSEAL_")}
    return kept | {f"HOOKSEAL_{name.upper()}": value for name, value in settings.items()}


class Running:
    """A process that said it had started. ``url`` is where it listens, if it does."""

    def __init__(self, process: subprocess.Popen[str], said: list[str]) -> None:
        self.process = process
        self.said = said
        found = re.search(r"http://\S+", said[0]) if said else None
        self.url = found[0] if found else ""

    def stopped(self) -> tuple[int, str]:
        """Wait for the end; return the exit status and the error stream."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@contextlib.contextmanager
def running(*arguments: str, **settings: str) -> Iterator[Running]:
    """Run a command that serves, and kill it at the end if it has not ended by then."""
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            said = [process.stdout.readline()]
            if not said[0]:
                raise AssertionError(f"it did not start: {process.stderr.read()}")
            while "stop" not in said[-1]:
                said.append(process.stdout.readline())
            yield Running(process, said)
        finally:
            if process.poll() is None:
                process.kill()


class Endpoint:
    """A customer's endpoint: it holds every request until :attr:`answers` is set."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = threading.Event()
        self.bodies: list[bytes] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server asks for
                body = self.rfile.read(int(self.headers["content-length"]))
                endpoint.asked.set()
                endpoint.answers.wait(PATIENCE)
                endpoint.bodies.append(body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler

    @contextlib.contextmanager
    def serving(self) -> Iterator[Endpoint]:
        """Serve while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.answers.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def publish_to(endpoint: Endpoint, api: str, token: str) -> str:
    """Make an application with that endpoint and publish to it; return the application's id."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=f"{api}/api/v1", headers=headers, trust_env=False) as client:
        app_id: str = _made(client.post("/app", json={"name": "ACME"}))
        _made(client.post(f"/app/{app_id}/endpoint", json={"name": "x", "url": endpoint.url}))
        message = {"eventType": "order.paid", "payload": {"id": 17}}
        _made(client.post(f"/app/{app_id}/msg", json=message))
    return app_id


def _made(response: httpx2.Response) -> str:
    assert response.is_success, response.text
    made: str = response.json()["id"]
    return made
