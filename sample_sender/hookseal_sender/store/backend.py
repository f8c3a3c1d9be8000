"""What a database engine brings along.

Knows the parts that differ between SQLite and PostgreSQL once they are open. Must not know either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    Clock: TypeAlias = Callable[[Connection], int]

__all__ = ["READ_SECONDS", "Backend", "Dialect", "take_arrivals", "tell_arrivals"]

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
READ_SECONDS = 10.0
"""How long a read may look for what it was asked; few do at once, and others wait for them."""
_ARRIVALS = "hookseal_arrivals"


def tell_arrivals(connection: Connection) -> None:
    """Have the workers told, once the transaction is committed, that there may be work."""
    connection.info[_ARRIVALS] = True


def take_arrivals(connection: Connection) -> bool:
    """Return whether :func:`tell_arrivals` was called since this was, on this connection."""
    told: bool = connection.info.pop(_ARRIVALS, False)
    return told


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """Three ways to connect: to commit for good, to commit what may be lost, and to read.

    ``writers`` and ``readers`` are how many threads may use them at once; ``clock`` returns the
    database's unix milliseconds.
    """

    dialect: Dialect
    durable: Engine
    relaxed: Engine
    reading: Engine
    writers: int
    readers: int
    clock: Clock

    def dispose(self) -> None:
        """Close every connection."""
        self.durable.dispose()
        self.reading.dispose()
