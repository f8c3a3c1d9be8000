"""Holding, resuming and cancelling many deliveries at once.

Knows the statements, each run inside the caller's transaction. Must not know who asks.

The conditions on ``state`` are written as in the partial indexes, so that no statement reads what
is finished: an endpoint may have millions of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from hookseal_sender.model import DeliveryState
from hookseal_sender.store.backend import tell_arrivals
from hookseal_sender.store.rows import first_id
from hookseal_sender.store.schema import NOT_NOTABLE

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["cancel_endpoint", "hold", "resume", "resume_some"]

_READY = f"state = {DeliveryState.READY:d}"
_SENDING = f"state = {DeliveryState.SENDING:d}"
_NOTABLE = f"state NOT IN ({', '.join(f'{state:d}' for state in NOT_NOTABLE)})"
_LANE = "app_id = :app_id AND endpoint_id = :endpoint_id"
_WAITING = f"{_NOTABLE} AND state = {DeliveryState.WAITING:d}"
_HELD = f"{_NOTABLE} AND state = {DeliveryState.HELD:d}"
_SET = "UPDATE delivery SET state = "
_HOLD = f"{_SET}{DeliveryState.HELD:d}, due_ms = NULL WHERE "
_RESUME = f"{_SET}{DeliveryState.READY:d}, due_ms = :now_ms WHERE "
_CANCEL = f"{_SET}{DeliveryState.CANCELLED:d}, due_ms = NULL, lease_token = NULL WHERE "


def hold(connection: Connection, app_id: str, endpoint_id: str) -> None:
    """Keep what waits for the endpoint until it is enabled; one in flight ends as it ends."""
    lane = {"app_id": app_id, "endpoint_id": endpoint_id}
    for which in (_READY, _WAITING):
        connection.execute(text(f"{_HOLD}{_LANE} AND {which}"), lane)


def resume(connection: Connection, now_ms: int, app_id: str, endpoint_id: str) -> None:
    """Make everything held for the endpoint due now; the fair claim spreads it."""
    values = {"app_id": app_id, "endpoint_id": endpoint_id, "now_ms": now_ms}
    connection.execute(text(f"{_RESUME}{_LANE} AND {_HELD}"), values)
    tell_arrivals(connection)


def resume_some(
    connection: Connection,
    now_ms: int,
    app_id: str,
    endpoint_id: str,
    *,
    after_ms: int | None,
    limit: int,
) -> tuple[int, int]:
    """Make up to ``limit`` held deliveries due, and cancel as many published before ``after_ms``.

    Returns how many were made due, and how many cancelled.
    """
    values: dict[str, object] = {"app_id": app_id, "endpoint_id": endpoint_id, "limit": limit}
    cancelled = 0
    first = "" if after_ms is None else first_id("msg_", after_ms)
    if first:
        statement = text(f"{_CANCEL}{_some_held('msg_id < :first')}")
        cancelled = connection.execute(statement, {**values, "first": first}).rowcount
    statement = text(f"{_RESUME}{_some_held('msg_id >= :first')}")
    resumed = connection.execute(statement, {**values, "first": first, "now_ms": now_ms}).rowcount
    if resumed:
        tell_arrivals(connection)
    return resumed, cancelled


def _some_held(which: str) -> str:
    return (
        f"(app_id, endpoint_id, msg_id) IN (SELECT app_id, endpoint_id, msg_id FROM delivery "  # noqa: S608 # constants only
        f"WHERE {_LANE} AND {_HELD} AND {which} ORDER BY msg_id LIMIT :limit)"
    )


def cancel_endpoint(connection: Connection, app_id: str, endpoint_id: str | None = None) -> None:
    """End every unfinished delivery of the application, or of one endpoint of it."""
    values = {"app_id": app_id}
    where = "app_id = :app_id"
    if endpoint_id is not None:
        values["endpoint_id"] = endpoint_id
        where = _LANE
    for which in (_READY, _SENDING, _HELD, _WAITING):
        connection.execute(text(f"{_CANCEL}{where} AND {which}"), values)
