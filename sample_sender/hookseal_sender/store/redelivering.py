"""Deliveries that somebody asks for anew, or wants no more.

Knows the statements, each run inside the caller's transaction. Must not know the schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select, update

from hookseal_sender.errors import Conflict, NotFound
from hookseal_sender.model import DeliveryState, Trigger
from hookseal_sender.store import holding, settling
from hookseal_sender.store.backend import tell_arrivals
from hookseal_sender.store.filters import in_id_range, in_states, is_unfinished, of_messages
from hookseal_sender.store.schema import delivery, endpoint, message
from hookseal_sender.store.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

    from hookseal_sender.model import Lease
    from hookseal_sender.store.base import DeliveryFilter

__all__ = ["Chunk", "cancel", "release", "replay_some", "resend", "resume"]


class Chunk(NamedTuple):
    """What a transaction moved; ``last`` is where the next goes on, None if it was the last."""

    moved: int
    last: str | None


def resend(connection: Connection, now_ms: int, app_id: str, msg_id: str, endpoint_id: str) -> None:
    """Make the delivery ready, as one that was asked for; make it if it is not there."""
    _open_endpoint(connection, app_id, endpoint_id)
    payload = select(message.c.payload.is_(None)).where(
        message.c.app_id == app_id, message.c.id == msg_id
    )
    removed = connection.execute(payload).scalar_one_or_none()
    if removed is None:
        raise NotFound("there is no such message")
    if removed:
        raise Conflict("the message's payload was removed; there is nothing to send")
    key = {"app_id": app_id, "endpoint_id": endpoint_id, "msg_id": msg_id}
    made = insert_new(connection, delivery, {**key, **_anew(now_ms), "attempts": 0})
    if not made and not _restart(connection, now_ms, [msg_id], app_id, endpoint_id):
        raise Conflict("an attempt is under way; ask again when it has ended")
    tell_arrivals(connection)


def replay_some(
    connection: Connection,
    now_ms: int,
    app_id: str,
    endpoint_id: str,
    where: DeliveryFilter,
    *,
    behind: str,
) -> Chunk:
    """Make a chunk of the deliveries that ``where`` selects ready, by message id."""
    _open_endpoint(connection, app_id, endpoint_id)
    query = (
        select(delivery.c.msg_id)
        .join(
            message, (message.c.app_id == delivery.c.app_id) & (message.c.id == delivery.c.msg_id)
        )
        .where(
            delivery.c.app_id == app_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.msg_id > behind,
            message.c.payload.is_not(None),
            *_selected(where),
        )
        .order_by(delivery.c.msg_id)
        .limit(holding.CHUNK)
    )
    msg_ids = connection.execute(query).scalars().all()
    moved = _restart(connection, now_ms, msg_ids, app_id, endpoint_id)
    if moved:
        tell_arrivals(connection)
    return Chunk(moved=moved, last=msg_ids[-1] if len(msg_ids) == holding.CHUNK else None)


def _selected(where: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    yield from in_id_range(delivery.c.msg_id, "msg_", where)
    yield from of_messages(where, message.c.created_ms)
    if where.endpoint_id is not None:
        yield delivery.c.endpoint_id == where.endpoint_id
    if where.msg_id is not None:
        yield delivery.c.msg_id == where.msg_id
    if where.states is not None:
        yield in_states(where.states)
    if where.last_status is not None:
        yield delivery.c.last_status == where.last_status
    if where.attempted_after_ms is not None:
        yield delivery.c.last_attempt_ms > where.attempted_after_ms


def _anew(now_ms: int) -> dict[str, object]:
    return {
        "state": int(DeliveryState.READY),
        "tries": 0,
        "trigger": int(Trigger.MANUAL),
        "due_ms": now_ms,
    }


def _restart(
    connection: Connection, now_ms: int, msg_ids: Sequence[str], app_id: str, endpoint_id: str
) -> int:
    """Make the deliveries ready that are not under way; return how many."""
    if not msg_ids:
        return 0
    statement = update(delivery).where(
        delivery.c.app_id == app_id,
        delivery.c.endpoint_id == endpoint_id,
        delivery.c.msg_id.in_(msg_ids),
        delivery.c.state != int(DeliveryState.SENDING),
    )
    return connection.execute(statement.values(_anew(now_ms))).rowcount


def _open_endpoint(connection: Connection, app_id: str, endpoint_id: str) -> None:
    """Return if there is the endpoint and it is not disabled before the transaction ends."""
    if _is_disabled(connection, app_id, endpoint_id):
        raise Conflict("the endpoint is disabled; enable it first")


def _is_disabled(connection: Connection, app_id: str, endpoint_id: str) -> bool:
    """Tell whether the endpoint is disabled, and stays as it is until the transaction ends."""
    query = select(endpoint.c.disabled).where(*_live(app_id, endpoint_id))
    locked = query.with_for_update(key_share=True)
    disabled: bool | None = connection.execute(locked).scalar_one_or_none()
    if disabled is None:
        raise NotFound("there is no such endpoint")
    return disabled


def _live(app_id: str, endpoint_id: str) -> Sequence[ColumnElement[bool]]:
    return (
        endpoint.c.app_id == app_id,
        endpoint.c.id == endpoint_id,
        endpoint.c.deleted_ms.is_(None),
    )


# --- held and unwanted -------------------------------------------------------------------------


def resume(
    connection: Connection, now_ms: int, app_id: str, endpoint_id: str, after_ms: int | None
) -> int | None:
    """Enable the endpoint and make what is held due; return how many.

    What was published before ``after_ms`` is held and cancelled first, a chunk at a time: None says
    that there may be more of that, and leaves the endpoint disabled. So nothing is sent that was
    to be cancelled, and whoever is cut short can ask again.
    """
    disabled = _is_disabled(connection, app_id, endpoint_id)
    if after_ms is not None:
        if disabled and holding.hold_some(connection, app_id, endpoint_id):
            return None
        if holding.cancel_held_some(connection, app_id, endpoint_id, before_ms=after_ms):
            return None
    held = holding.count_held(connection, app_id, endpoint_id)
    enabled = update(endpoint).where(*_live(app_id, endpoint_id))
    connection.execute(enabled.values(**settling.ENABLED, updated_ms=now_ms))
    settling.resume(connection, now_ms, app_id, endpoint_id)
    return held


def cancel(
    connection: Connection, _now_ms: int, app_id: str, msg_id: str, endpoint_id: str | None
) -> int:
    """End the message's unfinished deliveries, or the one to the endpoint; return how many."""
    known = select(message.c.id).where(message.c.app_id == app_id, message.c.id == msg_id)
    if connection.execute(known).first() is None:
        raise NotFound("there is no such message")
    statement = update(delivery).where(
        delivery.c.app_id == app_id, delivery.c.msg_id == msg_id, is_unfinished()
    )
    if endpoint_id is not None:
        statement = statement.where(delivery.c.endpoint_id == endpoint_id)
    ended = {"state": int(DeliveryState.CANCELLED), "due_ms": None, "lease_token": None}
    return connection.execute(statement.values(ended)).rowcount


_RELEASE = (
    update(delivery)
    .where(
        delivery.c.app_id == bindparam("of_app"),
        delivery.c.endpoint_id == bindparam("of_endpoint"),
        delivery.c.msg_id == bindparam("of_msg"),
        delivery.c.lease_token == bindparam("of_token"),
    )
    .values(state=int(DeliveryState.READY), due_ms=bindparam("now_ms"), lease_token=None)
)


def release(connection: Connection, now_ms: int, leases: Sequence[Lease]) -> None:
    """Make the deliveries ready for whoever claims next, if the leases still hold."""
    if not leases:
        return
    keys = [
        {
            "of_app": each.app_id,
            "of_endpoint": each.endpoint_id,
            "of_msg": each.msg_id,
            "of_token": each.token,
            "now_ms": now_ms,
        }
        for each in sorted(leases)  # locked in the order of their keys, as where they end
    ]
    connection.execute(_RELEASE, keys)
    tell_arrivals(connection)
