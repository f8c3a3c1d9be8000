import contextlib
import os
import sqlite3

from fastapi import FastAPI, Request

from hookseal.asgi import WebhookMiddleware
from hookseal.inbox.dbapi import Inbox

DATABASE = os.environ.get("DATABASE", "app.db")
inbox = Inbox()
api = FastAPI()

with contextlib.closing(sqlite3.connect(DATABASE)) as database:
    database.execute("CREATE TABLE IF NOT EXISTS paid (invoice INTEGER)")
    inbox.create_table(database)
    database.commit()


@api.post("/webhooks")
def receive(request: Request) -> dict[str, str]:
    event = request.state.hookseal_event
    with contextlib.closing(sqlite3.connect(DATABASE)) as database:
        with database:  # one transaction: both rows are committed, or neither
            if not inbox.first_time(database, event):
                return {"handled": "already"}
            database.execute("INSERT INTO paid VALUES (?)", [event.json()["invoice"]])
        return {"handled": event.id}


app = WebhookMiddleware(api, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
