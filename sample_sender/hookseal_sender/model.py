"""The things the sender keeps, as frozen values.

Knows the words of the domain: application, endpoint, message, delivery, attempt. Must not know how
they are stored, sent or rendered. Times are unix milliseconds (``_ms``), durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DEFAULT_ORGANISATION",
    "Application",
    "ApplicationDraft",
    "Attempt",
    "AttemptDraft",
    "Claimed",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "EndpointDraft",
    "Lease",
    "Message",
    "MessageDraft",
    "Result",
    "Scope",
    "Task",
]

DEFAULT_ORGANISATION = "org_" + "1".rjust(27, "0")
"""The organisation that owns everything until there are several."""


class DeliveryState(IntEnum):
    """Where one message stands with one endpoint."""

    PENDING = 0  # waits for its next attempt
    SENDING = 1  # claimed by a worker until its lease ends
    SUCCEEDED = 2  # answered 2xx
    FAILED = 3  # the retry schedule is used up
    HELD = 4  # the endpoint is disabled; enabling it resumes the delivery
    CANCELLED = 5  # the endpoint or its application was deleted


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a token may touch: one organisation, or one application of it."""

    org_id: str
    app_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationDraft:
    """What a caller says about an application."""

    name: str
    uid: str | None = None
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
    """What a caller says about an endpoint. ``event_types`` None means every event."""

    url: str
    name: str
    description: str = ""
    uid: str | None = None
    event_types: tuple[str, ...] | None = None
    disabled: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint(EndpointDraft):
    """A customer's URL. ``secrets`` are newest first; the repr leaves them out."""

    id: str
    app_id: str
    created_ms: int
    updated_ms: int
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDraft:
    """An event as published. ``payload`` is the exact body that every delivery carries."""

    event_type: str
    payload: bytes = field(repr=False)
    event_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message(MessageDraft):
    """An event that was accepted, and so will be delivered."""

    id: str
    app_id: str
    created_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One message to one endpoint. ``due_ms`` is the next attempt, None if none is planned."""

    app_id: str
    endpoint_id: str
    msg_id: str
    state: DeliveryState
    attempts: int
    due_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to attempt a delivery; ``token`` fences whoever held it before."""

    app_id: str
    endpoint_id: str
    msg_id: str
    token: str

    def __str__(self) -> str:
        return f"app={self.app_id} endpoint={self.endpoint_id} message={self.msg_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A claimed delivery with all that an attempt needs. ``attempts`` counts those before."""

    lease: Lease
    attempts: int
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    payload: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """What a claim got. ``next_in`` is the seconds until more falls due, None if nothing will."""

    tasks: Sequence[Task]
    next_in: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptDraft:
    """One HTTP request as it went. ``status`` is 0 when no answer came."""

    url: str
    started_ms: int
    duration_ms: int
    succeeded: bool
    status: int
    response: str = field(repr=False)
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt(AttemptDraft):
    """A logged attempt. ``next_ms`` is set on the newest attempt of a delivery that has more."""

    id: str
    msg_id: str
    endpoint_id: str
    event_type: str
    number: int
    next_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How an attempt ends a lease: ``retry_in`` seconds, None if there is no next attempt."""

    lease: Lease
    attempt: AttemptDraft
    retry_in: float | None
    disables_endpoint: bool
