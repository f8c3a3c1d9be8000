"""What the API, the worker and the commands ask of a store.

Knows the operations and their promises. Must not know SQL. One suite of tests runs over every
engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from hookseal_sender.standing import UNBOUNDED

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from hookseal_sender.model import (
        Application,
        ApplicationDraft,
        Attempt,
        Claimed,
        Delivery,
        DeliveryState,
        Endpoint,
        EndpointDraft,
        EventType,
        EventTypeDraft,
        HourTally,
        Keyed,
        Lease,
        LoggedDelivery,
        Message,
        MessageDraft,
        Organisation,
        Overview,
        Result,
        Scope,
        Secret,
        StoredReply,
    )
    from hookseal_sender.standing import Bounds

__all__ = [
    "AttemptFilter",
    "Catalog",
    "DeliveryFilter",
    "Housekeeping",
    "Log",
    "LogFilter",
    "LogPage",
    "MessageFilter",
    "Outbox",
    "Page",
    "PageRequest",
    "Published",
    "Store",
    "Tokens",
]

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRequest:
    """Which part of a list: ``cursor`` is the id to start behind, going back if ``backwards``.

    An event type's id is its name; a delivery's is its message's id, a dot, its endpoint's id.
    """

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
    """Limits a message list by event type, channel and time (unix milliseconds)."""

    event_types: tuple[str, ...] | None = None
    channel: str | None = None
    before_ms: int | None = None
    after_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptFilter(MessageFilter):
    """Limits an attempt list further; ``succeeded`` None means both outcomes.

    ``status_class`` is 100, 200, ... 500, or 0 for attempts without an answer.
    """

    msg_id: str | None = None
    endpoint_id: str | None = None
    succeeded: bool | None = None
    status_class: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryFilter(MessageFilter):
    """Limits a delivery list further; times are those of the message.

    ``attempted_after_ms`` is a time of the newest attempt, which counts in a replay alone.
    """

    msg_id: str | None = None
    endpoint_id: str | None = None
    states: tuple[DeliveryState, ...] | None = None
    last_status: int | None = None
    attempted_after_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LogFilter:
    """Limits the log of one endpoint; what is None limits nothing.

    ``status_class`` is 100, 200, ... 500, or 0 for no answer; it and ``status`` are those of the
    newest attempt. The messages are made from ``after_ms`` until ``before_ms``, to the 4 ms that
    an id tells.
    """

    states: tuple[DeliveryState, ...] | None = None
    status_class: int | None = None
    status: int | None = None
    event_type: str | None = None
    after_ms: int | None = None
    before_ms: int | None = None
    msg_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPage:
    """Part of an endpoint's log, newest first.

    ``more_behind`` is the message id to go on behind, None if there is nothing more. Where the
    search ended because it had looked at enough, ``searched_to_ms`` is the time of the oldest
    message that it looked at, and what follows may hold nothing that is searched for.
    """

    items: Sequence[LoggedDelivery]
    more_behind: str | None
    searched_to_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """An accepted message. ``replayed``: the idempotency key was used before, nothing is new."""

    message: Message
    replayed: bool = False


class Tokens(Protocol):
    """Organisations, and tokens that were taken back."""

    async def organisation(self, name: str) -> Organisation:
        """Return the organisation of that name, made on first use."""
        ...

    async def revoke_token(self, token_id: str, expires_ms: int) -> None:
        """Remember until ``expires_ms`` that the token is not good any more."""
        ...

    async def token_revoked(self, token_id: str) -> bool:
        """Tell whether :meth:`revoke_token` was called for it."""
        ...

    async def begin_keyed(self, keyed: Keyed) -> StoredReply | None:
        """Return what the key's first request was answered, or None: this is the first.

        Raises KeyUnderWay while the first is under way, for five minutes or as long as
        :meth:`renew_keyed` is called within them, and KeyReused if it had another body.
        """
        ...

    async def renew_keyed(self, keyed: Keyed) -> None:
        """Keep the key for its first request, which is still under way, for five minutes more."""
        ...

    async def finish_keyed(self, keyed: Keyed, reply: StoredReply | None) -> None:
        """Keep the reply for 12 hours; None forgets the key, so that it can be tried again."""
        ...


class Catalog(Protocol):
    """Applications, endpoints and event types. ``key`` is an id or a uid."""

    async def create_application(self, org_id: str, draft: ApplicationDraft) -> Application:
        """Return the new application."""
        ...

    async def application(self, scope: Scope, key: str) -> Application:
        """Return the application, if ``scope`` covers it."""
        ...

    async def applications(self, org_id: str, page: PageRequest) -> Page[Application]:
        """Return applications by id."""
        ...

    async def change_application(
        self, app_id: str, change: Callable[[Application], ApplicationDraft]
    ) -> Application:
        """Replace what a caller decides by what ``change`` makes of it.

        Nobody else changes it meanwhile, here as in the others: of two that change a part each,
        both count. ``change`` runs in another thread; what it raises undoes everything.
        """
        ...

    async def delete_application(self, app_id: str) -> None:
        """Delete it with its endpoints; deliveries that are not finished are cancelled."""
        ...

    async def create_endpoint(
        self,
        app_id: str,
        draft: EndpointDraft,
        secret: str,
        headers: Mapping[str, str] | None = None,
    ) -> Endpoint:
        """Return the new endpoint."""
        ...

    async def endpoint(self, app_id: str, key: str) -> Endpoint:
        """Return the endpoint."""
        ...

    async def endpoints(self, app_id: str, page: PageRequest) -> Page[Endpoint]:
        """Return endpoints by id."""
        ...

    async def change_endpoint(
        self, app_id: str, endpoint_id: str, change: Callable[[Endpoint], EndpointDraft]
    ) -> Endpoint:
        """Replace all but secrets and headers by what ``change`` makes of it.

        Disabling holds the deliveries; enabling resumes them and forgets failures and pauses.
        """
        ...

    async def delete_endpoint(self, app_id: str, endpoint_id: str) -> None:
        """Delete it; its unfinished deliveries are cancelled, one in flight is not recorded."""
        ...

    async def change_headers(
        self,
        app_id: str,
        endpoint_id: str,
        change: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> None:
        """Replace the custom headers by what ``change`` makes of them."""
        ...

    async def rotate_secret(
        self, app_id: str, endpoint_id: str, secret: str, *, overlap: float
    ) -> Sequence[Secret]:
        """Make ``secret`` the first; the one before signs too for ``overlap`` seconds.

        Returns the secrets that count now, newest first. Raises TooManySecrets past 10 old ones.
        """
        ...

    async def create_event_type(self, org_id: str, draft: EventTypeDraft) -> EventType:
        """Return the new event type; an archived one of the name is replaced."""
        ...

    async def event_type(self, scope: Scope, name: str) -> EventType:
        """Return the event type, archived or not; NotFound for one that ``scope`` hides."""
        ...

    async def event_types(
        self, scope: Scope, page: PageRequest, *, archived: bool
    ) -> Page[EventType]:
        """Return the event types that ``scope`` shows, archived ones too if ``archived``."""
        ...

    async def change_event_type(
        self, org_id: str, name: str, change: Callable[[EventType], EventTypeDraft]
    ) -> EventType:
        """Replace the event type by what ``change`` makes of it; its name stays."""
        ...

    async def delete_event_type(self, org_id: str, name: str, *, expunge: bool) -> None:
        """Archive it, or take it out of the database if ``expunge``."""
        ...


class Log(Protocol):
    """Reading what happened, and removing contents."""

    async def message(self, app_id: str, key: str) -> Message:
        """Return the message with that id or event id."""
        ...

    async def messages(self, app_id: str, page: PageRequest, where: MessageFilter) -> Page[Message]:
        """Return messages by id."""
        ...

    async def attempt(self, app_id: str, msg_id: str, attempt_id: str) -> Attempt:
        """Return the attempt of the message."""
        ...

    async def attempts(self, app_id: str, page: PageRequest, where: AttemptFilter) -> Page[Attempt]:
        """Return logged attempts by id: those of a message or of an endpoint, which are indexed."""
        ...

    async def delivery(self, app_id: str, msg_id: str, endpoint_id: str) -> Delivery:
        """Return where the message stands with the endpoint."""
        ...

    async def deliveries(
        self, app_id: str, page: PageRequest, where: DeliveryFilter
    ) -> Page[Delivery]:
        """Return deliveries by message id, then endpoint id."""
        ...

    async def endpoint_counts(
        self, app_id: str, endpoint_id: str, *, after_ms: int, before_ms: int
    ) -> Mapping[DeliveryState, int]:
        """Count the endpoint's deliveries of the messages made in that time."""
        ...

    async def search_deliveries(
        self,
        app_id: str,
        endpoint_id: str,
        where: LogFilter,
        *,
        before: str | None = None,
        limit: int = 50,
    ) -> LogPage:
        """Return the endpoint's deliveries that ``where`` selects, the newest message first.

        They are behind the message id ``before``. However many there are, a call looks at a fixed
        number of deliveries at most, and then returns what it found until there.
        """
        ...

    async def pending(
        self, app_id: str, endpoint_id: str, *, most: int = 10_000
    ) -> Mapping[DeliveryState, int]:
        """Count the endpoint's unfinished deliveries by state, up to ``most`` of each.

        A state that no delivery is in is left out.
        """
        ...

    async def tallies(
        self, app_id: str, *, after_ms: int, endpoint_id: str | None = None
    ) -> Mapping[str, Sequence[HourTally]]:
        """Return the attempts of each endpoint by hour, oldest first, by endpoint id.

        They are of the hours that begin at ``after_ms`` or later and have any; endpoints without,
        and those that were deleted, are left out. ``endpoint_id`` is the one to look at alone.
        """
        ...

    async def expunge_message(self, app_id: str, msg_id: str) -> None:
        """Remove the payload; deliveries that are not finished are cancelled."""
        ...

    async def expunge_attempt(self, app_id: str, msg_id: str, attempt_id: str) -> None:
        """Remove the answer that the attempt got."""
        ...


