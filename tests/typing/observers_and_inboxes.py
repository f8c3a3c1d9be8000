"""What the type checkers say of observers and inboxes. Checked, never run.

An ``ignore`` here is a mistake that both checkers must flag: they report it if they do not.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true

import sqlite3
from typing import assert_type

import psycopg
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

import hookseal.inbox.dbapi
import hookseal.inbox.django
import hookseal.inbox.sqlalchemy
from hookseal import WebhookEvent
from hookseal.observe import LoggingObserver, Note, NoteName, Observer, Observers
from hookseal.otel import OpenTelemetryObserver
from hookseal.policy import Policy
from hookseal.prometheus import PrometheusObserver

# --- observers -------------------------------------------------------------------------------


class Mine:
    def wants(self, name: NoteName) -> bool:
        return name == "rejected"

    def __call__(self, note: Note, /) -> None: ...


async def waits(note: Note) -> None: ...


def observing() -> Policy:
    Observers(waits)  # type: ignore[arg-type]
    every: list[Observer] = [LoggingObserver(), Mine(), OpenTelemetryObserver()]
    prometheus = PrometheusObserver(registry=CollectorRegistry(), max_sources=10)
    return Policy(secrets="whsec_...", observer=Observers(prometheus, *every))


# --- inboxes ---------------------------------------------------------------------------------


def plain(
    event: WebhookEvent, lite: sqlite3.Connection, large: psycopg.Connection[tuple[object, ...]]
) -> None:
    inbox = hookseal.inbox.dbapi.Inbox(table="received", paramstyle="qmark")
    assert_type(inbox.first_time(lite, event), bool)
    assert_type(inbox.first_time(large, event), bool)
    assert_type(inbox.purge(lite, older_than_days=7.5, batch=10), int)
    inbox.first_time(event, lite)  # type: ignore[arg-type]


def through_sqlalchemy(event: WebhookEvent, session: Session, connection: sa.Connection) -> None:
    inbox = hookseal.inbox.sqlalchemy.Inbox(sa.MetaData())
    assert_type(inbox.first_time(session, event), bool)
    assert_type(inbox.first_time(connection, event), bool)
    assert_type(inbox.table, sa.Table)


async def through_async_sqlalchemy(
    event: WebhookEvent, session: AsyncSession, connection: AsyncConnection
) -> None:
    inbox = hookseal.inbox.sqlalchemy.Inbox()
    assert_type(await inbox.afirst_time(session, event), bool)
    assert_type(await inbox.apurge(connection), int)
    inbox.first_time(session, event)  # type: ignore[arg-type]


def through_django(event: WebhookEvent) -> None:
    assert_type(hookseal.inbox.django.first_time(event, using="default"), bool)
    assert_type(hookseal.inbox.django.purge(older_than_days=30), int)
