"""The fair claim: one short transaction, whatever the backlog.

Knows how due work is found and leased, and what an attempt needs. Must not know how shares are
decided (``sharing``), nor the statements (``moves``).

What waits for its time costs nothing until then: an index of times brings it up when it is due.
What is ready is read lane by lane (``lanes``), so that no endpoint's queue is in another's way.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select, update

from hookseal_sender.model import Claimed, DeliveryState, Lease, Task, Trigger
from hookseal_sender.store import settling
from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.lanes import LaneScanner, key_of, lane_of
from hookseal_sender.store.moves import Quota, Wanted
from hookseal_sender.store.rows import read_list, signing_keys
from hookseal_sender.store.schema import application, delivery, endpoint
from hookseal_sender.store.sealed import SealedReader
from hookseal_sender.store.sharing import LaneKey, Pace, share_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.standing import Bounds
    from hookseal_sender.store.moves import LaneRow, Taken
    from hookseal_sender.store.sealed import Opened
    from hookseal_sender.store.sharing import Shares
    from hookseal_sender.vault import Vault

__all__ = ["Claimer"]

_SECOND_MS = 1000
_PROMOTED_AT_ONCE = 1000
_BUSY_MS = 50  # how soon to come back to what another transaction was busy with


class _Source(NamedTuple):
    """What the deliveries of a lane have in common."""

    row: LaneRow
    keys: tuple[str, ...]
    opened: Opened


class Claimer:
    """Makes a worker's claims, one at a time."""

    def __init__(self, vault: Vault) -> None:
        self._sealed = SealedReader(vault)
        self._scanner = LaneScanner(lambda row: self._sealed.open(row) is not None)

    def claim(
        self,
        connection: Connection,
        now_ms: int,
        *,
        limit: int,
        per_endpoint: int,
        lease: float,
        bounds: Bounds,
    ) -> Claimed:
        """Lease due deliveries, also those whose lease has ended, and return what to send."""
        timer_ms = _promote(connection, now_ms)
        more = settling.settle_some(connection, now_ms)
        scan = self._scanner.scan(
            connection, now_ms, limit=limit, per_endpoint=per_endpoint, bounds=bounds
        )
        for key in scan.astray:
            settling.leave(connection, *key)
        sources = self._sources(scan.rows, now_ms)
        paces, busy = _app_paces(connection, sources)
        lanes = [lane_of(each.row, bounds) for key, each in sources.items() if key[0] not in busy]
        shares = share_out(
            lanes,
            room=limit,
            per_endpoint=per_endpoint,
            now_ms=now_ms,
            app_paces=paces,
            bounds=bounds,
        )
        self._scanner.go_on(scan, shares.passed)
        quotas = [
            Quota(*key, quota, _lease_ends_ms(now_ms, lease, sources[key].row.timeout))
            for key, quota in shares.quotas.items()
        ]
        tasks = _lease(connection, quotas, sources)
        _keep_paces(connection, shares)
        moments = [timer_ms, shares.again_ms, *(quota.lease_ends_ms for quota in quotas)]
        if more or scan.astray or scan.cut:
            moments.append(now_ms)
        if scan.busy or busy:
            moments.append(now_ms + _BUSY_MS)
        return Claimed(tasks=tasks, next_in=_seconds_until(moments, now_ms))

    def _sources(self, rows: Sequence[LaneRow], now_ms: int) -> dict[LaneKey, _Source]:
        opened = ((row, self._sealed.open(row)) for row in rows)
        return {
            key_of(row): _Source(row, signing_keys(each.secrets, now_ms), each)
            for row, each in opened
            if each is not None
        }


def _promote(connection: Connection, now_ms: int) -> int | None:
    """Make ready what has fallen due, and return when more does."""
    moves = moves_of(connection)
    timer_ms = moves.next_timer_ms(connection)
    if timer_ms is None or timer_ms > now_ms:
        return timer_ms
    promoted = moves.promote(connection, now_ms, _PROMOTED_AT_ONCE)
    timer_ms = moves.next_timer_ms(connection)
    still_due = timer_ms is not None and timer_ms <= now_ms
    if still_due and promoted < _PROMOTED_AT_ONCE:  # another transaction is busy with it
        return now_ms + _BUSY_MS
    return timer_ms


def _lease_ends_ms(now_ms: int, lease: float, timeout: float | None) -> int:
    return now_ms + round((lease + (timeout or 0.0)) * _SECOND_MS)


