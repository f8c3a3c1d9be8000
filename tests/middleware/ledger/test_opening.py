"""Which ledger a URL names, and what is said where it names none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hookseal import ConfigError
from hookseal.ledger import MemoryLedger, open_ledger
from hookseal.ledger.sqlite import AsyncSQLiteLedger, SQLiteLedger
from hookseal.ledger.threads import InThread
from tests.stores import servers

BOTH = pytest.mark.parametrize("asynchronous", [False, True])


@BOTH
def test_memory(asynchronous):
    assert isinstance(open_ledger("memory://", asynchronous=asynchronous), MemoryLedger)


@pytest.mark.parametrize(
    ("asynchronous", "kind"), [(False, SQLiteLedger), (True, AsyncSQLiteLedger)]
)
def test_sqlite_by_absolute_path(tmp_path, asynchronous, kind):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", asynchronous=asynchronous)

    assert type(ledger) is kind
    assert getattr(ledger, "ledger", ledger).path == tmp_path / "ledger.db"


def test_sqlite_by_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = open_ledger("sqlite:///ledger.db", asynchronous=False)
    monkeypatch.chdir("/")

    assert ledger.path == tmp_path / "ledger.db"


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys", "Redis"])
def test_redis(scheme):
    kind = servers.needs("hookseal.ledger.redis").RedisLedger

    assert type(open_ledger(f"{scheme}://localhost:1/2", asynchronous=False)) is kind


def test_redis_async():
    kind = servers.needs("hookseal.ledger.redis").AsyncRedisLedger

    assert type(open_ledger("unix:///x.sock", asynchronous=True)) is kind


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_postgresql(scheme):
    sql = servers.needs("hookseal.ledger.sql", "psycopg", "greenlet")

    assert type(open_ledger(f"{scheme}://h/d", asynchronous=False)) is sql.SQLLedger
    assert type(open_ledger(f"{scheme}://h/d", asynchronous=True)) is sql.AsyncSQLLedger


@BOTH
@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mysql://root:hunter2@h/d", "mysql://..."),
        ("hunter2", "text without '://'"),
        ("redis:hunter2", "text without '://'"),
        ("memory://hunter2", "memory://..."),
        ("", "text without '://'"),
    ],
)
def test_an_unknown_url_says_what_to_write_and_not_what_was_secret(url, found, asynchronous):
    with pytest.raises(ConfigError) as caught:
        open_ledger(url, asynchronous=asynchronous)

    text = str(caught.value)
    assert text.startswith(f"ledger: found {found}. Write one of: memory://, sqlite:///path")
    assert "hunter2" not in text


@pytest.mark.parametrize("url", ["sqlite://ledger.db", "sqlite:///", "sqlite://"])
def test_a_sqlite_url_without_a_file_is_refused(url):
    with pytest.raises(ConfigError, match=r"^ledger: .*sqlite:////"):
        open_ledger(url, asynchronous=False)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("redis://h", "redis", "hookseal[redis]"),
        ("postgresql://h/d", "sqlalchemy", "hookseal[sql]"),
    ],
)
def test_a_missing_extra_says_what_to_install(monkeypatch, url, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    for name in list(sys.modules):
        if name.startswith(("hookseal.ledger.redis", "hookseal.ledger.sql.", f"{module}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "hookseal.ledger.sql", raising=False)

    with pytest.raises(ConfigError, match=r"^ledger: .* needs .*pip install") as caught:
        open_ledger(url, asynchronous=False)
    assert f"pip install '{extra}'" in str(caught.value)


def test_a_ready_ledger_is_given_back():
    ledger = MemoryLedger()

    assert open_ledger(ledger, asynchronous=True) is ledger
    assert open_ledger(ledger, asynchronous=False) is ledger


def test_one_that_blocks_is_kept_off_the_event_loop(tmp_path):
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    wrapped = open_ledger(ledger, asynchronous=True)

    assert isinstance(wrapped, InThread)
    assert wrapped.ledger is ledger
    assert open_ledger(ledger, asynchronous=False) is ledger
    assert open_ledger(wrapped, asynchronous=True) is wrapped


def test_an_async_one_is_refused_where_nothing_awaits():
    with pytest.raises(ConfigError, match="ledger: the store is async"):
        open_ledger(InThread(MemoryLedger()), asynchronous=False)


def test_importing_hookseal_brings_no_store():
    code = "import sys, hookseal, hookseal.asgi, hookseal.wsgi; print(*sys.modules)"
    unmeasured = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=unmeasured
    )
    loaded = {name.partition(".")[0] for name in output.stdout.split()}

    assert not loaded & {"redis", "sqlalchemy", "sqlite3", "psycopg", "asyncpg"}
