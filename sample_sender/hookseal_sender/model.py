"""The things the sender keeps, as frozen values.

Knows the words of the domain: organisation, application, endpoint, event type, message, delivery,
attempt. Must not know how they are stored, sent or rendered. Times are unix milliseconds (``_ms``),
durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

from hookseal_sender.errors import SealBroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DEFAULT_ORGANISATION",
    "ENTERPRISE",
    "OPERATIONS_ORGANISATION",
    "Application",
    "ApplicationDraft",
    "Attempt",
    "AttemptDraft",
    "Claimed",
    "Delivery",
    "DeliveryState",
    "Disabled",
    "Endpoint",
    "EndpointDraft",
    "EventType",
    "EventTypeDraft",
    "HourTally",
    "Keyed",
    "Lease",
    "LoggedDelivery",
    "Message",
    "MessageDraft",
    "Organisation",
    "Overview",
    "Result",
    "Scope",
    "Secret",
    "StoredReply",
    "Task",
    "Trigger",
]

DEFAULT_ORGANISATION = "org_" + "1".rjust(27, "0")
"""The organisation of a token that names no other."""

OPERATIONS_ORGANISATION = "org_" + "operations".rjust(27, "0")
"""Its applications, each with the id of an organisation as uid, get the operational webhooks."""

ENTERPRISE = "enterprise"
"""The plan that includes webhooks."""


class DeliveryState(IntEnum):
    """Where one message stands with one endpoint."""

    READY = 0  # waits for a worker
    SENDING = 1  # claimed by a worker until its lease ends
    SUCCEEDED = 2  # answered 2xx
    FAILED = 3  # the retry schedule is used up
    HELD = 4  # the endpoint is disabled; enabling it resumes the delivery
    CANCELLED = 5  # by a caller, because the endpoint was deleted, or without a payload to send
    WAITING = 6  # waits for the time of its next attempt


class Trigger(IntEnum):
    """Why an attempt was made. The numbers are those of the Svix API."""

    SCHEDULED = 0  # by publishing, or by the retry schedule
    MANUAL = 1  # somebody asked for it


class Disabled(Enum):
    """Why an endpoint is disabled."""

    BY_CALLER = "by_caller"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # it failed for too long


@dataclass(frozen=True, kw_only=True, slots=True)
class Organisation:
    """A platform: the owner of applications and event types."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a token may touch: one organisation, or one application of it.

    ``token_id`` is what revoking it names; tokens made before there were ids have none. One of
    an application sees the event types of no feature, and those that belong to ``feature_flags``.
    """

    org_id: str
    app_id: str | None = None
    token_id: str | None = None
    feature_flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationDraft:
    """What a caller says about an application. ``throttle_rate`` is deliveries a second."""

    name: str
    uid: str | None = None
    plan: str = ENTERPRISE
    throttle_rate: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True, slots=True)
class Application(ApplicationDraft):
    """A tenant: the customer whose endpoints get its messages."""

    id: str
    org_id: str
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointDraft:
    """What a caller says about an endpoint.

    ``event_types`` and ``channels`` None mean every one. ``throttle_rate`` is deliveries a second,
    ``retry_schedule`` the seconds before each retry, ``timeout`` seconds for a whole exchange;
    None means the sender's own.
    """

    url: str
    name: str
    description: str = ""
    uid: str | None = None
    event_types: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    disabled: bool = False
    throttle_rate: int | None = None
    retry_schedule: tuple[float, ...] | None = None
    timeout: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A signing key. ``expires_ms`` is set when a newer one has taken its place."""

    key: str = field(repr=False)
    expires_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint(EndpointDraft):
    """A customer's URL. ``secrets`` are newest first; the repr leaves them and ``headers`` out.

    ``paused_until_ms`` is set while the endpoint rests because it asked for less,
    ``failing_since_ms`` since the first failure behind which no success came. ``unreadable`` says
    why the secrets or the headers are missing where the keys at hand do not open them.
    """

    id: str
    app_id: str
    created_ms: int
    updated_ms: int
    secrets: tuple[Secret, ...] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    disabled_for: Disabled | None = None
    failing_since_ms: int | None = None
    paused_until_ms: int | None = None
    unreadable: str = ""

    @property
    def secret(self) -> str:
        """The newest secret. Raises SealBroken if it cannot be read."""
        if not self.secrets:
            raise SealBroken(self.unreadable)
        return self.secrets[0].key