def _seconds_until(moments: Iterable[float | None], now_ms: int) -> float | None:
    first = min((each for each in moments if each is not None), default=None)
    return None if first is None else max(0.0, (first - now_ms) / _SECOND_MS)


# --- throttles ---------------------------------------------------------------------------------


def _app_paces(
    connection: Connection, sources: Mapping[LaneKey, _Source]
) -> tuple[dict[str, Pace], set[str]]:
    """Return the throttles of applications, and those that another worker is moving."""
    app_ids = {key[0] for key, each in sources.items() if each.row.app_throttle_rate}
    if not app_ids:
        return {}, set()
    query = (
        select(application.c.id, application.c.throttle_rate, application.c.slot_ms)
        .where(application.c.id.in_(app_ids))
        .order_by(application.c.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    found = connection.execute(query).all()
    paces = {app_id: Pace(rate=rate, slot_ms=slot_ms) for app_id, rate, slot_ms in found if rate}
    return paces, app_ids - {row[0] for row in found}


_KEEP_LANE = (
    update(endpoint)
    .where(endpoint.c.app_id == bindparam("of_app"), endpoint.c.id == bindparam("of_endpoint"))
    .values(slot_ms=bindparam("slot"))
)
_KEEP_APPLICATION = (
    update(application)
    .where(application.c.id == bindparam("of_app"))
    .values(slot_ms=bindparam("slot"))
)


def _keep_paces(connection: Connection, shares: Shares) -> None:
    lanes = [
        {"of_app": key[0], "of_endpoint": key[1], "slot": pace.slot_ms}
        for key, pace in shares.paces.items()
    ]
    applications = [
        {"of_app": app_id, "slot": pace.slot_ms} for app_id, pace in shares.app_paces.items()
    ]
    if lanes:
        connection.execute(_KEEP_LANE, lanes)
    if applications:
        connection.execute(_KEEP_APPLICATION, applications)


# --- tasks -------------------------------------------------------------------------------------


_PAYLOADS = Wanted("app_id, id, payload, content_type", "message", ("app_id", "id"))


def _lease(
    connection: Connection, quotas: Sequence[Quota], sources: Mapping[LaneKey, _Source]
) -> list[Task]:
    """Lease what the lanes may have, and return it with all that an attempt needs."""
    if not quotas:
        return []
    moves, token = moves_of(connection), secrets.token_hex(16)
    taken = moves.take(connection, quotas, token)
    messages = {(each.app_id, each.msg_id) for each in taken}
    payloads = {
        (app_id, msg_id): (payload, content_type)
        for app_id, msg_id, payload, content_type in moves.lookup(connection, _PAYLOADS, messages)
        if payload is not None
    }
    empty = [each for each in taken if (each.app_id, each.msg_id) not in payloads]
    if empty:
        _cancel(connection, empty)
    return [
        _task(each, token, sources[each.app_id, each.endpoint_id], *found)
        for each in taken
        if (found := payloads.get((each.app_id, each.msg_id)))
    ]


def _task(
    taken: Taken, token: str, source: _Source, payload: bytes, content_type: str | None
) -> Task:
    return Task(
        lease=Lease(
            app_id=taken.app_id,
            endpoint_id=taken.endpoint_id,
            msg_id=taken.msg_id,
            token=token,
            attempts=taken.attempts,
            tries=taken.tries,
            asked_for=taken.trigger == Trigger.MANUAL,
        ),
        url=source.row.url,
        secrets=source.keys,
        payload=payload,
        headers=source.opened.headers,
        retry_schedule=_schedule(source.row.retry_schedule),
        timeout=source.row.timeout,
        content_type=content_type,
        due_ms=taken.due_ms,
    )


@lru_cache(maxsize=1024)
def _schedule(text: str | None) -> tuple[float, ...] | None:
    return read_list(text)


_CANCEL = (
    update(delivery)
    .where(
        delivery.c.app_id == bindparam("of_app"),
        delivery.c.endpoint_id == bindparam("of_endpoint"),
        delivery.c.msg_id == bindparam("of_msg"),
    )
    .values(state=DeliveryState.CANCELLED, due_ms=None, lease_token=None)
)


def _cancel(connection: Connection, taken: Sequence[Taken]) -> None:
    """End deliveries whose payload was removed: there is nothing to send."""
    keys = [
        {"of_app": each.app_id, "of_endpoint": each.endpoint_id, "of_msg": each.msg_id}
        for each in taken
    ]
    connection.execute(_CANCEL, keys)
