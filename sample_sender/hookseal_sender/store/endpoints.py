"""Endpoints, with their secrets and headers.

Knows their statements, each run inside the caller's transaction, and when the organisation is told.
Must not know deliveries beyond having them held, resumed or cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Update, insert, or_, select, update

from hookseal_sender.errors import NotFound, TooManySecrets
from hookseal_sender.ids import fresh_id
from hookseal_sender.model import Disabled, Secret
from hookseal_sender.store import operational, settling
from hookseal_sender.store.applications import live_application
from hookseal_sender.store.paging import read_page
from hookseal_sender.store.rows import (
    endpoint_values,
    read_endpoint,
    seal_headers,
    seal_secrets,
)
from hookseal_sender.store.schema import endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import RowMapping

    from hookseal_sender.model import Endpoint, EndpointDraft
    from hookseal_sender.store.base import Page, PageRequest
    from hookseal_sender.vault import Vault

__all__ = [
    "change_endpoint",
    "change_headers",
    "create_endpoint",
    "delete_endpoint",
    "get_endpoint",
    "list_endpoints",
    "rotate_secret",
]

MAX_OLD_SECRETS = 10
_LIVE = select(endpoint).where(endpoint.c.deleted_ms.is_(None))
_BY_CALLER = {"disabled_for": Disabled.BY_CALLER.value}


def create_endpoint(
    connection: Connection,
    now_ms: int,
    vault: Vault,
    app_id: str,
    draft: EndpointDraft,
    secret: str,
    headers: Mapping[str, str] | None = None,
) -> Endpoint:
    """Insert the endpoint and return it."""
    live_application(connection, app_id)
    endpoint_id = fresh_id("ep_", now_ms)
    row = endpoint_values(draft) | {
        "id": endpoint_id,
        "app_id": app_id,
        "secrets": seal_secrets(vault, app_id, endpoint_id, [Secret(key=secret)]),
        "headers": seal_headers(vault, app_id, endpoint_id, headers),
        "created_ms": now_ms,
        "updated_ms": now_ms,
    }
    if draft.disabled:
        row |= _BY_CALLER
    made = connection.execute(insert(endpoint).values(row).returning(*endpoint.c)).mappings().one()
    operational.endpoint_changed(connection, now_ms, "endpoint.created", made)
    return read_endpoint(vault, made)


def get_endpoint(connection: Connection, vault: Vault, app_id: str, key: str) -> Endpoint:
    """Return the endpoint with that id or uid."""
    query = _LIVE.where(
        endpoint.c.app_id == app_id, or_(endpoint.c.id == key, endpoint.c.uid == key)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("there is no such endpoint")
    return read_endpoint(vault, row)


def list_endpoints(
    connection: Connection, vault: Vault, app_id: str, page: PageRequest
) -> Page[Endpoint]:
    """Return a page of the application's endpoints."""
    query = _LIVE.where(endpoint.c.app_id == app_id)
    return read_page(
        connection, query, (endpoint.c.id,), page, lambda row: read_endpoint(vault, row)
    )


def change_endpoint(
    connection: Connection,
    now_ms: int,
    vault: Vault,
    app_id: str,
    endpoint_id: str,
    change: Callable[[Endpoint], EndpointDraft],
) -> Endpoint:
    """Replace what a caller decides; hold or resume the deliveries if ``disabled`` changed."""
    before = read_endpoint(vault, _locked(connection, app_id, endpoint_id))
    draft = change(before)
    values = endpoint_values(draft) | {"updated_ms": now_ms}
    if draft.disabled and not before.disabled:
        values |= _BY_CALLER
        settling.hold(connection, app_id, endpoint_id)
    if before.disabled and not draft.disabled:
        values |= settling.ENABLED
        settling.resume(connection, now_ms, app_id, endpoint_id)
    statement = _one(app_id, endpoint_id).values(values).returning(*endpoint.c)
    updated = connection.execute(statement).mappings().one()
    operational.endpoint_changed(connection, now_ms, "endpoint.updated", updated)
    return read_endpoint(vault, updated)


def delete_endpoint(
    connection: Connection, now_ms: int, _vault: Vault, app_id: str, endpoint_id: str
) -> None:
    """Take the endpoint away, forget its secrets and cancel what it has not got yet."""
    row = _locked(connection, app_id, endpoint_id)
    connection.execute(
        _one(app_id, endpoint_id).values(
            deleted_ms=now_ms, updated_ms=now_ms, uid=None, secrets="", headers=None
        )
    )
    settling.cancel(connection, app_id, endpoint_id)
    operational.endpoint_changed(connection, now_ms, "endpoint.deleted", row)


def change_headers(
    connection: Connection,
    now_ms: int,
    vault: Vault,
    app_id: str,
    endpoint_id: str,
    change: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> None:
    """Replace the custom headers."""
    before = read_endpoint(vault, _locked(connection, app_id, endpoint_id))
    sealed = seal_headers(vault, app_id, endpoint_id, change(before.headers))
    connection.execute(_one(app_id, endpoint_id).values(headers=sealed, updated_ms=now_ms))


def rotate_secret(
    connection: Connection,
    now_ms: int,
    vault: Vault,
    app_id: str,
    endpoint_id: str,
    secret: str,
    *,
    overlap: float,
) -> Sequence[Secret]:
    """Put ``secret`` before the others, of which the first has ``overlap`` seconds left."""
    # Those that cannot be opened sign nothing any more: a new secret is the way out.
    before = read_endpoint(vault, _locked(connection, app_id, endpoint_id))
    old = _aged(before.secrets, now_ms, now_ms + round(overlap * 1000))
    if len(old) > MAX_OLD_SECRETS:
        raise TooManySecrets(
            f"the endpoint has {MAX_OLD_SECRETS} old secrets that still count; "
            "wait until one expires, or rotate without an overlap"
        )
    secrets = (Secret(key=secret), *old)
    sealed = seal_secrets(vault, app_id, endpoint_id, secrets)
    connection.execute(_one(app_id, endpoint_id).values(secrets=sealed, updated_ms=now_ms))
    return secrets


def _aged(secrets: Sequence[Secret], now_ms: int, expires_ms: int) -> list[Secret]:
    """Return the secrets as old ones, without those that count no more."""
    ages = (
        Secret(key=each.key, expires_ms=expires_ms if each.expires_ms is None else each.expires_ms)
        for each in secrets
    )
    return [each for each in ages if each.expires_ms is not None and each.expires_ms > now_ms]


def _locked(connection: Connection, app_id: str, endpoint_id: str) -> RowMapping:
    """Return the row, which nobody else changes before the transaction ends."""
    query = _LIVE.where(endpoint.c.app_id == app_id, endpoint.c.id == endpoint_id)
    row = connection.execute(query.with_for_update()).mappings().first()
    if row is None:
        raise NotFound("there is no such endpoint")
    return row


def _one(app_id: str, endpoint_id: str) -> Update:
    return update(endpoint).where(endpoint.c.app_id == app_id, endpoint.c.id == endpoint_id)
