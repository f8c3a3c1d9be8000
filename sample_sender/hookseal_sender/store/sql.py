"""The store on SQLAlchemy: an async face over statements that run in threads.

Knows transactions, threads and group commit. Must not know what the statements do.

One thread writes, so that writers never wait for each other's locks; two read beside it (WAL).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hookseal_sender.errors import Conflict, StoreUnavailable
from hookseal_sender.model import MessageDraft, Result
from hookseal_sender.store import catalog, log, outbox
from hookseal_sender.store.batch import Batcher
from hookseal_sender.store.database import database_clock, open_database, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Concatenate

    from hookseal_sender.model import (
        Application,
        ApplicationDraft,
        Attempt,
        Claimed,
        Delivery,
        Endpoint,
        EndpointDraft,
        Lease,
        Message,
        Scope,
    )
    from hookseal_sender.store.base import AttemptFilter, MessageFilter, Page, PageRequest

__all__ = ["SqlStore"]

ResultT = TypeVar("ResultT")
P = ParamSpec("P")


class SqlStore:
    """A :class:`~hookseal_sender.store.Store` in the SQLite file that ``url`` names.

    ``clock`` returns unix milliseconds and is the database's own; tests replace it. Raises
    :class:`~hookseal_sender.errors.StartError` if the database cannot be used.
    """

    def __init__(self, url: str, *, clock: Callable[[Connection], int] = database_clock) -> None:
        self.arrivals = asyncio.Event()
        self._engine = open_database(url)
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="hookseal-write")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="hookseal-read")
        self._publishes: Batcher[tuple[str, MessageDraft], Message] = Batcher(
            lambda drafts: self._write(outbox.publish, drafts)
        )
        self._results: Batcher[Result, bool] = Batcher(
            lambda results: self._write(outbox.complete, results)
        )

    async def create_application(self, org_id: str, draft: ApplicationDraft) -> Application:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._write(catalog.create_application, org_id, draft)

    async def application(self, scope: Scope, key: str) -> Application:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(catalog.find_application, scope, key)

    async def applications(self, org_id: str, page: PageRequest) -> Page[Application]:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(catalog.list_applications, org_id, page)

    async def delete_application(self, app_id: str) -> None:
        """See :class:`~hookseal_sender.store.Store`."""
        await self._write(catalog.delete_application, app_id)

    async def create_endpoint(self, app_id: str, draft: EndpointDraft, secret: str) -> Endpoint:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._write(catalog.create_endpoint, app_id, draft, secret)

    async def endpoint(self, app_id: str, key: str) -> Endpoint:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(catalog.get_endpoint, app_id, key)

    async def endpoints(self, app_id: str, page: PageRequest) -> Page[Endpoint]:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(catalog.list_endpoints, app_id, page)

    async def update_endpoint(
        self, app_id: str, endpoint_id: str, draft: EndpointDraft
    ) -> Endpoint:
        """See :class:`~hookseal_sender.store.Store`."""
        updated = await self._write(catalog.update_endpoint, app_id, endpoint_id, draft)
        self.arrivals.set()
        return updated

    async def delete_endpoint(self, app_id: str, endpoint_id: str) -> None:
        """See :class:`~hookseal_sender.store.Store`."""
        await self._write(catalog.delete_endpoint, app_id, endpoint_id)

    async def publish(self, app_id: str, draft: MessageDraft) -> Message:
        """See :class:`~hookseal_sender.store.Store`."""
        accepted = await self._publishes.submit((app_id, draft))
        self.arrivals.set()
        return accepted

    async def message(self, app_id: str, key: str) -> Message:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(log.get_message, app_id, key)

    async def messages(self, app_id: str, page: PageRequest, where: MessageFilter) -> Page[Message]:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(log.list_messages, app_id, page, where)

    async def attempts(self, app_id: str, page: PageRequest, where: AttemptFilter) -> Page[Attempt]:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(log.list_attempts, app_id, page, where)

    async def deliveries(self, app_id: str, msg_id: str) -> Sequence[Delivery]:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._read(log.list_deliveries, app_id, msg_id)

    async def claim(self, *, limit: int, per_endpoint: int, lease: float) -> Claimed:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._write(outbox.claim, limit=limit, per_endpoint=per_endpoint, lease=lease)

    async def complete(self, result: Result) -> bool:
        """See :class:`~hookseal_sender.store.Store`."""
        return await self._results.submit(result)

    async def release(self, leases: Sequence[Lease]) -> None:
        """See :class:`~hookseal_sender.store.Store`."""
        await self._write(outbox.release, leases)

    async def ping(self) -> None:
        """See :class:`~hookseal_sender.store.Store`."""
        await self._read(database_clock)

    async def close(self) -> None:
        """See :class:`~hookseal_sender.store.Store`."""
        await self._publishes.finish()
        await self._results.finish()
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    async def _write(
        self,
        work: Callable[Concatenate[Connection, int, P], ResultT],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        def transaction() -> ResultT:
            with writing(self._engine) as connection, connection.begin():
                return work(connection, self._clock(connection), *args, **kwargs)

        return await self._run(self._writer, transaction)

    async def _read(
        self,
        work: Callable[Concatenate[Connection, P], ResultT],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        def snapshot() -> ResultT:
            with self._engine.connect() as connection:
                return work(connection, *args, **kwargs)

        return await self._run(self._readers, snapshot)

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, work)
        except IntegrityError:
            raise Conflict("another one with this uid exists already") from None
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the database failed: {type(error).__name__}") from error
