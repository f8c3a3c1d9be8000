"""What the API and the worker ask of a store.

Knows the operations and their promises. Must not know SQL: a second engine implements
:class:`Store` and passes the same tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

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
        MessageDraft,
        Result,
        Scope,
    )

__all__ = ["AttemptFilter", "MessageFilter", "Page", "PageRequest", "Store"]

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRequest:
    """Which part of a list: ``cursor`` is the id to start behind, going back if ``backwards``."""

    limit: int = 50
    cursor: str | None = None
    backwards: bool = False
    descending: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[ItemT]):
    """Part of a list; ``done`` tells that nothing follows in the direction asked for."""

    items: Sequence[ItemT]
    done: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageFilter:
    """Limits a message list by event type and by time (unix milliseconds)."""

    event_types: tuple[str, ...] | None = None
    before_ms: int | None = None
    after_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptFilter(MessageFilter):
    """Limits an attempt list further; ``succeeded`` None means both outcomes."""

    msg_id: str | None = None
    endpoint_id: str | None = None
    succeeded: bool | None = None


class Store(Protocol):
    """Every write is durable when its coroutine returns. ``key`` is an id or a uid.

    Operations raise :class:`~hookseal_sender.errors.NotFound` for what does not exist in the
    application, :class:`~hookseal_sender.errors.Conflict` for a uid or event id in use, and
    :class:`~hookseal_sender.errors.StoreUnavailable` when the database fails.
    """

    arrivals: asyncio.Event
    """Set whenever there may be a delivery to claim; the worker clears it."""

    async def create_application(self, org_id: str, draft: ApplicationDraft) -> Application:
        """Return the new application."""
        ...

    async def application(self, scope: Scope, key: str) -> Application:
        """Return the application, if ``scope`` covers it."""
        ...

    async def applications(self, org_id: str, page: PageRequest) -> Page[Application]:
        """Return applications by id."""
        ...

    async def delete_application(self, app_id: str) -> None:
        """Delete it with its endpoints; deliveries that are not finished are cancelled."""
        ...

    async def create_endpoint(self, app_id: str, draft: EndpointDraft, secret: str) -> Endpoint:
        """Return the new endpoint."""
        ...

    async def endpoint(self, app_id: str, key: str) -> Endpoint:
        """Return the endpoint."""
        ...

    async def endpoints(self, app_id: str, page: PageRequest) -> Page[Endpoint]:
        """Return endpoints by id."""
        ...

    async def update_endpoint(
        self, app_id: str, endpoint_id: str, draft: EndpointDraft
    ) -> Endpoint:
        """Replace all but the secret. Disabling holds the deliveries, enabling resumes them."""
        ...

    async def delete_endpoint(self, app_id: str, endpoint_id: str) -> None:
        """Delete it; its unfinished deliveries are cancelled, one in flight is not recorded."""
        ...

    async def publish(self, app_id: str, draft: MessageDraft) -> Message:
        """Accept a message: it and its deliveries are stored in one transaction, or neither."""
        ...

    async def message(self, app_id: str, key: str) -> Message:
        """Return the message with that id or event id."""
        ...

    async def messages(self, app_id: str, page: PageRequest, where: MessageFilter) -> Page[Message]:
        """Return messages by id."""
        ...

    async def attempts(self, app_id: str, page: PageRequest, where: AttemptFilter) -> Page[Attempt]:
        """Return logged attempts by id."""
        ...

    async def deliveries(self, app_id: str, msg_id: str) -> Sequence[Delivery]:
        """Return where a message stands with each of its endpoints."""
        ...

    async def claim(self, *, limit: int, per_endpoint: int, lease: float) -> Claimed:
        """Lease up to ``limit`` due deliveries for ``lease`` seconds.

        No endpoint has more than ``per_endpoint`` in flight, however many wait for it.
        """
        ...

    async def complete(self, result: Result) -> bool:
        """Log the attempt and end its lease; False, and nothing changed, if the lease was lost."""
        ...

    async def release(self, leases: Sequence[Lease]) -> None:
        """Give deliveries back unattempted, due at once."""
        ...

    async def ping(self) -> None:
        """Return if the database answers."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...
