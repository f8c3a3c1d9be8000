"""The hot statements on PostgreSQL.

Knows that a call is a round trip and that others write meanwhile, so that each statement moves many
rows, given as one JSON document, and locks what it must. Must not know why rows move.
"""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from hookseal_sender.store.moves import Ending, Found, LaneRow, Taken, Unsettled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.store.moves import Quota, TallyRow, Wanted
    from hookseal_sender.store.sharing import LaneKey

__all__ = ["PostgresqlMoves"]

_PROMOTE = """
WITH due AS MATERIALIZED (
  SELECT app_id, endpoint_id, msg_id FROM delivery
  WHERE state IN (1, 6) AND due_ms <= %s ORDER BY due_ms LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE delivery d SET state = 0, lease_token = NULL FROM due
WHERE d.app_id = due.app_id AND d.endpoint_id = due.endpoint_id AND d.msg_id = due.msg_id"""

_NEXT_TIMER = """
SELECT due_ms FROM delivery WHERE state IN (1, 6) AND due_ms IS NOT NULL ORDER BY due_ms LIMIT 1"""

_UNSETTLED = """
SELECT e.app_id, e.id, e.deleted_ms IS NOT NULL OR a.deleted_ms IS NOT NULL, e.disabled
FROM endpoint e JOIN application a ON a.id = e.app_id
WHERE e.unsettled ORDER BY e.app_id, e.id LIMIT 1 FOR NO KEY UPDATE OF e SKIP LOCKED"""

# One seek for each lane, however long its queue: a loose scan of the index of what is ready. The
# lock keeps two workers off the same lane, so that neither counts what the other is taking.
_LANES = """
WITH RECURSIVE step AS (
  (SELECT app_id, endpoint_id, 1 AS number FROM delivery
   WHERE state = 0 AND (app_id, endpoint_id) > (%(app_id)s, %(endpoint_id)s)
   ORDER BY app_id, endpoint_id LIMIT 1)
  UNION ALL
  SELECT further.app_id, further.endpoint_id, step.number + 1
  FROM step CROSS JOIN LATERAL (
    SELECT d.app_id, d.endpoint_id FROM delivery d
    WHERE d.state = 0 AND (d.app_id, d.endpoint_id) > (step.app_id, step.endpoint_id)
    ORDER BY d.app_id, d.endpoint_id LIMIT 1) further
  WHERE step.number < %(limit)s
), mine AS MATERIALIZED (
  SELECT e.* FROM step JOIN endpoint e ON e.app_id = step.app_id AND e.id = step.endpoint_id
  FOR NO KEY UPDATE OF e SKIP LOCKED
)
SELECT step.app_id, step.endpoint_id, mine.id IS NOT NULL,
  mine.deleted_ms IS NOT NULL OR a.deleted_ms IS NOT NULL, mine.disabled, mine.unsettled,
  mine.url, mine.secrets, mine.headers, mine.paused_until_ms, mine.throttle_rate, mine.slot_ms,
  a.throttle_rate, a.slot_ms, mine.timeout, mine.retry_schedule
FROM step
LEFT JOIN mine ON mine.app_id = step.app_id AND mine.id = step.endpoint_id
LEFT JOIN application a ON a.id = step.app_id
ORDER BY step.app_id, step.endpoint_id"""

# A statement of its own, so that it sees what was committed before the locks were had.
_COUNTS = """
SELECT (SELECT count(*) FROM (
    SELECT 1 FROM delivery r
    WHERE r.app_id = lane.app_id AND r.endpoint_id = lane.endpoint_id AND r.state = 0
    LIMIT %(per_endpoint)s) waiting),
  (SELECT count(*) FROM delivery s
   WHERE s.app_id = lane.app_id AND s.endpoint_id = lane.endpoint_id AND s.state = 1)
FROM ROWS FROM (json_to_recordset(%(rows)s::json) AS (app_id text, endpoint_id text))
  WITH ORDINALITY AS lane
ORDER BY lane.ordinality"""

_TAKE = """
WITH picked AS MATERIALIZED (
  SELECT ready.*, quota.lease_ends_ms
  FROM json_to_recordset(%(rows)s::json)
    AS quota(app_id text, endpoint_id text, quota int, lease_ends_ms bigint)
  CROSS JOIN LATERAL (
    SELECT d.app_id, d.endpoint_id, d.msg_id, d.due_ms FROM delivery d
    WHERE d.app_id = quota.app_id AND d.endpoint_id = quota.endpoint_id AND d.state = 0
    ORDER BY d.due_ms, d.msg_id LIMIT quota.quota FOR UPDATE SKIP LOCKED) ready)
UPDATE delivery d SET state = 1, lease_token = %(token)s, due_ms = picked.lease_ends_ms
FROM picked
WHERE d.app_id = picked.app_id AND d.endpoint_id = picked.endpoint_id AND d.msg_id = picked.msg_id
RETURNING d.app_id, d.endpoint_id, d.msg_id, d.attempts, d.tries, d.trigger, picked.due_ms"""