@dataclass(frozen=True, kw_only=True, slots=True)
class EventTypeDraft:
    """What a caller says about an event type.

    ``schemas`` are JSON Schemas by version; with ``enforced`` a payload must satisfy the newest.
    """

    name: str
    description: str
    archived: bool = False
    deprecated: bool = False
    feature_flag: str | None = None
    schemas: Mapping[str, Mapping[str, object]] | None = None
    enforced: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EventType(EventTypeDraft):
    """A kind of event that an organisation publishes."""

    org_id: str
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDraft:
    """An event as published. ``payload`` is the exact body that every delivery carries.

    ``content_type`` None means JSON. ``not_before_ms`` delays the first attempt.
    ``retention_hours`` is how long the payload is kept.
    """

    event_type: str
    payload: bytes = field(repr=False)
    event_id: str | None = None
    channels: tuple[str, ...] | None = None
    content_type: str | None = None
    not_before_ms: int | None = None
    retention_hours: int = 90 * 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyed:
    """An idempotency key of a caller, and the digest of the body that came with it."""

    key: str  # a digest of the token, the key and the path
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredReply:
    """What a caller was answered the first time it used an idempotency key."""

    status: int
    body: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """An event that was accepted, and so will be delivered. ``payload`` None: it was removed."""

    id: str
    app_id: str
    created_ms: int
    event_type: str
    payload: bytes | None = field(repr=False)
    event_id: str | None = None
    channels: tuple[str, ...] | None = None
    content_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One message to one endpoint.

    ``due_ms`` is the next attempt, None if none is planned; ``attempts`` counts all that were made,
    ``tries`` those since it was published or last asked for;
    ``created_ms`` is the message's; ``last_status`` is the newest attempt's status (0: no answer
    came), None before the first.
    """

    app_id: str
    endpoint_id: str
    msg_id: str
    event_type: str
    state: DeliveryState
    attempts: int
    tries: int
    due_ms: int | None
    created_ms: int
    last_status: int | None = None
    last_attempt_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedDelivery(Delivery):
    """A delivery with how its newest attempt went.

    Before the first, ``duration_ms`` is None and ``reason`` empty.
    """

    duration_ms: int | None = None
    reason: str = ""


class Lease(NamedTuple):
    """The right to attempt a delivery; ``token`` fences whoever held it before.

    ``attempts`` were made before, ``tries`` of them since it was published or last asked for: the
    place in the retry schedule. ``asked_for`` tells whether it ever was, by a resend or a replay.
    None of these change while the lease holds.
    """

    app_id: str
    endpoint_id: str
    msg_id: str
    token: str
    attempts: int
    tries: int
    asked_for: bool

    def __str__(self) -> str:
        return f"app={self.app_id} endpoint={self.endpoint_id} message={self.msg_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A claimed delivery with all that an attempt needs.

    ``due_ms`` is since when it was due, on the database's clock. ``secrets`` are the keys to sign
    with now, newest first. ``timeout`` is the exchange's, None for the sender's own.
    """

    lease: Lease
    due_ms: int
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    payload: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    retry_schedule: tuple[float, ...] | None = None
    timeout: float | None = None
    content_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """What a claim got. ``next_in`` is the seconds until more falls due, None if nothing will."""

    tasks: Sequence[Task]
    next_in: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptDraft:
    """One HTTP request as it went. ``status`` is 0 when no answer came.

    ``response_headers`` are the answer's fields as received.
    """

    url: str
    started_ms: int
    duration_ms: int
    succeeded: bool
    status: int
    response: str = field(repr=False)
    reason: str
    response_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt(AttemptDraft):
    """A logged attempt. ``next_ms`` is set on the newest attempt of a delivery that has more."""

    id: str
    msg_id: str
    endpoint_id: str
    event_type: str
    number: int
    trigger: Trigger
    next_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HourTally:
    """How many attempts of an endpoint were recorded in the hour that begins at ``hour_ms``."""

    hour_ms: int
    succeeded: int
    failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How an attempt ends a lease.

    ``retry_in`` is in seconds, None if there is no next attempt. ``pauses`` asks the store to let
    the whole endpoint rest, for at least ``wish`` seconds if the endpoint gave a wish.
    """

    lease: Lease
    attempt: AttemptDraft
    retry_in: float | None
    disables_endpoint: bool = False
    pauses: bool = False
    wish: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The state of the whole sender: deliveries by state, and how late the oldest ready one is."""

    deliveries: Mapping[DeliveryState, int]
    oldest_ready_ms: int | None
    endpoints: int
    endpoints_disabled: int
