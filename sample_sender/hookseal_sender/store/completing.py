"""Recording how attempts went.

Knows how a result moves a delivery on, and what it means for the endpoint. Must not know how the
attempt was made.

An endpoint's row is read for every batch, locked only where a result or the endpoint is not well,
and changed only when one begins to fail, rests, is disabled, or succeeds again. It is locked before
its deliveries, as everywhere, so that two transactions never wait for each other.
"""

from __future__ import annotations

import json
import os
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import update

from hookseal_sender.ids import RANDOM_BYTES, make_ids
from hookseal_sender.model import DeliveryState, Disabled, Trigger
from hookseal_sender.store import settling
from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.health import Health, follow
from hookseal_sender.store.moves import ATTEMPT_COLUMNS, Ending, Wanted
from hookseal_sender.store.operational import endpoint_disabled
from hookseal_sender.store.schema import endpoint
from hookseal_sender.store.tallies import add_attempts
from hookseal_sender.store.telling import Recorded, tell_of_attempts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.model import Result
    from hookseal_sender.store.sharing import LaneKey

    _Healths: TypeAlias = Mapping[LaneKey, Health]

__all__ = ["complete"]

_SECOND_MS = 1000
_HEALTH = Wanted(
    "app_id, id, failing_since_ms, paused_until_ms, pauses, disabled", "endpoint", ("app_id", "id")
)


def complete(
    connection: Connection,
    now_ms: int,
    results: Sequence[Result],
    *,
    disable_after: float,
    shard: int,
) -> Sequence[bool | Exception]:
    """Log the attempts whose leases still hold, and move their deliveries on.

    Returns for each whether it was recorded. An endpoint without a success for ``disable_after``
    seconds is disabled; 0: never. ``shard`` is the caller's own part of the tallies.
    """
    healths, unwell = _healths(connection, results)
    endings = [_ending(now_ms, each, healths) for each in results]
    ended = sorted(moves_of(connection).end(connection, endings))
    if ended:
        recorded = _recorded(now_ms, [results[place] for place in ended])
        rows = [_attempt_row(each) for each in recorded]
        moves_of(connection).insert(connection, "attempt", ATTEMPT_COLUMNS, rows)
        if unwell:
            _keep_healths(connection, now_ms, recorded, healths, disable_after)
        tell_of_attempts(connection, now_ms, recorded)
        # Last, for another process may wait for the same row of a tally.
        made = [(_lane(each.result), each.result.attempt.succeeded) for each in recorded]
        add_attempts(connection, now_ms, shard, made)
    kept = set(ended)
    return [place in kept for place in range(len(results))]


def _lane(result: Result) -> LaneKey:
    return result.lease[:2]


def _recorded(now_ms: int, results: Sequence[Result]) -> list[Recorded]:
    # One read of randomness for them all: an id of its own for each is dear.
    ids = make_ids("atmpt_", now_ms, os.urandom(RANDOM_BYTES), len(results))
    return list(map(Recorded, results, ids))


# --- the delivery ------------------------------------------------------------------------------


def _ending(now_ms: int, result: Result, healths: _Healths) -> Ending:
    state, due_ms = DeliveryState.WAITING, None
    if result.attempt.succeeded:
        state = DeliveryState.SUCCEEDED
    elif result.retry_in is None:
        state = DeliveryState.FAILED
    elif healths[_lane(result)].disabled:
        state = DeliveryState.HELD
    else:
        due_ms = now_ms + round(result.retry_in * _SECOND_MS)
    made = result.attempt
    return Ending(int(state), due_ms, made.status, made.started_ms, *result.lease[:4])


def _attempt_row(recorded: Recorded) -> tuple[object, ...]:
    made, lease = recorded.result.attempt, recorded.result.lease
    # Asking for a delivery anew is why its first attempt is made; the schedule why the others are.
    asked_for = lease.asked_for and not lease.tries
    return (
        lease.app_id,
        recorded.attempt_id,
        lease.msg_id,
        lease.endpoint_id,
        lease.attempts + 1,
        int(Trigger.MANUAL if asked_for else Trigger.SCHEDULED),
        made.url,
        made.started_ms,
        made.duration_ms,
        made.succeeded,
        made.status,
        _storable(made.response),
        json.dumps(made.response_headers) if made.response_headers else None,
        _storable(made.reason),
    )


def _storable(text: str) -> str:
    """Return what an endpoint answered without what PostgreSQL cannot keep: NUL."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


# --- the endpoint ------------------------------------------------------------------------------


def _healths(connection: Connection, results: Sequence[Result]) -> tuple[_Healths, set[LaneKey]]:
    """Return how the endpoints are, and those that are not well, whose rows are locked.

    Whether one is disabled decides what becomes of a failure, so it must not change meanwhile.
    """
    lanes = {_lane(each) for each in results}
    # One that was removed meanwhile is as good as new: no lease of it holds, so nothing is kept.
    healths = dict.fromkeys(lanes, Health()) | _read(connection, _HEALTH, lanes)
    failing = {_lane(each) for each in results if not each.attempt.succeeded}
    unwell = failing | {lane for lane, health in healths.items() if health != Health()}
    if unwell:
        healths |= _read(connection, _HEALTH._replace(locked=True), unwell)
    return healths, unwell


def _read(
    connection: Connection, wanted: Wanted, lanes: Iterable[LaneKey]
) -> dict[LaneKey, Health]:
    rows = moves_of(connection).lookup(connection, wanted, sorted(lanes))
    return {(row[0], row[1]): Health(*row[2:]) for row in rows}


def _keep_healths(
    connection: Connection,
    now_ms: int,
    recorded: Iterable[Recorded],
    healths: _Healths,
    disable_after: float,
) -> None:
    after = dict(healths)
    for each in recorded:
        lane = _lane(each.result)
        after[lane] = follow(after[lane], each.result, now_ms=now_ms, disable_after=disable_after)
    for lane, health in sorted(after.items(), key=itemgetter(0)):
        if health != healths[lane]:
            _keep_health(connection, now_ms, lane, health, healths[lane])


def _keep_health(
    connection: Connection, now_ms: int, lane: LaneKey, health: Health, before: Health
) -> None:
    values: dict[str, object] = {
        "failing_since_ms": health.failing_since_ms,
        "paused_until_ms": health.paused_until_ms,
        "pauses": health.pauses,
    }
    disabling = health.disabled and not before.disabled
    if disabling:
        reason = health.disabled_for or Disabled.FAILING
        values |= {"disabled": True, "disabled_for": reason.value, "updated_ms": now_ms}
    statement = update(endpoint).where(endpoint.c.app_id == lane[0], endpoint.c.id == lane[1])
    row = connection.execute(statement.values(values).returning(*endpoint.c)).mappings().one()
    if disabling:
        settling.hold(connection, *lane)
        endpoint_disabled(connection, now_ms, row)
