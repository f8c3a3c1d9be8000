"""A delivery as its page tells it: what comes next, what was sent, what came back.

Knows how a request is rebuilt from what is stored. Must not know pages or the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookseal_receiver.play.exports import curl_command
from hookseal_receiver.play.present import SHOWN_BYTES, Shown, as_json, as_text
from hookseal_sender.api.headers import is_sensitive
from hookseal_sender.console.words import advice
from hookseal_sender.http1 import DEFAULT_HEADERS
from hookseal_sender.model import DeliveryState
from hookseal_sender.signing import attempt_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.console.web import ConsoleSettings
    from hookseal_sender.model import Attempt, Delivery, Endpoint, Message

__all__ = ["AttemptView", "Plan", "attempt_views", "body_view", "curl_of", "plan_of"]

_ANY_SECRET = "whsec_" + "A" * 43 + "="  # what a signature is made with that is not shown
_HIDDEN = "(not shown)"
_NOT_KEPT = "v1,... (made for this attempt, and not kept)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Where a delivery stands in its schedule: the attempt ``number`` of ``most``.

    ``next_ms`` is the time of the next attempt, None if none is planned.
    """

    number: int
    most: int
    next_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptView:
    """An attempt with what was sent and what came back, ready to be shown."""

    attempt: Attempt
    advice: str
    request_headers: tuple[tuple[str, str], ...]
    response: Shown


def plan_of(delivery: Delivery, endpoint: Endpoint, settings: ConsoleSettings) -> Plan:
    """Return where the delivery stands: an endpoint's own schedule counts before the sender's."""
    schedule = endpoint.retry_schedule
    retries = len(settings.retry_schedule if schedule is None else schedule)
    before = delivery.attempts - delivery.tries  # made before it was last asked for
    return Plan(
        number=delivery.attempts,
        most=max(before + 1 + retries, delivery.attempts),
        next_ms=delivery.due_ms if delivery.state is DeliveryState.WAITING else None,
    )


def attempt_views(
    attempts: Sequence[Attempt], endpoint: Endpoint, message: Message
) -> list[AttemptView]:
    """Return the attempts ready to be shown, in their order."""
    return [_view(each, endpoint, message) for each in attempts]


def body_view(message: Message, *, whole: bool = False) -> Shown | None:
    """Return the body that is sent, None where it was removed."""
    if message.payload is None:
        return None
    return _shown(message.payload, None if whole else SHOWN_BYTES)


def curl_of(endpoint: Endpoint, message: Message, payload: bytes, now: float) -> str:
    """Return a shell command that makes the request anew, signed at ``now`` with today's secret.

    Custom headers that may be credentials have no value in it. Raises SealBroken where there is no
    secret that can be read.
    """
    keys = (endpoint.secret, *(each.key for each in endpoint.secrets[1:]))
    headers = _headers(endpoint, message, payload, int(now), keys)
    shown = tuple(
        (name, "..." if name in endpoint.headers and is_sensitive(name) else value)
        for name, value in headers
    )
    return curl_command("POST", endpoint.url, shown, payload)


def _view(attempt: Attempt, endpoint: Endpoint, message: Message) -> AttemptView:
    response = _shown(attempt.response.encode("utf-8", "replace"), SHOWN_BYTES)
    return AttemptView(
        attempt=attempt,
        advice=advice(attempt.status, attempt.reason),
        request_headers=_sent(attempt, endpoint, message),
        response=response,
    )


def _sent(attempt: Attempt, endpoint: Endpoint, message: Message) -> tuple[tuple[str, str], ...]:
    """Return the headers of an attempt: times and ids are its own, custom headers today's."""
    headers = _headers(endpoint, message, b"", attempt.started_ms // 1000, (_ANY_SECRET,))
    return tuple((name, _told(name, value, endpoint)) for name, value in headers)


def _told(name: str, value: str, endpoint: Endpoint) -> str:
    if name in endpoint.headers:
        return _HIDDEN if is_sensitive(name) else value
    return _NOT_KEPT if name.endswith("-signature") else value


def _headers(
    endpoint: Endpoint, message: Message, payload: bytes, timestamp: int, keys: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    headers = attempt_headers(
        message.id,
        timestamp,
        payload,
        secrets=keys,
        custom=endpoint.headers,
        content_type=message.content_type,
    )
    named = {name.lower() for name in headers}
    defaults = ((name, text) for name, text in DEFAULT_HEADERS.items() if name not in named)
    return (*defaults, *headers.items())


def _shown(body: bytes, limit: int | None) -> Shown:
    return as_json(body, limit) or as_text(body, limit)
