"""The state of the whole sender, counted.

Knows which partial index holds each state, so that nothing counts what has long succeeded, and
which lanes wait for something else than a worker. Must not know who asks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, func, select

from hookseal_sender.model import DeliveryState, Overview
from hookseal_sender.store.filters import NOTABLE, in_states
from hookseal_sender.store.schema import application, delivery, endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_overview"]

_MOVES_MS = 10_000
"""So lately a throttle's slot was moved on if workers take from its lane: they look each second."""
# Lanes, and apart from them which rest: joined, PostgreSQL may look through all endpoints of an
# application for each of its lanes, as long as it has no statistics (5,000 of one: 4 s, not 0.2).
_LANES = (
    select(delivery.c.app_id, delivery.c.endpoint_id, func.count(), func.min(delivery.c.due_ms))
    .where(in_states((DeliveryState.READY,)))
    .group_by(delivery.c.app_id, delivery.c.endpoint_id)
)
_RESTING = (
    select(endpoint.c.app_id, endpoint.c.id)
    .join_from(endpoint, application, application.c.id == endpoint.c.app_id)
    .where(
        (endpoint.c.paused_until_ms > bindparam("now_ms"))
        | (endpoint.c.throttle_rate.is_not(None) & (endpoint.c.slot_ms > bindparam("moved_ms")))
        | (
            application.c.throttle_rate.is_not(None)
            & (application.c.slot_ms > bindparam("moved_ms"))
        )
    )
)
_SENDING = select(func.count()).where(in_states((DeliveryState.SENDING,)))
_NOTABLE = select(delivery.c.state, func.count()).where(NOTABLE).group_by(delivery.c.state)
_ENDPOINTS = (
    select(endpoint.c.disabled, func.count())
    .where(endpoint.c.deleted_ms.is_(None))
    .group_by(endpoint.c.disabled)
)


def read_overview(connection: Connection, *, now_ms: int | None = None) -> Overview:
    """Return every state but SUCCEEDED counted, the oldest ready delivery, and the endpoints.

    The oldest is of those that wait for a worker: what a pause or a throttle keeps, which workers
    move on, is left out. ``now_ms`` is this machine's time unless given.
    """
    now_ms = round(time.time() * 1000) if now_ms is None else now_ms
    lanes = connection.execute(_LANES).all()
    times = {"now_ms": now_ms, "moved_ms": now_ms - _MOVES_MS}
    resting = {(row[0], row[1]) for row in connection.execute(_RESTING, times)}
    endpoints = {row[0]: row[1] for row in connection.execute(_ENDPOINTS)}
    return Overview(
        deliveries={
            DeliveryState.READY: sum(row[2] for row in lanes),
            **_count_apart(connection),
        },
        oldest_ready_ms=min(
            (since_ms for *lane, _, since_ms in lanes if tuple(lane) not in resting), default=None
        ),
        endpoints=sum(endpoints.values()),
        endpoints_disabled=endpoints.get(True, 0),
    )


def _count_apart(connection: Connection) -> Mapping[DeliveryState, int]:
    counted = dict.fromkeys(DeliveryState, 0)
    counted[DeliveryState.SENDING] = connection.execute(_SENDING).scalar_one()
    counted |= {DeliveryState(state): count for state, count in connection.execute(_NOTABLE)}
    del counted[DeliveryState.READY], counted[DeliveryState.SUCCEEDED]
    return counted
