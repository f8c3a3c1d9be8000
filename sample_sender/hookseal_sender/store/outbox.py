"""Publishing, and the life of a delivery.

Knows the statements that move deliveries between their states, each run inside the caller's
transaction. Must not know how an attempt is made.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from json import loads
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, insert, select, update

from hookseal_sender.errors import Conflict
from hookseal_sender.model import Claimed, DeliveryState, Lease, Message, Task
from hookseal_sender.patterns import wants
from hookseal_sender.store.claims import CLAIM, NEXT_DUE
from hookseal_sender.store.rows import fresh_id, read_patterns
from hookseal_sender.store.schema import attempt, delivery, endpoint, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

    from hookseal_sender.model import MessageDraft, Result

_SECOND_MS = 1000


# --- publishing --------------------------------------------------------------------------------


def publish(
    connection: Connection, now_ms: int, drafts: Sequence[tuple[str, MessageDraft]]
) -> Sequence[Message | Exception]:
    """Store the messages, each with its application's id, and what each endpoint shall get."""
    taken = _taken_event_ids(connection, drafts)
    results = [_accept(now_ms, app_id, draft, taken) for app_id, draft in drafts]
    messages = [result for result in results if isinstance(result, Message)]
    if messages:
        connection.execute(insert(message), [_message_row(each) for each in messages])
        _insert_deliveries(connection, now_ms, messages)
    return results


def _taken_event_ids(
    connection: Connection, drafts: Sequence[tuple[str, MessageDraft]]
) -> set[tuple[str, str]]:
    event_ids = {draft.event_id for _, draft in drafts if draft.event_id}
    if not event_ids:
        return set()
    query = select(message.c.app_id, message.c.event_id).where(
        message.c.app_id.in_({app_id for app_id, _ in drafts}), message.c.event_id.in_(event_ids)
    )
    rows = connection.execute(query)
    return {(row[0], row[1]) for row in rows}


def _accept(
    now_ms: int, app_id: str, draft: MessageDraft, taken: set[tuple[str, str]]
) -> Message | Exception:
    if draft.event_id:
        if (app_id, draft.event_id) in taken:
            return Conflict("a message with this eventId exists already")
        taken.add((app_id, draft.event_id))
    return Message(
        id=fresh_id("msg_", now_ms),
        app_id=app_id,
        event_id=draft.event_id,
        event_type=draft.event_type,
        payload=draft.payload,
        created_ms=now_ms,
    )


def _message_row(accepted: Message) -> dict[str, object]:
    return {
        "app_id": accepted.app_id,
        "id": accepted.id,
        "event_id": accepted.event_id,
        "event_type": accepted.event_type,
        "payload": accepted.payload,
        "created_ms": accepted.created_ms,
    }


def _insert_deliveries(connection: Connection, now_ms: int, messages: Sequence[Message]) -> None:
    endpoints = _endpoints_by_application(connection, {each.app_id for each in messages})
    rows = [
        _delivery_row(now_ms, each, row)
        for each in messages
        for row, patterns in endpoints[each.app_id]
        if wants(patterns, each.event_type)
    ]
    if rows:
        connection.execute(insert(delivery), rows)


def _endpoints_by_application(
    connection: Connection, app_ids: set[str]
) -> dict[str, list[tuple[RowMapping, tuple[str, ...] | None]]]:
    query = select(
        endpoint.c.app_id, endpoint.c.id, endpoint.c.event_types, endpoint.c.disabled
    ).where(endpoint.c.app_id.in_(app_ids), endpoint.c.deleted_ms.is_(None))
    found: dict[str, list[tuple[RowMapping, tuple[str, ...] | None]]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["app_id"]].append((row, read_patterns(row)))
    return found


def _delivery_row(now_ms: int, accepted: Message, row: RowMapping) -> dict[str, object]:
    held = row["disabled"]
    return {
        "app_id": accepted.app_id,
        "endpoint_id": row["id"],
        "msg_id": accepted.id,
        "state": DeliveryState.HELD if held else DeliveryState.PENDING,
        "attempts": 0,
        "due_ms": None if held else now_ms,
    }


