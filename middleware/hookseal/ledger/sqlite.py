"""The ledger in one SQLite file: durable, for the processes of one machine.

Knows SQL and SQLite's ways. Needs nothing but the standard library. Every transition is one
transaction that has the write lock before it looks, so processes and threads take turns; a commit
is on the disk before it is answered (WAL, ``synchronous=FULL``).

Source: sqlite.org/wal.html, sqlite.org/howtocorrupt.html (section 2.6 on fork).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from hookseal.errors import ConfigError
from hookseal.ledger.base import Claimed, Done, InFlight, Outcome, Reply
from hookseal.ledger.packing import pack, unpack
from hookseal.ledger.threads import InThread

__all__ = ["AsyncSQLiteLedger", "SQLiteLedger"]

SEVEN_DAYS = 7 * 24 * 3600.0
_EXPIRED_PER_CLAIM = 4
"""Above 1, so that expired rows go faster than new ones come."""
_PAUSE_SECONDS = 0.01

_SCHEMA = """\
CREATE TABLE IF NOT EXISTS hookseal_ledger (
  key BLOB PRIMARY KEY,          -- names the event
  token BLOB,                    -- the claimant; NULL once released or done
  attempt INTEGER NOT NULL,      -- 1, and 1 more for each lease that ran out
  fingerprint INTEGER NOT NULL,  -- of the body
  leased_until REAL,             -- unix time; NULL once done
  kept_until REAL NOT NULL,      -- unix time from which the row may go
  reply BLOB                     -- of the handler; NULL until done
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hookseal_ledger_kept_until ON hookseal_ledger (kept_until);
"""
_PURGE = """\
DELETE FROM hookseal_ledger WHERE key IN (
  SELECT key FROM hookseal_ledger WHERE kept_until <= ? ORDER BY kept_until LIMIT ?)"""
_READ = """\
SELECT attempt, fingerprint, leased_until, kept_until, reply FROM hookseal_ledger WHERE key = ?"""
_CLAIM = """\
INSERT OR REPLACE INTO hookseal_ledger
  (key, token, attempt, fingerprint, leased_until, kept_until) VALUES (?, ?, ?, ?, ?, ?)"""
_RENEW = """\
UPDATE hookseal_ledger SET leased_until = ?, kept_until = ? WHERE key = ? AND token = ?"""
_COMPLETE = """\
UPDATE hookseal_ledger SET token = NULL, leased_until = NULL, kept_until = ?, reply = ?
  WHERE key = ? AND token = ?"""
_FORGET = "DELETE FROM hookseal_ledger WHERE key = ? AND token = ? AND attempt = 1"
_RELEASE = """\
UPDATE hookseal_ledger SET token = NULL, leased_until = ? WHERE key = ? AND token = ?"""


class SQLiteLedger:
    """Claims and replies in the file at ``path``, which is made with its table when first used.

    A step waits ``timeout`` seconds for other threads and as long for other processes, then
    raises. A claim that was abandoned is remembered for ``abandoned`` seconds after its lease, so
    that the next attempt has a higher number. ``clock`` gives unix time; it must be the same in
    every process. Raises :class:`ConfigError` for a path that cannot be one.
    """

    blocking = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 1.0,
        abandoned: float = SEVEN_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = self.place = _checked_path(path)
        """Equal to that of another ledger where both keep their events in one store."""
        self._timeout = timeout
        self._abandoned = abandoned
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        _ledgers.add(self)

    def claim(self, key: bytes, token: bytes, lease: float, fingerprint: int) -> Outcome:
        """Claim the event for ``lease`` seconds, or say why not."""
        with self._writing() as connection:
            now = self._clock()
            connection.execute(_PURGE, (now, _EXPIRED_PER_CLAIM))
            attempt = 1
            row = connection.execute(_READ, (key,)).fetchone()
            if row is not None:
                before, handled, leased_until, kept_until, reply = row
                if leased_until is None:
                    if kept_until > now:
                        return Done(unpack(reply), handled)
                elif leased_until > now:
                    return InFlight(leased_until - now)
                else:
                    attempt = before + 1
            ends = now + lease
            connection.execute(
                _CLAIM, (key, token, attempt, fingerprint, ends, ends + self._abandoned)
            )
            return Claimed(attempt)

    def renew(self, key: bytes, token: bytes, lease: float) -> bool:
        """Make the claim last ``lease`` seconds from now; False if it is no longer held."""
        ends = self._clock() + lease
        return self._changed(_RENEW, ends, ends + self._abandoned, key, token)

    def complete(self, key: bytes, token: bytes, reply: Reply, retention: float) -> bool:
        """Keep ``reply`` for ``retention`` seconds; False if the claim is no longer held."""
        return self._changed(_COMPLETE, self._clock() + retention, pack(reply), key, token)

    def release(self, key: bytes, token: bytes) -> bool:
        """End the claim; False if it is not held. A number above 1 is remembered."""
        with self._writing() as connection:
            if connection.execute(_FORGET, (key, token)).rowcount == 1:
                return True
            # Its time to be kept stays: it is that of a claim whose lease ran out.
            return connection.execute(_RELEASE, (self._clock(), key, token)).rowcount == 1

    def purge(self, batch: int = 1000) -> int:
        """Delete up to ``batch`` rows whose time is over, and return how many; claims do too."""
        with self._writing() as connection:
            return connection.execute(_PURGE, (self._clock(), batch)).rowcount

    def check(self) -> None:
        """Raise :class:`ConfigError` if the file cannot be opened, or is no ledger."""
        try:
            with self._writing() as connection:
                connection.execute(_READ, (b"",)).fetchall()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"ledger: {self.path} cannot be used ({error}). Name a file on a local disk that "
                "this process may write, made by Hookseal or new."
            ) from error

    def close(self) -> None:
        """Close the file. It is opened again when it is used again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _changed(self, statement: str, *parameters: Any) -> bool:
        with self._exclusive() as connection:
            return connection.execute(statement, parameters).rowcount == 1

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        """Hold the file's write lock; commit at the end, or roll back if that fails."""
        with self._exclusive() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @contextlib.contextmanager
    def _exclusive(self) -> Generator[sqlite3.Connection]:
        """Give the connection to one thread at a time: in turn, where SQLite would poll."""
        if not self._lock.acquire(timeout=self._timeout):
            raise TimeoutError(f"{self.path} was busy for {self._timeout} seconds")
        try:
            if self._connection is None:
                self._connection = self._open()
            yield self._connection
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Ask until it is so: SQLite does not wait for other processes that ask, too."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def after_fork(self) -> None:
        """Leave the parent's connection alone; called in each forked child by itself."""
        if self._connection is not None:
            _inherited.append(self._connection)  # not even closing it here is safe
        self._connection = None
        self._lock = threading.Lock()


class AsyncSQLiteLedger(InThread):
    """The same for an event loop, on one thread: SQLite writes one at a time anyhow."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 1.0,
        abandoned: float = SEVEN_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        ledger = SQLiteLedger(path, timeout=timeout, abandoned=abandoned, clock=clock)
        super().__init__(ledger, threads=1)


def _checked_path(path: str | os.PathLike[str]) -> Path:
    if not str(path) or str(path).startswith((":memory:", "file:")):
        raise ConfigError(
            f"ledger: {str(path)!r} is no path of a file. Write one, such as "
            "'sqlite:////var/lib/app/hookseal.db', or use MemoryLedger()."
        )
    checked = Path(path).absolute()  # so that a later chdir changes nothing
    if not checked.parent.is_dir():
        raise ConfigError(f"ledger: the folder {checked.parent} does not exist. Make it first.")
    return checked


_ledgers: weakref.WeakSet[SQLiteLedger] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []


def _start_again() -> None:
    for ledger in list(_ledgers):
        ledger.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_start_again)
