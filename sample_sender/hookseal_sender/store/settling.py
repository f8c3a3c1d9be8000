"""What the state of an endpoint means for the deliveries that it has not got yet.

Knows that a disabled endpoint's are held, a deleted one's cancelled, and any other's not held. A
change of an endpoint moves a chunk of them and leaves the rest to claims, chunk by chunk: a queue
of millions would keep one transaction for minutes. Must not know the statements (``holding``).

An endpoint's row is locked before its deliveries, as everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from hookseal_sender.store import holding
from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.schema import endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

__all__ = ["ENABLED", "cancel", "cancel_all", "hold", "leave", "resume", "settle_some"]

ENABLED: Mapping[str, object] = {
    "disabled": False,
    "disabled_for": None,
    "failing_since_ms": None,
    "paused_until_ms": None,
    "pauses": 0,
}
"""What the row of an endpoint says that was enabled: it begins anew."""


def hold(connection: Connection, app_id: str, endpoint_id: str) -> None:
    """Keep what waits for the endpoint, which was disabled, until it is enabled."""
    if holding.hold_some(connection, app_id, endpoint_id):
        leave(connection, app_id, endpoint_id)


def resume(connection: Connection, now_ms: int, app_id: str, endpoint_id: str) -> None:
    """Make everything due that is held for the endpoint, which was enabled."""
    if holding.resume_some(connection, now_ms, app_id, endpoint_id):
        leave(connection, app_id, endpoint_id)


def cancel(connection: Connection, app_id: str, endpoint_id: str) -> None:
    """End every unfinished delivery of the endpoint, which was deleted."""
    if holding.cancel_some(connection, app_id, endpoint_id):
        leave(connection, app_id, endpoint_id)


def cancel_all(connection: Connection, app_id: str) -> None:
    """End every unfinished delivery of the application, which was deleted."""
    if holding.cancel_some(connection, app_id):
        leave(connection, app_id)


def leave(connection: Connection, app_id: str, endpoint_id: str | None = None) -> None:
    """Leave what is not where it belongs to claims: of the endpoint, or of all of them."""
    rest = update(endpoint).where(endpoint.c.app_id == app_id).values(unsettled=True)
    if endpoint_id is not None:
        rest = rest.where(endpoint.c.id == endpoint_id)
    connection.execute(rest)


def settle_some(connection: Connection, now_ms: int) -> bool:
    """Move a chunk of what a change has left; return whether there may be more to move."""
    found = moves_of(connection).unsettled(connection)
    if found is None:
        return False
    app_id, endpoint_id, gone, disabled = found
    if gone:
        more = holding.cancel_some(connection, app_id, endpoint_id)
    elif disabled:
        more = holding.hold_some(connection, app_id, endpoint_id)
    else:
        more = holding.resume_some(connection, now_ms, app_id, endpoint_id)
    if not more:
        settled = update(endpoint).where(endpoint.c.app_id == app_id, endpoint.c.id == endpoint_id)
        connection.execute(settled.values(unsettled=False))
    return True
