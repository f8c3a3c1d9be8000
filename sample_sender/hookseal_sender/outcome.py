"""What an exchange with an endpoint means.

Knows the delivery rules: 2xx succeeds, everything else fails, 410 also disables the endpoint, and
429, 502 and 504 throttle it. Must not know sockets, schedules or storage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import TypeAlias

__all__ = ["Exchange", "Fault", "FaultKind", "Reply", "Verdict", "judge"]


class FaultKind(Enum):
    """Why no answer came."""

    TIMEOUT = "timeout"  # the exchange took longer than it may
    ADDRESS = "address"  # the guard refused where the name led
    NAME = "name"  # the host name did not resolve
    CONNECTION = "connection"  # refused, reset, unreachable
    TLS = "tls"  # certificate or handshake
    PROTOCOL = "protocol"  # what came back was not HTTP
    SETUP = "setup"  # the URL or the secret cannot be used


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer: ``body`` is the part that was kept, ``retry_after`` the field's text.

    ``headers`` are the fields as received, in their order, as many as were kept.
    """

    status: int
    body: str = field(repr=False)
    duration_ms: int
    retry_after: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """No answer. ``message`` is a clause for people, such as "connection refused"."""

    kind: FaultKind
    message: str
    duration_ms: int


Exchange: TypeAlias = Reply | Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision, and the reason in plain words.

    ``throttles`` means that the whole endpoint is to rest: see
    :func:`hookseal_sender.throttle.pause_after`.
    """

    succeeded: bool
    reason: str
    disables_endpoint: bool = False
    throttles: bool = False


_TOO_MUCH = {
    HTTPStatus.TOO_MANY_REQUESTS: "too many requests",
    HTTPStatus.BAD_GATEWAY: "bad gateway",
    HTTPStatus.GATEWAY_TIMEOUT: "gateway timeout",
}


def judge(exchange: Exchange) -> Verdict:
    """Return what ``exchange`` means for the delivery and its endpoint."""
    if isinstance(exchange, Fault):
        return Verdict(succeeded=False, reason=exchange.message)
    return _judge_status(exchange.status)


@lru_cache(maxsize=1024)
def _judge_status(status: int) -> Verdict:
    reason = f"the endpoint answered {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(succeeded=True, reason=reason)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Verdict(succeeded=False, reason=f"{reason}; redirects are not followed")
    if status == HTTPStatus.GONE:
        reason += " (gone), which disables it"
        return Verdict(succeeded=False, reason=reason, disables_endpoint=True)
    if status in _TOO_MUCH:
        reason += f" ({_TOO_MUCH[HTTPStatus(status)]}), which lets it rest"
        return Verdict(succeeded=False, reason=reason, throttles=True)
    return Verdict(succeeded=False, reason=reason)
