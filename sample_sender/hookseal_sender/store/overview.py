"""The state of the whole sender, counted.

Knows which partial index holds each state, so that nothing counts what has long succeeded. Must not
know who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from hookseal_sender.model import DeliveryState, Overview
from hookseal_sender.store.filters import NOTABLE, in_states
from hookseal_sender.store.schema import delivery, endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_overview"]

_READY = select(func.count(), func.min(delivery.c.due_ms)).where(in_states((DeliveryState.READY,)))
_SENDING = select(func.count()).where(in_states((DeliveryState.SENDING,)))
_NOTABLE = select(delivery.c.state, func.count()).where(NOTABLE).group_by(delivery.c.state)
_ENDPOINTS = (
    select(endpoint.c.disabled, func.count())
    .where(endpoint.c.deleted_ms.is_(None))
    .group_by(endpoint.c.disabled)
)


def read_overview(connection: Connection) -> Overview:
    """Return every state but SUCCEEDED counted, the oldest ready delivery, and the endpoints."""
    ready, oldest_ready_ms = connection.execute(_READY).one()
    endpoints = {row[0]: row[1] for row in connection.execute(_ENDPOINTS)}
    return Overview(
        deliveries={DeliveryState.READY: ready, **_count_apart(connection)},
        oldest_ready_ms=oldest_ready_ms,
        endpoints=sum(endpoints.values()),
        endpoints_disabled=endpoints.get(True, 0),
    )


def _count_apart(connection: Connection) -> Mapping[DeliveryState, int]:
    counted = dict.fromkeys(DeliveryState, 0)
    counted[DeliveryState.SENDING] = connection.execute(_SENDING).scalar_one()
    counted |= {DeliveryState(state): count for state, count in connection.execute(_NOTABLE)}
    del counted[DeliveryState.READY], counted[DeliveryState.SUCCEEDED]
    return counted
