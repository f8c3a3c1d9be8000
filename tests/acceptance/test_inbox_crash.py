"""kill -9 between effect and completion: with the inbox, the effect happens once."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from hookseal import generate_secret
from hookseal.inbox.dbapi import Inbox
from hookseal.testing import WebhookClient

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parents[2]
SECRET = generate_secret()


@pytest.fixture
def start(tmp_path, free_port):
    """Starts the server and waits until it listens."""
    processes = []

    def start_server(inbox: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "uvicorn", "tests.acceptance.inbox_server:app"]
        process = subprocess.Popen(
            [*command, "--port", str(free_port)],
            cwd=ROOT,
            env={
                **os.environ,
                "INBOX_SERVER_FOLDER": str(tmp_path),
                "INBOX_SERVER_INBOX": inbox,
                "INBOX_SERVER_SECRET": SECRET,
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stderr is not None
        assert any("Uvicorn running" in line for line in process.stderr)
        return process

    yield start_server
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("inbox", "effects", "answer"), [("yes", 1, b"again"), ("no", 2, b"first")]
)
def test_killed_between_effect_and_completion(start, tmp_path, free_port, inbox, effects, answer):
    with contextlib.closing(sqlite3.connect(tmp_path / "app.db")) as database:
        Inbox().create_table(database)
        database.execute("CREATE TABLE effects (event_id TEXT)")
        (tmp_path / "die").touch()
        client = WebhookClient(f"http://127.0.0.1:{free_port}", SECRET)

        killed = start(inbox)
        with pytest.raises((urllib.error.URLError, http.client.HTTPException, ConnectionError)):
            client.send(event_id="evt_1")
        assert killed.wait(10) == -signal.SIGKILL
        start(inbox)
        retried, repeated = (client.send(event_id="evt_1") for _ in range(2))

        assert (retried.status, retried.body) == (200, answer)
        assert (repeated.status, repeated.body) == (200, answer)
        assert repeated.headers["webhook-replayed"] == "true"
        assert database.execute("SELECT event_id FROM effects").fetchall() == [("evt_1",)] * effects
