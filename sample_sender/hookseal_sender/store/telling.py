"""Which attempts the organisation is told of.

Knows the three moments of a delivery that are told: it fails for the fourth time, its schedule is
used up, and it succeeds after it was told to fail. Must not know how an event is published.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from hookseal_sender.store.operational import emit
from hookseal_sender.store.schema import application, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from hookseal_sender.model import Result

__all__ = ["Recorded", "tell_of_attempts"]

_FAILURES_TOLD = 4


class Recorded(NamedTuple):
    """A result that counted, and its attempt's id."""

    result: Result
    attempt_id: str


def tell_of_attempts(connection: Connection, now_ms: int, recorded: Sequence[Recorded]) -> None:
    """Publish an operational webhook for each attempt that calls for one."""
    for each in recorded:
        event_type = _event_type(each)
        if event_type is not None:
            _tell(connection, now_ms, event_type, each)


def _event_type(recorded: Recorded) -> str | None:
    result, tries = recorded.result, recorded.result.lease.tries + 1
    if result.attempt.succeeded:
        return "message.attempt.recovered" if tries > _FAILURES_TOLD else None
    if result.retry_in is None:
        return "message.attempt.exhausted"
    return "message.attempt.failing" if tries == _FAILURES_TOLD else None


def _tell(connection: Connection, now_ms: int, event_type: str, recorded: Recorded) -> None:
    lease, made = recorded.result.lease, recorded.result.attempt
    about = (
        select(application.c.org_id, message.c.event_id)
        .join_from(application, message, message.c.app_id == application.c.id)
        .where(application.c.id == lease.app_id, message.c.id == lease.msg_id)
    )
    found = connection.execute(about).first()
    if found is None:
        return
    started = datetime.fromtimestamp(made.started_ms / 1000, UTC)
    last = {
        "id": recorded.attempt_id,
        "responseStatusCode": made.status,
        "timestamp": started.isoformat(timespec="milliseconds"),
    }
    data = {
        "endpointId": lease.endpoint_id,
        "msgId": lease.msg_id,
        "msgEventId": found.event_id,
        "lastAttempt": last,
    }
    emit(connection, now_ms, found.org_id, lease.app_id, event_type, data)
