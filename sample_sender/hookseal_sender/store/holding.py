"""Holding, resuming and cancelling many deliveries, so many at a time.

Knows the statements, each run inside the caller's transaction. Must not know who asks.

The conditions on ``state`` are written as in the partial indexes, and rows are taken in the order
of one, so that no statement reads what is finished: an endpoint may have millions of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from hookseal_sender.model import DeliveryState
from hookseal_sender.store.backend import tell_arrivals
from hookseal_sender.store.rows import first_id
from hookseal_sender.store.schema import NOT_NOTABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

__all__ = ["CHUNK", "cancel_held_some", "cancel_some", "count_held", "hold_some", "resume_some"]

CHUNK = 5000
"""How many deliveries one transaction moves at most, so that no other writer waits long."""
_READY = f"state = {DeliveryState.READY:d}"
_SENDING = f"state = {DeliveryState.SENDING:d}"
_NOTABLE = f"state NOT IN ({', '.join(f'{state:d}' for state in NOT_NOTABLE)})"
_WAITING = f"{_NOTABLE} AND state = {DeliveryState.WAITING:d}"
_HELD = f"{_NOTABLE} AND state = {DeliveryState.HELD:d}"
_ORDER = {_READY: "due_ms, msg_id"} | dict.fromkeys((_SENDING, _WAITING, _HELD), "msg_id")
_SET = "UPDATE delivery SET state = "
_HOLD = f"{_SET}{DeliveryState.HELD:d}, due_ms = NULL"
_RESUME = f"{_SET}{DeliveryState.READY:d}, due_ms = :now_ms"
_CANCEL = f"{_SET}{DeliveryState.CANCELLED:d}, due_ms = NULL, lease_token = NULL"
_APPLICATION = "app_id = :app_id"
_LANE = f"{_APPLICATION} AND endpoint_id = :endpoint_id"


def hold_some(connection: Connection, app_id: str, endpoint_id: str) -> bool:
    """Keep what waits for the endpoint until it is enabled; one in flight ends as it ends.

    Returns whether there may be more.
    """
    lane = {"app_id": app_id, "endpoint_id": endpoint_id}
    held = [_move(connection, _HOLD, _LANE, which, lane) for which in (_READY, _WAITING)]
    return CHUNK in held


def resume_some(connection: Connection, now_ms: int, app_id: str, endpoint_id: str) -> bool:
    """Make what is held for the endpoint due now; the fair claim spreads it.

    Returns whether there may be more.
    """
    values = {"app_id": app_id, "endpoint_id": endpoint_id, "now_ms": now_ms}
    resumed = _move(connection, _RESUME, _LANE, _HELD, values)
    if resumed:
        tell_arrivals(connection)
    return resumed == CHUNK


def cancel_held_some(
    connection: Connection, app_id: str, endpoint_id: str, *, before_ms: int
) -> bool:
    """End what is held for the endpoint and was published before ``before_ms``.

    Returns whether there may be more.
    """
    first = first_id("msg_", before_ms)
    values = {"app_id": app_id, "endpoint_id": endpoint_id, "first": first}
    return _move(connection, _CANCEL, f"{_LANE} AND msg_id < :first", _HELD, values) == CHUNK


def count_held(connection: Connection, app_id: str, endpoint_id: str) -> int:
    """Return how many are held for the endpoint."""
    count = f"SELECT count(*) FROM delivery WHERE {_LANE} AND {_HELD}"  # noqa: S608 # constants only
    lane = {"app_id": app_id, "endpoint_id": endpoint_id}
    return int(connection.execute(text(count), lane).scalar_one())


def cancel_some(connection: Connection, app_id: str, endpoint_id: str | None = None) -> bool:
    """End unfinished deliveries of the application, or of one endpoint of it.

    Returns whether there may be more.
    """
    where = _APPLICATION if endpoint_id is None else _LANE
    values = {"app_id": app_id, "endpoint_id": endpoint_id}
    unfinished = (_READY, _SENDING, _HELD, _WAITING)
    return CHUNK in [_move(connection, _CANCEL, where, which, values) for which in unfinished]


def _move(
    connection: Connection, change: str, where: str, which: str, values: Mapping[str, object]
) -> int:
    """Change up to CHUNK deliveries, the first of their index; return how many.

    PostgreSQL looks again at what it had to wait for, so that none is moved that is in another
    state by now, and fewer than CHUNK means that no more are left.
    """
    lock = "FOR NO KEY UPDATE" if connection.dialect.name == "postgresql" else ""
    statement = (
        f"{change} WHERE (app_id, endpoint_id, msg_id) IN ("  # noqa: S608 # constants only
        f"SELECT app_id, endpoint_id, msg_id FROM delivery WHERE {where} AND {which} "
        f"ORDER BY endpoint_id, {_ORDER[which]} LIMIT {CHUNK} {lock})"
    )
    return connection.execute(text(statement), values).rowcount