# --- leases ------------------------------------------------------------------------------------


def claim(
    connection: Connection, now_ms: int, *, limit: int, per_endpoint: int, lease: float
) -> Claimed:
    """Lease due deliveries, also those whose lease has ended, and return what to send."""
    token = secrets.token_hex(16)
    parameters = {
        "now_ms": now_ms,
        "sending": DeliveryState.SENDING,
        "token": token,
        "lease_ends_ms": now_ms + round(lease * _SECOND_MS),
        "per_endpoint": per_endpoint,
        "room": limit,
    }
    got_any = connection.execute(CLAIM, parameters).first() is not None
    rows = connection.execute(_TASKS, {"token": token}).mappings() if got_any else ()
    return Claimed(
        tasks=[_read_task(row, token) for row in rows], next_in=_next_due(connection, now_ms)
    )


# By lease token: SQLite reads the index of what is leased, never the whole table.
_TASKS = (
    select(
        delivery.c.app_id,
        delivery.c.endpoint_id,
        delivery.c.msg_id,
        delivery.c.attempts,
        endpoint.c.url,
        endpoint.c.secrets,
        message.c.payload,
    )
    .join_from(
        delivery,
        endpoint,
        (endpoint.c.app_id == delivery.c.app_id) & (endpoint.c.id == delivery.c.endpoint_id),
    )
    .join(message, (message.c.app_id == delivery.c.app_id) & (message.c.id == delivery.c.msg_id))
    .where(delivery.c.lease_token == bindparam("token"))
)


def _read_task(row: RowMapping, token: str) -> Task:
    return Task(
        lease=Lease(
            app_id=row["app_id"],
            endpoint_id=row["endpoint_id"],
            msg_id=row["msg_id"],
            token=token,
        ),
        attempts=row["attempts"],
        url=row["url"],
        secrets=tuple(loads(row["secrets"])),
        payload=row["payload"],
    )


def release(connection: Connection, now_ms: int, leases: Sequence[Lease]) -> None:
    """Make the deliveries due at once for whoever claims next."""
    values = {"next_state": DeliveryState.PENDING, "next_due": now_ms, "more": 0}
    if leases:
        connection.execute(_END_LEASE, [_lease_parameters(lease) | values for lease in leases])


def _next_due(connection: Connection, now_ms: int) -> float | None:
    due_ms = connection.execute(NEXT_DUE, {"now_ms": now_ms}).scalar_one()
    return None if due_ms is None else (due_ms - now_ms) / _SECOND_MS


# --- completion --------------------------------------------------------------------------------

_END_LEASE = (
    update(delivery)
    .where(
        delivery.c.app_id == bindparam("lease_app"),
        delivery.c.endpoint_id == bindparam("lease_endpoint"),
        delivery.c.msg_id == bindparam("lease_msg"),
        delivery.c.lease_token == bindparam("lease"),
    )
    .values(
        state=bindparam("next_state"),
        due_ms=bindparam("next_due"),
        attempts=delivery.c.attempts + bindparam("more"),
        lease_token=None,
    )
)
_LEASED = (
    select(
        delivery.c.app_id,
        delivery.c.endpoint_id,
        delivery.c.msg_id,
        delivery.c.lease_token,
        delivery.c.attempts,
        endpoint.c.disabled,
    )
    .join_from(
        delivery,
        endpoint,
        (endpoint.c.app_id == delivery.c.app_id) & (endpoint.c.id == delivery.c.endpoint_id),
    )
    .where(delivery.c.lease_token.in_(bindparam("tokens", expanding=True)))
    .with_for_update(of=delivery)
)


def complete(
    connection: Connection, now_ms: int, results: Sequence[Result]
) -> Sequence[bool | Exception]:
    """Log the attempts whose leases still hold, and move their deliveries on."""
    leased = _leased(connection, results)
    kept = [result for result in results if result.lease in leased]
    gone = {_lane(each.lease) for each in kept if each.disables_endpoint}
    disabled = gone | {_lane(lease) for lease, row in leased.items() if row["disabled"]}
    if kept:
        connection.execute(_END_LEASE, [_move(now_ms, each, disabled) for each in kept])
        connection.execute(
            insert(attempt), [_attempt_row(now_ms, each, leased[each.lease]) for each in kept]
        )
    for app_id, endpoint_id in gone:
        _disable(connection, now_ms, app_id, endpoint_id)
    return [result.lease in leased for result in results]


