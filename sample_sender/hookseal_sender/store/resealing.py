"""Sealing anew what an older key sealed, so that the key can be retired.

Knows which columns are sealed and what each is bound to. Must not know keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, select, tuple_, update

from hookseal_sender.errors import SealBroken
from hookseal_sender.store.rows import headers_context, secrets_context
from hookseal_sender.store.schema import endpoint

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from hookseal_sender.vault import Vault

__all__ = ["Resealed", "reseal_some"]

_SEALED = (endpoint.c.app_id, endpoint.c.id, endpoint.c.secrets, endpoint.c.headers)


class Resealed(NamedTuple):
    """How many endpoints were sealed anew, how many no key opened, and the last that was seen."""

    sealed: int
    broken: int
    last: tuple[str, str] | None


def reseal_some(
    connection: Connection, _now_ms: int, vault: Vault, behind: tuple[str, str], *, limit: int
) -> Resealed:
    """Seal what is not sealed with the newest key, of ``limit`` endpoints behind ``behind``.

    ``last`` is None where no endpoint is left.
    """
    place = tuple_(endpoint.c.app_id, endpoint.c.id)
    query = (
        select(*_SEALED)
        .where(place > tuple_(*behind), endpoint.c.deleted_ms.is_(None))
        .order_by(endpoint.c.app_id, endpoint.c.id)
        .limit(limit)
    )
    sealed = broken = 0
    last: tuple[str, str] | None = None
    for row in connection.execute(query).mappings().all():
        last = row["app_id"], row["id"]
        try:
            values = _sealed_anew(vault, row)
        except SealBroken:
            broken += 1
            continue
        if values:
            # What somebody changed meanwhile is sealed already, and stays.
            seen = (endpoint.c.secrets == row["secrets"]) & endpoint.c.headers.is_not_distinct_from(
                row["headers"]
            )
            here = (endpoint.c.app_id == row["app_id"]) & (endpoint.c.id == row["id"])
            sealed += connection.execute(update(endpoint).where(here, seen).values(values)).rowcount
    return Resealed(sealed=sealed, broken=broken, last=last)


def _sealed_anew(vault: Vault, row: RowMapping) -> dict[str, str]:
    """Return the columns that an older key sealed, sealed with the newest."""
    columns = {
        "secrets": (row["secrets"], secrets_context(row["app_id"], row["id"])),
        "headers": (row["headers"], headers_context(row["app_id"], row["id"])),
    }
    return {
        name: vault.seal(vault.open(text, context), context)
        for name, (text, context) in columns.items()
        if text is not None and not vault.is_current(text)
    }
