"""The SQLite ledger: the same as the memory ledger, between processes and after them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import runpy
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

import hookseal.ledger.sqlite as sqlite_ledger
from hookseal import ConfigError
from hookseal.ledger import Claimed, Done, InFlight, MemoryLedger, Reply
from hookseal.ledger.packing import StoredValueError
from hookseal.ledger.sqlite import AsyncSQLiteLedger, SQLiteLedger
from hookseal.testing import FakeClock

REPLY = Reply(200, (), b"ok")
DAY = 24 * 3600.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path, clock):
    ledger = SQLiteLedger(path, clock=clock)
    yield ledger
    ledger.close()


def count(path):
    connection = sqlite3.connect(path)
    with connection:
        rows = connection.execute("SELECT count(*) FROM hookseal_ledger").fetchone()
    connection.close()
    return rows[0]


class AgainstMemory(RuleBasedStateMachine):
    """Whatever happens in whatever order, both ledgers answer the same."""

    keys = st.sampled_from([b"a", b"b"])
    seconds = st.sampled_from([1.0, 10.0, 100.0])

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = MemoryLedger(clock=self.clock)
        self.sqlite = SQLiteLedger(Path(self.folder.name) / "ledger.db", clock=self.clock)
        self.tokens = [b"never"]

    def both(self, step, *arguments):
        of_memory = getattr(self.memory, step)(*arguments)
        assert getattr(self.sqlite, step)(*arguments) == of_memory

    @rule(key=keys, lease=seconds, fingerprint=st.integers(0, 2**32 - 1))
    def claim(self, key, lease, fingerprint):
        self.tokens.append(b"%d" % len(self.tokens))
        self.both("claim", key, self.tokens[-1], lease, fingerprint)

    @rule(key=keys, lease=seconds, data=st.data())
    def renew(self, key, lease, data):
        self.both("renew", key, self.token(data), lease)

    @rule(key=keys, retention=seconds, data=st.data(), body=st.binary(max_size=3))
    def complete(self, key, retention, data, body):
        self.both("complete", key, self.token(data), Reply(200, (), body), retention)

    @rule(key=keys, data=st.data())
    def release(self, key, data):
        self.both("release", key, self.token(data))

    @rule(seconds=seconds)
    def wait(self, seconds):
        self.clock.advance(seconds)

    def token(self, data):
        return data.draw(st.sampled_from(self.tokens[-4:]))

    def teardown(self):
        self.sqlite.close()
        self.folder.cleanup()


TestAgainstMemory = AgainstMemory.TestCase
TestAgainstMemory.settings = settings(max_examples=40, stateful_step_count=25)


# --- processes -------------------------------------------------------------------------------

CLAIM = """\
import sys
from hookseal.ledger.sqlite import SQLiteLedger
ledger = SQLiteLedger(sys.argv[1], timeout=10)
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    print(type(ledger.claim(b"%d" % number, sys.argv[2].encode(), 30, 0)).__name__)
"""


def test_of_several_processes_one_claims_each_event(path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abcd"
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].split() for process in processes]

    for outcomes in zip(*answers, strict=True):
        assert sorted(outcomes) == ["Claimed", "InFlight", "InFlight", "InFlight"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_the_file_for_itself(path):
    ledger, unused = SQLiteLedger(path), SQLiteLedger(path)
    ledger.claim(b"parent", b"one", 30, 0)

    def child(answers):
        answers.put(
            [
                type(one).__name__
                for one in (
                    ledger.claim(b"parent", b"two", 30, 0),
                    ledger.claim(b"child", b"two", 30, 0),
                    unused.claim(b"child", b"three", 30, 0),
                )
            ]
        )

    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    process = fork.Process(target=child, args=(answers,))
    with ledger._lock:  # as a thread might at the moment of the fork
        process.start()
    process.join(30)

    assert process.exitcode == 0
    assert answers.get() == ["InFlight", "Claimed", "InFlight"]
    assert ledger.complete(b"parent", b"one", REPLY, DAY)
    assert isinstance(ledger.claim(b"child", b"four", 30, 0), InFlight)
    ledger.close()


def test_after_a_fork_the_parents_connection_is_left_alone(ledger):
    ledger.claim(b"key", b"one", 30, 0)
    inherited = ledger._connection
    sqlite_ledger._start_again()  # as in the child

    assert isinstance(ledger.claim(b"key", b"two", 30, 0), InFlight)
    assert inherited.execute("SELECT count(*) FROM hookseal_ledger").fetchone() == (1,)
    while sqlite_ledger._inherited:
        sqlite_ledger._inherited.pop().close()


def test_a_system_that_cannot_fork_needs_nothing(monkeypatch):
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    assert runpy.run_path(sqlite_ledger.__file__)["SQLiteLedger"]


def test_what_is_done_stays_done_after_the_process(path, clock):
    for _ in range(2):
        ledger = SQLiteLedger(path, clock=clock)
        ledger.claim(b"key", b"one", 30, 7)
        ledger.complete(b"key", b"one", REPLY, DAY)
        ledger.close()

    assert SQLiteLedger(path, clock=clock).claim(b"key", b"two", 30, 8) == Done(REPLY, 7)


def test_a_commit_is_on_the_disk_before_it_is_answered(ledger):
    with ledger._exclusive() as connection:
        modes = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in MODES]

    assert modes == list(MODES.values())


MODES = {"journal_mode": "wal", "synchronous": 2}


# --- purge -----------------------------------------------------------------------------------


def test_claims_delete_what_has_expired(ledger, path, clock):
    for number in range(10):
        ledger.claim(b"%d" % number, b"one", 30, 0)
        ledger.complete(b"%d" % number, b"one", REPLY, 60)
    clock.advance(61)
    for number in range(3):
        ledger.claim(b"new %d" % number, b"one", 30, 0)

    assert count(path) == 3


def test_the_number_of_a_released_take_over_is_deleted_in_its_time(path, clock):
    ledger = SQLiteLedger(path, clock=clock, abandoned=60)
    ledger.claim(b"key", b"one", 30, 0)
    clock.advance(31)
    assert ledger.claim(b"key", b"two", 30, 0) == Claimed(2)
    assert ledger.release(b"key", b"two")
    clock.advance(89)
    assert ledger.purge() == 0
    clock.advance(1)
    assert ledger.purge() == 1
    assert ledger.claim(b"key", b"three", 30, 0) == Claimed(1)
    assert ledger.release(b"key", b"three")
    assert count(path) == 0
    ledger.close()


def test_an_expired_event_that_is_not_deleted_yet_is_new(ledger, clock):
    for number in range(10):
        ledger.claim(b"%d" % number, b"one", 30, 0)
        ledger.complete(b"%d" % number, b"one", REPLY, 60 + number)
    clock.advance(100)

    assert ledger.claim(b"9", b"two", 30, 0) == Claimed(1)


def test_purge_deletes_in_batches(ledger, path, clock):
    for number in range(10):
        ledger.claim(b"%d" % number, b"one", 30, 0)
        ledger.complete(b"%d" % number, b"one", REPLY, 60)
    clock.advance(61)

    assert [ledger.purge(6), ledger.purge(6), ledger.purge()] == [6, 4, 0]


def test_an_abandoned_claim_is_remembered_for_its_number_and_then_forgotten(path, clock):
    ledger = SQLiteLedger(path, clock=clock, abandoned=100)
    ledger.claim(b"key", b"one", 30, 0)
    clock.advance(129)
    again = ledger.claim(b"key", b"two", 30, 0)
    clock.advance(131)
    anew = ledger.claim(b"key", b"three", 30, 0)
    ledger.close()

    assert (again, anew) == (Claimed(2), Claimed(1))


# --- faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["", ":memory:", "file:x?mode=memory"])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(ConfigError, match=r"^ledger: .* no path .*sqlite:////"):
        SQLiteLedger(given)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"ledger: the folder .*missing does not exist"):
        SQLiteLedger(tmp_path / "missing" / "ledger.db")


def test_check_passes_over_a_good_file_and_a_new_one(ledger):
    ledger.check()
    ledger.check()


def test_check_names_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, however long it is" * 100)

    with pytest.raises(ConfigError, match=r"ledger: .*notes\.txt cannot be used \(.*not a data"):
        SQLiteLedger(path).check()


def test_a_spoilt_reply_fails_closed(ledger, path):
    ledger.claim(b"key", b"one", 30, 0)
    ledger.complete(b"key", b"one", REPLY, DAY)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE hookseal_ledger SET reply = x'00'")
    connection.close()

    with pytest.raises(StoredValueError):
        ledger.claim(b"key", b"two", 30, 0)
    assert ledger.claim(b"other", b"two", 30, 0) == Claimed(1)


def test_another_process_that_holds_the_file_is_not_waited_for_long(path):
    ledger = SQLiteLedger(path, timeout=0.05)
    ledger.check()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        ledger.claim(b"key", b"one", 30, 0)
    other.execute("ROLLBACK")
    other.close()
    assert ledger.claim(b"key", b"one", 30, 0) == Claimed(1)
    ledger.close()


def test_a_new_file_that_another_process_holds_is_tried_until_the_timeout(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    ledger = SQLiteLedger(path, timeout=0.05)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        ledger.claim(b"key", b"one", 30, 0)
    other.execute("ROLLBACK")
    other.close()
    assert ledger.claim(b"key", b"one", 30, 0) == Claimed(1)
    ledger.close()


def test_sqlite_is_asked_for_its_log_again_while_it_refuses(ledger):
    connection = mock.Mock()
    connection.execute.side_effect = [sqlite3.OperationalError("database is locked"), None]

    ledger._use_wal(connection)

    assert connection.execute.call_count == 2


def test_another_thread_that_holds_the_file_is_not_waited_for_long(path):
    ledger = SQLiteLedger(path, timeout=0.05)

    with ledger._lock, pytest.raises(TimeoutError, match="busy"):
        ledger.claim(b"key", b"one", 30, 0)


def test_closing_is_not_the_end(ledger):
    ledger.close()
    ledger.claim(b"key", b"one", 30, 0)
    ledger.close()
    ledger.close()

    assert ledger.release(b"key", b"one")


def test_the_async_form_checks_and_closes(path):
    async def use():
        ledger = AsyncSQLiteLedger(path)
        await ledger.check()
        outcome = await ledger.claim(b"key", b"one", 30, 0)
        await ledger.aclose()
        return outcome

    assert asyncio.run(use()) == Claimed(1)
