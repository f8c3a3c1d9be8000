"""An endpoint that dies between the effect of an event and its completion, when it is told to.

Run by uvicorn from test_inbox_crash.py. In the folder of the environment variable are the ledger,
the app's own database, and while it is to die once more, the file ``die``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from pathlib import Path

from hookseal.asgi import WebhookMiddleware
from hookseal.inbox.dbapi import Inbox
from hookseal.ledger.sqlite import AsyncSQLiteLedger

FOLDER = Path(os.environ["INBOX_SERVER_FOLDER"])
WITH_INBOX = os.environ["INBOX_SERVER_INBOX"] == "yes"
DIE = FOLDER / "die"
inbox = Inbox()


def handle(event):
    with contextlib.closing(sqlite3.connect(FOLDER / "app.db")) as database:
        with database:
            if WITH_INBOX and not inbox.first_time(database, event):
                return b"again"
            database.execute("INSERT INTO effects VALUES (?)", (event.id,))
        if DIE.exists():
            DIE.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return b"first"


async def endpoint(scope, receive, send):
    if scope["type"] == "http":
        said = handle(scope["state"]["hookseal_event"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said})


app = WebhookMiddleware(
    endpoint,
    os.environ["INBOX_SERVER_SECRET"],
    ledger=AsyncSQLiteLedger(FOLDER / "ledger.db"),
    lease=0.5,
    in_flight_wait=10,  # so that the next delivery outwaits the lease of the dead
    allow_insecure_peers=["127.0.0.1"],
)
