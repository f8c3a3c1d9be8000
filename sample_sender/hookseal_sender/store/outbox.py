"""The outbox: publishing, and the life of a delivery.

Knows which statements share a transaction, and which transactions are batches. Must not know what
the statements do.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from hookseal_sender.errors import Conflict, NotFound, PayloadRefused
from hookseal_sender.standing import UNBOUNDED
from hookseal_sender.store import redelivering
from hookseal_sender.store.accepting import Publication, Unchecked, accept
from hookseal_sender.store.base import Published
from hookseal_sender.store.batch import Batcher
from hookseal_sender.store.claims import Claimer
from hookseal_sender.store.completing import complete
from hookseal_sender.store.publishing import insert_accepted, make_accepted
from hookseal_sender.store.schema import endpoint
from hookseal_sender.store.tallies import SHARDS
from hookseal_sender.store.validating import check_payload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from hookseal_sender.model import (
        ApplicationDraft,
        Claimed,
        Keyed,
        Lease,
        Message,
        MessageDraft,
        Result,
        Scope,
    )
    from hookseal_sender.standing import Bounds
    from hookseal_sender.store.base import DeliveryFilter
    from hookseal_sender.store.database import Database
    from hookseal_sender.vault import Vault

__all__ = ["FIVE_DAYS", "Outbox"]

FIVE_DAYS = 432_000.0


class Outbox:
    """A :class:`~hookseal_sender.store.base.Outbox` in a database.

    An endpoint that fails for ``disable_after`` seconds without a success is disabled; 0: never.
    """

    def __init__(
        self, database: Database, vault: Vault, *, disable_after: float = FIVE_DAYS
    ) -> None:
        self.arrivals = database.arrivals
        self._database = database
        self._disable_after = disable_after
        self._shard = secrets.randbelow(SHARDS)
        self._claimer = Claimer(vault)
        self._publishes = Batcher(self._store_publications, _bytes_of_publication)
        self._results = Batcher(self._store_results, _bytes_of_result)
        self._enforced: dict[tuple[str, str], Unchecked] = {}

    async def finish(self) -> None:
        """Return when everything that was submitted is committed."""
        await self._publishes.finish()
        await self._results.finish()

    # --- publishing ----------------------------------------------------------------------------

    async def publish(
        self,
        scope: Scope,
        app_key: str,
        draft: MessageDraft,
        *,
        application: ApplicationDraft | None = None,
        keyed: Keyed | None = None,
    ) -> Published:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        publication = Publication(
            scope=scope, app_key=app_key, draft=draft, application=application, keyed=keyed
        )
        event_type = (scope.org_id, draft.event_type)
        if event_type in self._enforced:
            publication = await self._foreseen(publication, self._enforced[event_type])
        while True:
            try:
                return await self._publishes.submit(publication)
            except Unchecked as schema:
                self._enforced[event_type] = schema
                publication = await _checked(publication, schema)

    async def _foreseen(self, publication: Publication, schema: Unchecked) -> Publication:
        """Check against the schema as it was last; only the database knows whether it still is."""
        try:
            return await _checked(publication, schema)
        except PayloadRefused:
            del self._enforced[publication.scope.org_id, publication.draft.event_type]
            return publication

    async def _store_publications(
        self, publications: Sequence[Publication]
    ) -> Sequence[Published | Exception]:
        try:
            return await self._database.write(accept, publications)
        except Conflict:
            # Another process stored a key, an event id or an application of the batch meanwhile:
            # now it is seen.
            return await self._database.write(accept, publications)

    async def publish_to(self, app_id: str, endpoint_id: str, draft: MessageDraft) -> Message:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        return await self._database.write(_publish_to, app_id, endpoint_id, draft)

    # --- attempts ------------------------------------------------------------------------------

    async def claim(
        self, *, limit: int, per_endpoint: int, lease: float, bounds: Bounds = UNBOUNDED
    ) -> Claimed:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        self._database.listen()
        # What a claim does may be lost in a power cut: the delivery is claimed again.
        return await self._database.write_relaxed(
            self._claimer.claim,
            limit=limit,
            per_endpoint=per_endpoint,
            lease=lease,
            bounds=bounds,
        )

    async def complete(self, result: Result) -> bool:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        return await self._results.submit(result)

    async def _store_results(self, results: Sequence[Result]) -> Sequence[bool | Exception]:
        return await self._database.write(
            complete, results, disable_after=self._disable_after, shard=self._shard
        )

    async def release(self, leases: Sequence[Lease]) -> None:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        await self._database.write(redelivering.release, leases)

    # --- deliveries ----------------------------------------------------------------------------

    async def resend(self, app_id: str, msg_id: str, endpoint_id: str) -> None:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        await self._database.write(redelivering.resend, app_id, msg_id, endpoint_id)

    async def replay(self, app_id: str, endpoint_id: str, where: DeliveryFilter) -> int:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        if where.before_ms is None:  # else it would not end, nor spare what is published meanwhile
            now_ms = await self._database.read(self._database.clock)
            where = replace(where, before_ms=now_ms + 1)
        moved, behind = 0, ""
        while True:
            chunk = await self._database.write(
                redelivering.replay_some, app_id, endpoint_id, where, behind=behind
            )
            moved += chunk.moved
            if chunk.last is None:
                return moved
            behind = chunk.last

    async def resume(self, app_id: str, endpoint_id: str, *, after_ms: int | None = None) -> int:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        resumed: int | None = None
        while resumed is None:
            resumed = await self._database.write(redelivering.resume, app_id, endpoint_id, after_ms)
        return resumed

    async def cancel(self, app_id: str, msg_id: str, endpoint_id: str | None = None) -> int:
        """See :class:`~hookseal_sender.store.base.Outbox`."""
        return await self._database.write(redelivering.cancel, app_id, msg_id, endpoint_id)


def _bytes_of_publication(publication: Publication) -> int:
    return len(publication.draft.payload)


def _bytes_of_result(result: Result) -> int:
    return len(result.attempt.response)


async def _checked(publication: Publication, schema: Unchecked) -> Publication:
    """Return the publication as one whose payload satisfies the schema; off the event loop."""
    draft = publication.draft
    await asyncio.to_thread(check_payload, draft.event_type, schema.schemas, draft.payload)
    return replace(publication, checked_ms=schema.updated_ms)


def _publish_to(
    connection: Connection, now_ms: int, app_id: str, endpoint_id: str, draft: MessageDraft
) -> Message:
    known = select(endpoint.c.id).where(
        endpoint.c.app_id == app_id,
        endpoint.c.id == endpoint_id,
        endpoint.c.deleted_ms.is_(None),
    )
    if connection.execute(known).first() is None:
        raise NotFound("there is no such endpoint")
    accepted = make_accepted(now_ms, app_id, draft, endpoint_id=endpoint_id)
    insert_accepted(connection, now_ms, [accepted])
    return accepted.message
