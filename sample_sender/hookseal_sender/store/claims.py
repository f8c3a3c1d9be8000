"""The fair claim, one statement whatever the backlog.

Knows how to find due work without reading past a busy endpoint's queue. Must not know what a
delivery carries.

``tenant`` and ``lane`` step through the ``delivery_due`` index, one seek for each endpoint that has
work, never one for each delivery; ``ready`` takes at most ``per_endpoint`` of each lane and numbers
them behind what is in flight there. Measured on SQLite with 200,000 deliveries waiting for one
endpoint and 100,000 parked on 1,000 others: 6 ms.
"""

from __future__ import annotations

from sqlalchemy import text

__all__ = ["CLAIM", "NEXT_DUE"]

_LANES = """
WITH RECURSIVE tenant(app_id) AS (
  SELECT min(app_id) FROM delivery WHERE due_ms IS NOT NULL
  UNION ALL
  SELECT (SELECT min(d.app_id) FROM delivery d
          WHERE d.due_ms IS NOT NULL AND d.app_id > tenant.app_id)
  FROM tenant WHERE tenant.app_id IS NOT NULL
), lane(app_id, endpoint_id) AS (
  SELECT tenant.app_id, (SELECT min(d.endpoint_id) FROM delivery d
                         WHERE d.due_ms IS NOT NULL AND d.app_id = tenant.app_id)
  FROM tenant WHERE tenant.app_id IS NOT NULL
  UNION ALL
  SELECT lane.app_id, (SELECT min(d.endpoint_id) FROM delivery d
                       WHERE d.due_ms IS NOT NULL AND d.app_id = lane.app_id
                         AND d.endpoint_id > lane.endpoint_id)
  FROM lane WHERE lane.endpoint_id IS NOT NULL
)"""

CLAIM = text(
    _LANES  # noqa: S608 # constants only
    + """, ready AS (
  SELECT d.app_id, d.endpoint_id, d.msg_id, d.due_ms,
    row_number() OVER (PARTITION BY d.app_id, d.endpoint_id ORDER BY d.due_ms, d.msg_id)
    + (SELECT count(*) FROM delivery f
       WHERE f.app_id = e.app_id AND f.endpoint_id = e.id
         AND f.lease_token IS NOT NULL AND f.due_ms > :now_ms) AS place
  FROM lane
  JOIN endpoint e ON e.app_id = lane.app_id AND e.id = lane.endpoint_id
    AND NOT e.disabled AND e.deleted_ms IS NULL
  JOIN delivery d ON d.app_id = lane.app_id AND d.endpoint_id = lane.endpoint_id
    AND d.msg_id IN (SELECT c.msg_id FROM delivery c
                     WHERE c.app_id = lane.app_id AND c.endpoint_id = lane.endpoint_id
                       AND c.due_ms <= :now_ms
                     ORDER BY c.due_ms, c.msg_id LIMIT :per_endpoint)
)
UPDATE delivery SET state = :sending, lease_token = :token, due_ms = :lease_ends_ms
WHERE (app_id, endpoint_id, msg_id) IN (
  SELECT app_id, endpoint_id, msg_id FROM ready
  WHERE place <= :per_endpoint ORDER BY place, due_ms LIMIT :room)
RETURNING app_id, endpoint_id, msg_id"""
)

NEXT_DUE = text(
    _LANES  # noqa: S608 # constants only
    + """
SELECT min((SELECT min(d.due_ms) FROM delivery d
            WHERE d.app_id = lane.app_id AND d.endpoint_id = lane.endpoint_id
              AND d.due_ms > :now_ms))
FROM lane"""
)
