"""The store on SQLAlchemy: every operation, and the function of statements that does it.

Knows which function does what, and how the parts are put together. Must not know statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.store import applications as application_statements
from hookseal_sender.store import endpoints as endpoint_statements
from hookseal_sender.store import event_types as event_type_statements
from hookseal_sender.store import (
    log,
    purging,
    removing,
    resealing,
    searching,
    sqlite,
    tallies,
    tokens,
)
from hookseal_sender.store.database import Database, parse_database_url
from hookseal_sender.store.operations import Operations, opens_sealed, reads, writes, writes_sealed
from hookseal_sender.store.outbox import FIVE_DAYS, Outbox
from hookseal_sender.store.overview import read_overview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from hookseal_sender.store.base import Store
    from hookseal_sender.vault import Vault

__all__ = ["SqlStore", "database_file", "open_store"]

_RESEALED_AT_ONCE = 200


class _Tokens(Operations):
    organisation = writes(tokens.get_organisation)
    revoke_token = writes(tokens.revoke_token)
    token_revoked = reads(tokens.token_revoked)
    begin_keyed = writes(tokens.begin_keyed)
    renew_keyed = writes(tokens.renew_keyed)
    finish_keyed = writes(tokens.finish_keyed)


class _Catalog(Operations):
    create_application = writes(application_statements.create_application)
    application = reads(application_statements.find_application)
    applications = reads(application_statements.list_applications)
    change_application = writes(application_statements.change_application)
    delete_application = writes(application_statements.delete_application)

    create_endpoint = writes_sealed(endpoint_statements.create_endpoint)
    endpoint = opens_sealed(endpoint_statements.get_endpoint)
    endpoints = opens_sealed(endpoint_statements.list_endpoints)
    change_endpoint = writes_sealed(endpoint_statements.change_endpoint)
    delete_endpoint = writes_sealed(endpoint_statements.delete_endpoint)
    change_headers = writes_sealed(endpoint_statements.change_headers)
    rotate_secret = writes_sealed(endpoint_statements.rotate_secret)

    create_event_type = writes(event_type_statements.create_event_type)
    event_type = reads(event_type_statements.get_event_type)
    event_types = reads(event_type_statements.list_event_types)
    change_event_type = writes(event_type_statements.change_event_type)
    delete_event_type = writes(event_type_statements.delete_event_type)


class _Log(Operations):
    message = reads(log.get_message)
    messages = reads(log.list_messages)
    attempt = reads(log.get_attempt)
    attempts = reads(log.list_attempts)
    delivery = reads(log.get_delivery)
    deliveries = reads(log.list_deliveries)
    endpoint_counts = reads(log.count_deliveries)
    search_deliveries = reads(searching.search_deliveries)
    pending = reads(log.count_pending)
    tallies = reads(tallies.read_tallies)
    expunge_message = writes(removing.expunge_message)
    expunge_attempt = writes(removing.expunge_attempt)


class SqlStore(_Tokens, _Catalog, _Log):
    """A :class:`~hookseal_sender.store.Store` in a database; :func:`open_store` makes it.

    An endpoint that fails for ``disable_after`` seconds without a success is disabled; 0: never.
    """

    overview = reads(read_overview)

    def __init__(
        self, database: Database, vault: Vault, *, disable_after: float = FIVE_DAYS
    ) -> None:
        super().__init__(database, vault)
        self._outbox = outbox = Outbox(database, vault, disable_after=disable_after)
        self.arrivals = outbox.arrivals
        self.publish = outbox.publish
        self.publish_to = outbox.publish_to
        self.claim = outbox.claim
        self.complete = outbox.complete
        self.release = outbox.release
        self.resend = outbox.resend
        self.replay = outbox.replay
        self.resume = outbox.resume
        self.cancel = outbox.cancel

    async def purge(self, *, before_ms: int, limit: int = 1000) -> int:
        """See :class:`~hookseal_sender.store.base.Housekeeping`."""
        found = await self.database.read(
            purging.find_purgeable, self.database.clock, before_ms=before_ms, limit=limit
        )
        return await self.database.write(purging.purge, found, before_ms=before_ms, limit=limit)

    async def reseal(self) -> tuple[int, int]:
        """See :class:`~hookseal_sender.store.base.Housekeeping`."""
        sealed = broken = 0
        behind: tuple[str, str] | None = ("", "")
        while behind is not None:
            some = await self.database.write(
                resealing.reseal_some, self.vault, behind, limit=_RESEALED_AT_ONCE
            )
            sealed, broken, behind = sealed + some.sealed, broken + some.broken, some.last
        return sealed, broken

    async def ping(self) -> None:
        """See :class:`~hookseal_sender.store.base.Housekeeping`."""
        await self.database.read(self.database.clock)

    async def close(self) -> None:
        """See :class:`~hookseal_sender.store.base.Housekeeping`."""
        await self._outbox.finish()
        await self.database.close()


if TYPE_CHECKING:
    _checked: Callable[[Database, Vault], Store] = SqlStore


def open_store(
    url: str,
    vault: Vault,
    *,
    pool: int = 8,
    disable_after: float = FIVE_DAYS,
    clock: Callable[[Connection], int] | None = None,
) -> SqlStore:
    """Return the store in the database of ``url``, whose secrets ``vault`` opens.

    The schema must be there: see :func:`hookseal_sender.store.migrations.upgrade`. ``pool`` bounds
    the connections to PostgreSQL; ``disable_after`` is :class:`SqlStore`'s; ``clock`` returns unix
    milliseconds and is the database's own unless a test replaces it. Raises
    :class:`~hookseal_sender.errors.StartError` if the database cannot be used.
    """
    database = Database.open(url, pool=pool, clock=clock)
    return SqlStore(database, vault, disable_after=disable_after)


def database_file(url: str) -> Path:
    """Return the file that the URL of an SQLite database names.

    Raises :class:`~hookseal_sender.errors.StartError` for a database in memory or no URL.
    """
    return sqlite.database_file(parse_database_url(url))
