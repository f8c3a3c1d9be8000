"""Applications and endpoints.

Knows their statements, each run inside the caller's transaction. Must not know deliveries beyond
asking the outbox to hold, resume or cancel them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Update, insert, or_, select, update

from hookseal_sender.errors import NotFound
from hookseal_sender.store import outbox
from hookseal_sender.store.rows import (
    endpoint_values,
    fresh_id,
    make_page,
    paged,
    read_application,
    read_endpoint,
)
from hookseal_sender.store.schema import application, endpoint

if TYPE_CHECKING:
    from hookseal_sender.model import (
        Application,
        ApplicationDraft,
        Endpoint,
        EndpointDraft,
        Scope,
    )
    from hookseal_sender.store.base import Page, PageRequest

_LIVE_APPLICATIONS = select(application).where(application.c.deleted_ms.is_(None))
_LIVE_ENDPOINTS = select(endpoint).where(endpoint.c.deleted_ms.is_(None))


def create_application(
    connection: Connection, now_ms: int, org_id: str, draft: ApplicationDraft
) -> Application:
    """Insert the application and return it."""
    row = {
        "id": fresh_id("app_", now_ms),
        "org_id": org_id,
        "uid": draft.uid,
        "name": draft.name,
        "metadata": json.dumps(dict(draft.metadata)),
        "created_ms": now_ms,
        "updated_ms": now_ms,
    }
    connection.execute(insert(application).values(row))
    return get_application(connection, org_id, row["id"])


def find_application(connection: Connection, scope: Scope, key: str) -> Application:
    """Return the application with that id or uid, if ``scope`` covers it."""
    found = get_application(connection, scope.org_id, key)
    if scope.app_id not in {None, found.id}:
        raise NotFound("there is no such application")
    return found


def get_application(connection: Connection, org_id: object, key: object) -> Application:
    """Return the organisation's application with that id or uid."""
    query = _LIVE_APPLICATIONS.where(
        application.c.org_id == org_id,
        or_(application.c.id == key, application.c.uid == key),
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such application")
    return read_application(row)


def list_applications(
    connection: Connection, org_id: str, request: PageRequest
) -> Page[Application]:
    """Return a page of the organisation's applications."""
    query = _LIVE_APPLICATIONS.where(application.c.org_id == org_id)
    rows = connection.execute(paged(query, application.c.id, request)).mappings().all()
    return make_page(rows, request, read_application)


def delete_application(connection: Connection, now_ms: int, app_id: str) -> None:
    """Take the application and its endpoints away; the log stays for retention to purge."""
    gone = {"deleted_ms": now_ms, "updated_ms": now_ms, "uid": None}
    connection.execute(update(application).where(application.c.id == app_id).values(gone))
    connection.execute(
        update(endpoint).where(endpoint.c.app_id == app_id).values(**gone, secrets="[]")
    )
    outbox.cancel(connection, app_id)


def create_endpoint(
    connection: Connection, now_ms: int, app_id: str, draft: EndpointDraft, secret: str
) -> Endpoint:
    """Insert the endpoint and return it."""
    endpoint_id = fresh_id("ep_", now_ms)
    row = endpoint_values(draft) | {
        "id": endpoint_id,
        "app_id": app_id,
        "secrets": json.dumps([secret]),
        "created_ms": now_ms,
        "updated_ms": now_ms,
    }
    connection.execute(insert(endpoint).values(row))
    return get_endpoint(connection, app_id, endpoint_id)


def get_endpoint(connection: Connection, app_id: str, key: str) -> Endpoint:
    """Return the endpoint with that id or uid."""
    query = _LIVE_ENDPOINTS.where(
        endpoint.c.app_id == app_id, or_(endpoint.c.id == key, endpoint.c.uid == key)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such endpoint")
    return read_endpoint(row)


def list_endpoints(connection: Connection, app_id: str, request: PageRequest) -> Page[Endpoint]:
    """Return a page of the application's endpoints."""
    query = _LIVE_ENDPOINTS.where(endpoint.c.app_id == app_id)
    rows = connection.execute(paged(query, endpoint.c.id, request)).mappings().all()
    return make_page(rows, request, read_endpoint)


def update_endpoint(
    connection: Connection, now_ms: int, app_id: str, endpoint_id: str, draft: EndpointDraft
) -> Endpoint:
    """Replace what a caller decides; hold or resume the deliveries if ``disabled`` changed."""
    before = get_endpoint(connection, app_id, endpoint_id)
    values = endpoint_values(draft) | {"updated_ms": now_ms}
    connection.execute(_one(app_id, endpoint_id).values(values))
    if draft.disabled and not before.disabled:
        outbox.hold(connection, app_id, endpoint_id)
    if before.disabled and not draft.disabled:
        outbox.resume(connection, now_ms, app_id, endpoint_id)
    return get_endpoint(connection, app_id, endpoint_id)


def delete_endpoint(connection: Connection, now_ms: int, app_id: str, endpoint_id: str) -> None:
    """Take the endpoint away, forget its secrets and cancel what it has not got yet."""
    get_endpoint(connection, app_id, endpoint_id)
    gone = {"deleted_ms": now_ms, "updated_ms": now_ms, "uid": None, "secrets": "[]"}
    connection.execute(_one(app_id, endpoint_id).values(gone))
    outbox.cancel(connection, app_id, endpoint_id)


def _one(app_id: str, endpoint_id: str) -> Update:
    return update(endpoint).where(endpoint.c.app_id == app_id, endpoint.c.id == endpoint_id)