class Outbox(Protocol):
    """Publishing, and the life of a delivery."""

    arrivals: asyncio.Event
    """Set whenever there may be a delivery to claim; the worker clears it."""

    async def publish(
        self,
        scope: Scope,
        app_key: str,
        draft: MessageDraft,
        *,
        application: ApplicationDraft | None = None,
        keyed: Keyed | None = None,
    ) -> Published:
        """Accept a message: it and its deliveries are stored in one transaction, or neither.

        ``app_key`` is the application's id or uid; where there is none and ``application`` is
        given, that is made in the same transaction. A ``keyed`` publish happens once. Raises
        NotFound, Conflict (event id in use), PlanRequired, PayloadRefused (an enforced schema),
        KeyReused and Unauthenticated (the token was revoked).
        """
        ...

    async def publish_to(self, app_id: str, endpoint_id: str, draft: MessageDraft) -> Message:
        """Accept a message for one endpoint, whatever its filters: an example event."""
        ...

    async def claim(
        self, *, limit: int, per_endpoint: int, lease: float, bounds: Bounds = UNBOUNDED
    ) -> Claimed:
        """Lease up to ``limit`` due deliveries.

        A lease lasts ``lease`` seconds longer than the endpoint's own timeout. No endpoint has more
        than ``per_endpoint`` in flight, however many wait for it, nor more a second than its
        throttle rate and its application's; one that is paused gets none. ``bounds`` is what the
        worker that asks may have of each, and of the slow ones.
        """
        ...

    async def complete(self, result: Result) -> bool:
        """Log the attempt and end its lease; False, and nothing changed, if the lease was lost."""
        ...

    async def release(self, leases: Sequence[Lease]) -> None:
        """Give deliveries back unattempted, due at once."""
        ...

    async def resend(self, app_id: str, msg_id: str, endpoint_id: str) -> None:
        """Start the delivery anew, now, whatever the endpoint's filters.

        Raises Conflict while an attempt is under way, when the endpoint is disabled, or when the
        payload was removed.
        """
        ...

    async def replay(self, app_id: str, endpoint_id: str, where: DeliveryFilter) -> int:
        """Start every delivery of the endpoint that ``where`` selects anew; return how many.

        Those under way, and those whose payload was removed, are left alone, and so is what is
        published while this runs.
        """
        ...

    async def resume(self, app_id: str, endpoint_id: str, *, after_ms: int | None = None) -> int:
        """Enable the endpoint and make what is held for it due; return how many.

        What was published before ``after_ms`` is cancelled instead. Of many, claims make the rest
        due, chunk by chunk.
        """
        ...

    async def cancel(self, app_id: str, msg_id: str, endpoint_id: str | None = None) -> int:
        """End the message's unfinished deliveries, or the one to the endpoint; return how many.

        An attempt under way is not recorded.
        """
        ...


