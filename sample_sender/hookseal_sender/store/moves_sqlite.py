"""The hot statements on SQLite.

Knows that calls cost little here and that nobody else writes meanwhile, so that loops of small
statements over the driver's own cursor are fastest. Must not know why rows move.

The conditions on ``state`` are written as in the partial indexes: SQLite uses one only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hookseal_sender.store.moves import Found, LaneRow, Taken, Unsettled
from hookseal_sender.store.sqlite import driver_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.store.moves import Ending, Quota, TallyRow, Wanted
    from hookseal_sender.store.sharing import LaneKey

__all__ = ["SqliteMoves"]

_PROMOTE = """
UPDATE delivery SET state = 0, lease_token = NULL
WHERE (app_id, endpoint_id, msg_id) IN (
  SELECT app_id, endpoint_id, msg_id FROM delivery INDEXED BY delivery_timer
  WHERE state IN (1, 6) AND due_ms <= ? ORDER BY due_ms LIMIT ?)"""

_NEXT_TIMER = """
SELECT due_ms FROM delivery INDEXED BY delivery_timer
WHERE state IN (1, 6) AND due_ms IS NOT NULL ORDER BY due_ms LIMIT 1"""

_UNSETTLED = """
SELECT e.app_id, e.id, e.deleted_ms IS NOT NULL OR a.deleted_ms IS NOT NULL, e.disabled
FROM endpoint e INDEXED BY endpoint_unsettled JOIN application a ON a.id = e.app_id
WHERE e.unsettled LIMIT 1"""

# One or two seeks for each lane, however long its queue: a loose scan of what is ready.
# Not by comparing rows, (app_id, endpoint_id) > (?, ?): SQLite would read the rest of the lane.
_KEY_OF_NEXT = """
SELECT app_id || '/' || endpoint_id FROM delivery INDEXED BY delivery_ready
WHERE state = 0 AND {behind} ORDER BY app_id, endpoint_id LIMIT 1"""
_NEXT_LANE = (
    "SELECT coalesce("
    f"({_KEY_OF_NEXT.format(behind='app_id = {app} AND endpoint_id > {endpoint}')}), "
    f"({_KEY_OF_NEXT.format(behind='app_id > {app}')}))"
)
_APP = "substr(key, 1, instr(key, '/') - 1)"
_ENDPOINT = "substr(key, instr(key, '/') + 1)"
_LANES = f"""
WITH RECURSIVE step(key) AS (
  SELECT ({_NEXT_LANE.format(app=":app_id", endpoint=":endpoint_id")})
  UNION ALL
  SELECT ({_NEXT_LANE.format(app=_APP, endpoint=_ENDPOINT)}) FROM step WHERE key IS NOT NULL
  LIMIT :limit
), lane(app_id, endpoint_id) AS (
  SELECT {_APP}, {_ENDPOINT} FROM step WHERE key IS NOT NULL
)
SELECT lane.app_id, lane.endpoint_id,
  (SELECT count(*) FROM (
     SELECT 1 FROM delivery r INDEXED BY delivery_ready
     WHERE r.app_id = lane.app_id AND r.endpoint_id = lane.endpoint_id AND r.state = 0
     LIMIT :per_endpoint)),
  (SELECT count(*) FROM delivery s INDEXED BY delivery_sending
   WHERE s.app_id = lane.app_id AND s.endpoint_id = lane.endpoint_id AND s.state = 1),
  e.id IS NULL OR e.deleted_ms IS NOT NULL OR a.deleted_ms IS NOT NULL,
  coalesce(e.disabled, 0), coalesce(e.unsettled, 1), e.url, e.secrets, e.headers,
  e.paused_until_ms, e.throttle_rate, e.slot_ms, a.throttle_rate, a.slot_ms, e.timeout,
  e.retry_schedule
