import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from fastapi import FastAPI, Request
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from hookseal.asgi import WebhookMiddleware
from hookseal.inbox.sqlalchemy import Inbox

metadata = sa.MetaData()  # with an ORM: Base.metadata
paid = sa.Table("paid", metadata, sa.Column("invoice", sa.Integer, primary_key=True))
inbox = Inbox(metadata)
engine = create_async_engine(os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///app.db"))
new_session = async_sessionmaker(engine)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)  # or a migration of yours
    yield
    await engine.dispose()


api = FastAPI(lifespan=lifespan)


@api.post("/webhooks")
async def receive(request: Request) -> dict[str, str]:
    event = request.state.hookseal_event
    async with new_session.begin() as session:
        if not await inbox.afirst_time(session, event):
            return {"handled": "already"}
        await session.execute(sa.insert(paid).values(invoice=event.json()["invoice"]))
    return {"handled": event.id}


app = WebhookMiddleware(api, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"])
