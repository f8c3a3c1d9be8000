"""Applications.

Knows their statements, each run inside the caller's transaction. Must not know deliveries beyond
having them cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, or_, select, update

from hookseal_sender.errors import NotFound
from hookseal_sender.ids import fresh_id
from hookseal_sender.store import settling
from hookseal_sender.store.paging import read_page
from hookseal_sender.store.rows import application_values, read_application
from hookseal_sender.store.schema import application, endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.model import Application, ApplicationDraft, Scope
    from hookseal_sender.store.base import Page, PageRequest

__all__ = [
    "change_application",
    "create_application",
    "delete_application",
    "find_application",
    "get_application",
    "list_applications",
    "live_application",
]

_LIVE = select(application).where(application.c.deleted_ms.is_(None))


def create_application(
    connection: Connection,
    now_ms: int,
    org_id: str,
    draft: ApplicationDraft,
    *,
    app_id: str | None = None,
) -> Application:
    """Insert the application, under a new id unless one is given, and return it."""
    row = application_values(draft) | {
        "id": app_id or fresh_id("app_", now_ms),
        "org_id": org_id,
        "created_ms": now_ms,
        "updated_ms": now_ms,
    }
    made = connection.execute(insert(application).values(row).returning(*application.c))
    return read_application(made.mappings().one())


def find_application(connection: Connection, scope: Scope, key: str) -> Application:
    """Return the application with that id or uid, if ``scope`` covers it."""
    found = get_application(connection, scope.org_id, key)
    if scope.app_id not in {None, found.id}:
        raise NotFound("there is no such application")
    return found


def get_application(connection: Connection, org_id: str, key: str) -> Application:
    """Return the organisation's application with that id or uid."""
    query = _LIVE.where(
        application.c.org_id == org_id,
        or_(application.c.id == key, application.c.uid == key),
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such application")
    return read_application(row)


def live_application(connection: Connection, app_id: str) -> Application:
    """Return the application of that id, which is not deleted before the transaction ends."""
    query = _LIVE.where(application.c.id == app_id).with_for_update(read=True)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such application")
    return read_application(row)


def list_applications(connection: Connection, org_id: str, page: PageRequest) -> Page[Application]:
    """Return a page of the organisation's applications."""
    query = _LIVE.where(application.c.org_id == org_id)
    return read_page(connection, query, (application.c.id,), page, read_application)


def change_application(
    connection: Connection,
    now_ms: int,
    app_id: str,
    change: Callable[[Application], ApplicationDraft],
) -> Application:
    """Replace what a caller decides, and return the application."""
    here = application.c.id == app_id
    locked = _LIVE.where(here).with_for_update(key_share=True)
    row = connection.execute(locked).mappings().first()
    if row is None:
        raise NotFound("there is no such application")
    values = application_values(change(read_application(row))) | {"updated_ms": now_ms}
    statement = update(application).where(here).values(values).returning(*application.c)
    return read_application(connection.execute(statement).mappings().one())


def delete_application(connection: Connection, now_ms: int, app_id: str) -> None:
    """Take the application and its endpoints away; the log stays until it is purged."""
    gone = {"deleted_ms": now_ms, "updated_ms": now_ms, "uid": None}
    deleted = connection.execute(
        update(application)
        .where(application.c.id == app_id, application.c.deleted_ms.is_(None))
        .values(gone)
    )
    if deleted.rowcount == 0:
        raise NotFound("there is no such application")
    connection.execute(
        update(endpoint)
        .where(endpoint.c.app_id == app_id, endpoint.c.deleted_ms.is_(None))
        .values(**gone, secrets="", headers=None)
    )
    settling.cancel_all(connection, app_id)
