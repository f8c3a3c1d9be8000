"""What an exchange with an endpoint means.

Knows the delivery rules: 2xx succeeds, everything else fails, 410 also disables the endpoint. Must
not know sockets, schedules or storage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
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
    """An answer: ``body`` is the part that was kept, ``retry_after`` the field's text."""

    status: int
    body: str = field(repr=False)
    duration_ms: int
    retry_after: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """No answer. ``message`` is a clause for people, such as "connection refused"."""

    kind: FaultKind
    message: str
    duration_ms: int


Exchange: TypeAlias = Reply | Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision, and the reason in plain words."""

    succeeded: bool
    reason: str
    disables_endpoint: bool = False


def judge(exchange: Exchange) -> Verdict:
    """Return what ``exchange`` means for the delivery and its endpoint."""
    if isinstance(exchange, Fault):
        return Verdict(succeeded=False, reason=exchange.message)
    status = exchange.status
    reason = f"the endpoint answered {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(succeeded=True, reason=reason)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Verdict(succeeded=False, reason=f"{reason}; redirects are not followed")
    if status == HTTPStatus.GONE:
        reason += " (gone), which disables it"
        return Verdict(succeeded=False, reason=reason, disables_endpoint=True)
    return Verdict(succeeded=False, reason=reason)
