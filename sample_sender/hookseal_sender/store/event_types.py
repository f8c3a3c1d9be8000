"""Event types.

Knows their statements, each run inside the caller's transaction. Must not know messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from hookseal_sender.errors import Conflict, NotFound
from hookseal_sender.store.paging import read_page
from hookseal_sender.store.rows import event_type_values, read_event_type
from hookseal_sender.store.schema import application, event_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from hookseal_sender.model import EventType, EventTypeDraft, Scope
    from hookseal_sender.store.base import Page, PageRequest

__all__ = [
    "change_event_type",
    "create_event_type",
    "delete_event_type",
    "get_event_type",
    "list_event_types",
]


def create_event_type(
    connection: Connection, now_ms: int, org_id: str, draft: EventTypeDraft
) -> EventType:
    """Insert the event type, in the place of an archived one, and return it."""
    replaced = _one(org_id, draft.name).where(event_type.c.archived)
    values = event_type_values(draft) | {"created_ms": now_ms, "updated_ms": now_ms}
    made = connection.execute(replaced.values(values).returning(*event_type.c)).mappings().first()
    if made is None:
        _refuse_taken(connection, org_id, draft.name)
        row = values | {"org_id": org_id, "name": draft.name}
        inserted = insert(event_type).values(row).returning(*event_type.c)
        made = connection.execute(inserted).mappings().one()
    return read_event_type(made)


def get_event_type(connection: Connection, scope: Scope, name: str) -> EventType:
    """Return the event type, archived or not."""
    query = select(event_type).where(_visible(scope), event_type.c.name == name)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such event type")
    return read_event_type(row)


def list_event_types(
    connection: Connection, scope: Scope, page: PageRequest, *, archived: bool
) -> Page[EventType]:
    """Return a page of event types by name."""
    query = select(event_type).where(_visible(scope))
    if not archived:
        query = query.where(event_type.c.archived.is_(False))
    return read_page(connection, query, (event_type.c.name,), page, read_event_type)


def change_event_type(
    connection: Connection,
    now_ms: int,
    org_id: str,
    name: str,
    change: Callable[[EventType], EventTypeDraft],
) -> EventType:
    """Replace what a caller decides, and return the event type."""
    query = select(event_type).where(event_type.c.org_id == org_id, event_type.c.name == name)
    row = connection.execute(query.with_for_update()).mappings().first()
    if row is None:
        raise NotFound("there is no such event type")
    values = event_type_values(change(read_event_type(row))) | {"updated_ms": now_ms}
    changed = connection.execute(_one(org_id, name).values(values).returning(*event_type.c))
    return read_event_type(changed.mappings().one())


def delete_event_type(
    connection: Connection, now_ms: int, org_id: str, name: str, *, expunge: bool
) -> None:
    """Archive the event type, or take it out of the database."""
    if expunge:
        here = (event_type.c.org_id == org_id, event_type.c.name == name)
        changed = connection.execute(delete(event_type).where(*here))
    else:
        archived = _one(org_id, name).values(archived=True, updated_ms=now_ms)
        changed = connection.execute(archived)
    if changed.rowcount == 0:
        raise NotFound("there is no such event type")


def _visible(scope: Scope) -> ColumnElement[bool]:
    """Return what holds for the event types that whoever has ``scope`` may know of.

    A cursor names the rows beside it: what is hidden must not be read at all.
    """
    of_organisation = event_type.c.org_id == scope.org_id
    if scope.app_id is None:
        return of_organisation
    flag = event_type.c.feature_flag
    live = exists().where(application.c.id == scope.app_id, application.c.deleted_ms.is_(None))
    return and_(of_organisation, or_(flag.is_(None), flag.in_(scope.feature_flags)), live)


def _refuse_taken(connection: Connection, org_id: str, name: str) -> None:
    query = select(event_type.c.name).where(
        event_type.c.org_id == org_id, event_type.c.name == name
    )
    if connection.execute(query).first() is not None:
        raise Conflict("an event type of this name exists already")


def _one(org_id: str, name: str) -> Update:
    return update(event_type).where(event_type.c.org_id == org_id, event_type.c.name == name)