FROM lane
LEFT JOIN endpoint e ON e.app_id = lane.app_id AND e.id = lane.endpoint_id
LEFT JOIN application a ON a.id = lane.app_id"""  # noqa: S608 # constants only

_READY = """
SELECT app_id, endpoint_id, msg_id, attempts, tries, "trigger", due_ms
FROM delivery INDEXED BY delivery_ready
WHERE app_id = ? AND endpoint_id = ? AND state = 0 ORDER BY due_ms, msg_id LIMIT ?"""
_LEASE = """
UPDATE delivery SET state = 1, lease_token = ?, due_ms = ?
WHERE app_id = ? AND endpoint_id = ? AND msg_id = ?"""

_END = """
UPDATE delivery SET state = ?, due_ms = ?, lease_token = NULL, attempts = attempts + 1,
  tries = tries + 1, last_status = ?, last_attempt_ms = ?
WHERE app_id = ? AND endpoint_id = ? AND msg_id = ? AND lease_token = ?"""

_TALLY = """
INSERT INTO tally (app_id, endpoint_id, hour_ms, shard, succeeded, failed)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (app_id, endpoint_id, hour_ms, shard)
DO UPDATE SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed"""


class SqliteMoves:
    """See :class:`~hookseal_sender.store.moves.Moves`."""

    def promote(self, connection: Connection, now_ms: int, limit: int) -> int:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        return driver_of(connection).execute(_PROMOTE, (now_ms, limit)).rowcount

    def next_timer_ms(self, connection: Connection) -> int | None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        row = driver_of(connection).execute(_NEXT_TIMER).fetchone()
        return row[0] if row else None

    def unsettled(self, connection: Connection) -> Unsettled | None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        row = driver_of(connection).execute(_UNSETTLED).fetchone()
        return Unsettled._make(row) if row else None

    def lanes(
        self, connection: Connection, behind: LaneKey, *, limit: int, per_endpoint: int
    ) -> Found:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        parameters = {
            "app_id": behind[0],
            "endpoint_id": behind[1],
            "limit": limit,
            "per_endpoint": per_endpoint,
        }
        rows = driver_of(connection).execute(_LANES, parameters).fetchall()
        last = rows[-1][:2] if rows else behind
        return Found(lanes=[LaneRow._make(row) for row in rows], skipped=0, last=last)

    def take(self, connection: Connection, quotas: Sequence[Quota], token: str) -> Sequence[Taken]:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        cursor = driver_of(connection).cursor()
        taken: list[Taken] = []
        leases: list[tuple[Any, ...]] = []
        for app_id, endpoint_id, quota, ends_ms in quotas:
            rows = cursor.execute(_READY, (app_id, endpoint_id, quota)).fetchall()
            taken += map(Taken._make, rows)
            leases += [(token, ends_ms, *row[:3]) for row in rows]
        cursor.executemany(_LEASE, leases)
        return taken

    def lookup(
        self, connection: Connection, wanted: Wanted, keys: Collection[tuple[str, str]]
    ) -> Sequence[Any]:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        first, second = wanted.key
        statement = (
            f"SELECT {wanted.columns} FROM {wanted.table} WHERE {first} = ? AND {second} = ?"  # noqa: S608 # our own names
        )
        cursor = driver_of(connection).cursor()
        return [row for key in keys for row in cursor.execute(statement, key)]

    def end(self, connection: Connection, endings: Sequence[Ending]) -> Collection[int]:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        cursor = driver_of(connection).cursor()
        return [
            place for place, ending in enumerate(endings) if cursor.execute(_END, ending).rowcount
        ]

    def insert(
        self, connection: Connection, table: str, columns: str, rows: Sequence[Sequence[object]]
    ) -> None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        marks = ", ".join("?" * len(rows[0]))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 # our own names
        driver_of(connection).executemany(statement, rows)

    def tally(self, connection: Connection, rows: Sequence[TallyRow]) -> None:
        """See :class:`~hookseal_sender.store.moves.Moves`."""
        driver_of(connection).executemany(_TALLY, rows)