_END = """
UPDATE delivery d SET state = r.state, due_ms = r.due_ms, lease_token = NULL,
  attempts = d.attempts + 1, tries = d.tries + 1, last_status = r.status,
  last_attempt_ms = r.started_ms
FROM json_to_recordset(%(rows)s::json) AS r(place int, app_id text, endpoint_id text, msg_id text,
  token text, state smallint, due_ms bigint, status smallint, started_ms bigint)
WHERE d.app_id = r.app_id AND d.endpoint_id = r.endpoint_id AND d.msg_id = r.msg_id
  AND d.lease_token = r.token
RETURNING r.place"""

_KEY_OF_ENDING = itemgetter(*map(Ending._fields.index, ("app_id", "endpoint_id", "msg_id")))

_TALLY = """
INSERT INTO tally AS t (app_id, endpoint_id, hour_ms, shard, succeeded, failed)
SELECT app_id, endpoint_id, hour_ms, shard, succeeded, failed
FROM json_populate_recordset(NULL::tally, %(rows)s::json)
ON CONFLICT (app_id, endpoint_id, hour_ms, shard)
DO UPDATE SET succeeded = t.succeeded + excluded.succeeded, failed = t.failed + excluded.failed"""


class PostgresqlMoves:
    """See :class:`~hookseal_sender.store.moves.Moves`."""

    def promote(self, connection: Connection, now_ms: int, limit: int) -> int:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        return connection.exec_driver_sql(_PROMOTE, (now_ms, limit)).rowcount

    def next_timer_ms(self, connection: Connection) -> int | None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        found: int | None = connection.exec_driver_sql(_NEXT_TIMER).scalar()
        return found

    def unsettled(self, connection: Connection) -> Unsettled | None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        row = connection.exec_driver_sql(_UNSETTLED).first()
        return Unsettled._make(row) if row else None

    def lanes(
        self, connection: Connection, behind: LaneKey, *, limit: int, per_endpoint: int
    ) -> Found:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        parameters = {"app_id": behind[0], "endpoint_id": behind[1], "limit": limit}
        rows = connection.exec_driver_sql(_LANES, parameters).all()
        last = (rows[-1][0], rows[-1][1]) if rows else behind
        mine = [row for row in rows if row[2]]
        if not mine:
            return Found(lanes=(), skipped=len(rows), last=last)
        wanted = _document({"app_id": row[0], "endpoint_id": row[1]} for row in mine)
        counts = connection.exec_driver_sql(
            _COUNTS, {"rows": wanted, "per_endpoint": per_endpoint}
        ).all()
        lanes = [
            LaneRow(row[0], row[1], count[0], count[1], *row[3:])
            for row, count in zip(mine, counts, strict=True)
        ]
        return Found(lanes=lanes, skipped=len(rows) - len(mine), last=last)

    def take(self, connection: Connection, quotas: Sequence[Quota], token: str) -> Sequence[Taken]:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        rows = _document(quota._asdict() for quota in quotas)
        taken = connection.exec_driver_sql(_TAKE, {"rows": rows, "token": token}).all()
        return [Taken._make(row) for row in taken]

    def lookup(
        self, connection: Connection, wanted: Wanted, keys: Collection[tuple[str, str]]
    ) -> Sequence[Any]:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        first, second = wanted.key
        order = f"ORDER BY {first}, {second} FOR NO KEY UPDATE OF found" if wanted.locked else ""
        statement = (
            f"SELECT {wanted.columns} "  # noqa: S608 # our own names
            "FROM json_to_recordset(%(rows)s::json) AS k(key1 text, key2 text) "
            f"JOIN {wanted.table} found "
            f"ON found.{first} = k.key1 AND found.{second} = k.key2 {order}"
        )
        rows = _document({"key1": key[0], "key2": key[1]} for key in keys)
        return connection.exec_driver_sql(statement, {"rows": rows}).all()

    def end(self, connection: Connection, endings: Sequence[Ending]) -> Collection[int]:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        # Locked in the order in which the index has them, as who cancels them all does.
        places = sorted(range(len(endings)), key=lambda place: _KEY_OF_ENDING(endings[place]))
        rows = _document({"place": place, **endings[place]._asdict()} for place in places)
        return connection.exec_driver_sql(_END, {"rows": rows}).scalars().all()

    def insert(
        self, connection: Connection, table: str, columns: str, rows: Sequence[Sequence[object]]
    ) -> None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        names = columns.split(", ")
        statement = (
            f"INSERT INTO {table} ({columns}) SELECT {columns} "  # noqa: S608 # our own names
            f"FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"
        )
        document = _document(dict(zip(names, row, strict=True)) for row in rows)
        connection.exec_driver_sql(statement, {"rows": document})

    def tally(self, connection: Connection, rows: Sequence[TallyRow]) -> None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        document = _document(row._asdict() for row in rows)
        connection.exec_driver_sql(_TALLY, {"rows": document})


def _document(rows: Iterable[Mapping[str, object]]) -> str:
    return json.dumps(list(rows), default=_bytea)


def _bytea(value: bytes) -> str:
    return "\\x" + value.hex()