class Housekeeping(Protocol):
    """What keeps the database small and the operator informed."""

    async def purge(self, *, before_ms: int, limit: int = 1000) -> int:
        """Remove what is kept no longer, and return how many rows went.

        That is payloads whose time is up, finished messages made before ``before_ms`` with their
        deliveries and attempts, tallies of hours that were over by then, and keys that have
        expired. With its payload a held delivery ends: it is cancelled. At most ``limit`` messages
        a call, so that no other writer waits long; 0: nothing is left.
        """
        ...

    async def reseal(self) -> tuple[int, int]:
        """Seal all that an older key sealed with the newest, so that the older can be retired.

        Returns the number of endpoints sealed anew, and of those that none of the keys opens.
        """
        ...

    async def overview(self) -> Overview:
        """Return the state of the whole sender."""
        ...

    async def ping(self) -> None:
        """Return if the database answers."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...


class Store(Tokens, Catalog, Log, Outbox, Housekeeping, Protocol):
    """Every write is durable when its coroutine returns.

    Operations raise :class:`~hookseal_sender.errors.NotFound` for what does not exist in the
    application, :class:`~hookseal_sender.errors.Conflict` for a uid or event id in use, and
    :class:`~hookseal_sender.errors.StoreUnavailable` when the database fails.
    """
