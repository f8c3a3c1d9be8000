"""Which statements a connection's database takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.store.moves_postgresql import PostgresqlMoves
from hookseal_sender.store.moves_sqlite import SqliteMoves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from hookseal_sender.store.moves import Moves

__all__ = ["moves_of"]

_MOVES: Mapping[str, Moves] = {"postgresql": PostgresqlMoves(), "sqlite": SqliteMoves()}


def moves_of(connection: Connection) -> Moves:
    """Return the hot statements of the connection's database."""
    return _MOVES[connection.dialect.name]
