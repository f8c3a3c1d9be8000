"""A receiver that dies where it is told to: uvicorn tests.acceptance.survival.server:app.

The event's payload says where: ``claimed`` (before the effect), ``effect`` (after it, before the
completion) or ``completed`` (before the reply leaves). It dies there once for each event.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
from typing import Any

from hookseal.asgi import WebhookMiddleware
from hookseal.inbox.dbapi import Inbox

DATABASE = os.environ["SURVIVAL_DATABASE"]
WITH_INBOX = os.environ["SURVIVAL_INBOX"] == "1"
inbox = Inbox()


def connect() -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(DATABASE, timeout=10))


def prepare() -> None:
    with connect() as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS effect (event TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS death (event TEXT PRIMARY KEY)")
        inbox.create_table(database)
        database.commit()


def die_here(point: str, event: Any) -> None:
    """Die like by kill -9, the first time that this event asks for it."""
    if json.loads(event.body).get("die") != point:
        return
    with connect() as database:
        new = database.execute("INSERT OR IGNORE INTO death VALUES (?)", [event.id]).rowcount
        database.commit()
    if new:
        os.kill(os.getpid(), signal.SIGKILL)


def take_effect(event: Any) -> None:
    with connect() as database, database:
        if not WITH_INBOX or inbox.first_time(database, event):
            database.execute("INSERT INTO effect VALUES (?)", [event.id])


async def handler(scope: Any, receive: Any, send: Any) -> None:
    event = scope["state"]["hookseal_event"]
    scope["dying"].append(event)
    die_here("claimed", event)
    failing = random.random() < json.loads(event.body).get("fails", 0)  # no secret
    if failing and random.random() < 0.5:  # likewise
        raise RuntimeError("failing at random, before the effect")
    take_effect(event)
    die_here("effect", event)
    await asyncio.sleep(json.loads(event.body).get("slow", 0))
    status = 500 if failing else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


guarded = WebhookMiddleware(
    handler,
    secrets=os.environ["SURVIVAL_SECRET"],
    ledger=os.environ["SURVIVAL_LEDGER"],
    lease=float(os.environ["SURVIVAL_LEASE"]),
    in_flight_wait=0.1,
    source_budget=None,
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Serve as if over HTTPS; die where the reply is about to leave."""
    if scope["type"] != "http":
        return
    dying: list[Any] = []

    async def last_step(message: Any) -> None:
        if message["type"] == "http.response.start" and dying:
            die_here("completed", dying[0])
        await send(message)

    await guarded({**scope, "scheme": "https", "dying": dying}, receive, last_step)


prepare()
