"""Real servers as child processes, one a session each."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.middleware.hostile.delivery import KEY, OLD_KEY, OTHER_KEY, secret
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
ASGI_APP = "tests.acceptance.servers.apps:asgi_app"
WSGI_APP = "tests.acceptance.servers.apps:wsgi_app"
START_SECONDS = 20
_POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server, how it is started, and what of HTTP it leaves to the app."""

    name: str
    face: str
    arguments: tuple[str, ...]
    """Of ``python``; {port} stands for the port."""
    module: str
    takes_chunked: bool = True
    gives_body_as_it_comes: bool = True
    """Whether the app is called before the body is whole."""

    def __str__(self):
        return self.name


def _gunicorn(name, *arguments):
    return Server(
        name=name,
        face="wsgi",
        module="gunicorn",
        arguments=(
            *("-m", "gunicorn", "-c", "tests/acceptance/servers/gunicorn_conf.py"),
            *("-b", "127.0.0.1:{port}", *arguments, WSGI_APP),
        ),
    )


def _granian(face, app, *arguments):
    return Server(
        name=f"granian-{face}",
        face=face,
        module="granian",
        arguments=(
            *("-m", "granian", "--interface", face, "--host", "127.0.0.1", "--port", "{port}"),
            *("--workers", "1", *arguments, app),
        ),
    )


SERVERS = (
    Server(
        name="uvicorn",
        face="asgi",
        module="uvicorn",
        arguments=(
            *("-m", "uvicorn", ASGI_APP, "--port", "{port}"),
            *("--no-proxy-headers", "--no-access-log", "--http", "httptools"),
        ),
    ),
    Server(
        name="uvicorn-h11",
        face="asgi",
        module="uvicorn",
        arguments=(
            *("-m", "uvicorn", ASGI_APP, "--port", "{port}"),
            *("--no-proxy-headers", "--no-access-log", "--http", "h11"),
        ),
    ),
    _granian("asgi", ASGI_APP),
    _granian("wsgi", WSGI_APP, "--blocking-threads", "4"),
    _gunicorn("gunicorn-sync", "-k", "sync"),
    _gunicorn("gunicorn-gthread", "-k", "gthread", "--threads", "64"),
    Server(
        name="wsgiref",
        face="wsgi",
        module="wsgiref",
        arguments=("-m", "tests.acceptance.servers.run_wsgiref", "{port}"),
        takes_chunked=False,
    ),
    Server(
        name="waitress",
        face="wsgi",
        module="waitress",
        arguments=(
            *("-m", "waitress", "--listen", "127.0.0.1:{port}", "--threads", "4"),
            # It reads a body whole before it calls the app, up to 1 GiB unless told otherwise.
            *("--max-request-body-size", "2097152"),
            *("--no-clear-untrusted-proxy-headers", WSGI_APP),
        ),
        gives_body_as_it_comes=False,
    ),
)
BY_NAME = {server.name: server for server in SERVERS}


@dataclass(frozen=True)
class Running:
    server: Server
    port: int
    log: Path


def require(server):
    """Skip where the server is not installed; in CI every one must be."""
    if importlib.util.find_spec(server.module) is None:
        why = f"{server.module} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@contextlib.contextmanager
def running(server, folder):
    require(server)
    port = free_port()
    log = folder / f"{server.name}.log"
    command = [sys.executable, *(part.format(port=port) for part in server.arguments)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process,
    ):
        try:
            _wait_until_it_accepts(process, port, log)
            yield Running(server, port, log)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
    _check_what_was_logged(log)


def _check_what_was_logged(log):
    """Whatever the cases were: nothing failed, and no key was written down."""
    logged = log.read_text("utf-8", "replace")
    assert "Traceback" not in logged
    assert not [key for key in (KEY, OLD_KEY, OTHER_KEY) if secret(key)[6:] in logged]


def _wait_until_it_accepts(process, port, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"it ended with {process.wait(_POLL_SECONDS)}:\n{log.read_text()}")
    pytest.fail(f"it did not start in {START_SECONDS} seconds:\n{log.read_text()}")