def _leased(connection: Connection, results: Sequence[Result]) -> dict[Lease, RowMapping]:
    tokens = list({each.lease.token for each in results})
    rows = connection.execute(_LEASED, {"tokens": tokens}).mappings()
    found = {
        Lease(
            app_id=row["app_id"],
            endpoint_id=row["endpoint_id"],
            msg_id=row["msg_id"],
            token=row["lease_token"],
        ): row
        for row in rows
    }
    mine = {each.lease for each in results}
    return {lease: row for lease, row in found.items() if lease in mine}


def _lane(lease: Lease) -> tuple[str, str]:
    return lease.app_id, lease.endpoint_id


def _lease_parameters(lease: Lease) -> dict[str, Any]:
    return {
        "lease_app": lease.app_id,
        "lease_endpoint": lease.endpoint_id,
        "lease_msg": lease.msg_id,
        "lease": lease.token,
    }


def _move(now_ms: int, result: Result, disabled: set[tuple[str, str]]) -> dict[str, Any]:
    state, due_ms = DeliveryState.PENDING, None
    if result.attempt.succeeded:
        state = DeliveryState.SUCCEEDED
    elif result.retry_in is None:
        state = DeliveryState.FAILED
    elif _lane(result.lease) in disabled:
        state = DeliveryState.HELD
    else:
        due_ms = now_ms + round(result.retry_in * _SECOND_MS)
    moved = {"next_state": state, "next_due": due_ms, "more": 1}
    return _lease_parameters(result.lease) | moved


def _attempt_row(now_ms: int, result: Result, row: RowMapping) -> dict[str, object]:
    made = result.attempt
    return {
        "app_id": result.lease.app_id,
        "id": fresh_id("atmpt_", now_ms),
        "msg_id": result.lease.msg_id,
        "endpoint_id": result.lease.endpoint_id,
        "number": row["attempts"] + 1,
        "url": made.url,
        "started_ms": made.started_ms,
        "duration_ms": made.duration_ms,
        "succeeded": made.succeeded,
        "status": made.status,
        "response": made.response,
        "reason": made.reason,
    }


# --- hold, resume, cancel ----------------------------------------------------------------------


def _disable(connection: Connection, now_ms: int, app_id: str, endpoint_id: str) -> None:
    connection.execute(
        update(endpoint)
        .where(endpoint.c.app_id == app_id, endpoint.c.id == endpoint_id)
        .values(disabled=True, updated_ms=now_ms)
    )
    hold(connection, app_id, endpoint_id)


def hold(connection: Connection, app_id: str, endpoint_id: str) -> None:
    """Keep what waits for the endpoint until it is enabled; one in flight ends as it ends."""
    connection.execute(
        update(delivery)
        .where(
            delivery.c.app_id == app_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.state == DeliveryState.PENDING,
        )
        .values(state=DeliveryState.HELD, due_ms=None)
    )


def resume(connection: Connection, now_ms: int, app_id: str, endpoint_id: str) -> None:
    """Make everything held for the endpoint due now; the fair claim spreads it."""
    connection.execute(
        update(delivery)
        .where(
            delivery.c.app_id == app_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.state == DeliveryState.HELD,
        )
        .values(state=DeliveryState.PENDING, due_ms=now_ms)
    )


def cancel(connection: Connection, app_id: str, endpoint_id: str | None = None) -> None:
    """End every unfinished delivery of the application, or of one endpoint of it."""
    unfinished = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.HELD)
    statement = update(delivery).where(
        delivery.c.app_id == app_id, delivery.c.state.in_(unfinished)
    )
    if endpoint_id is not None:
        statement = statement.where(delivery.c.endpoint_id == endpoint_id)
    connection.execute(
        statement.values(state=DeliveryState.CANCELLED, due_ms=None, lease_token=None)
    )
