"""Insert, unless the row is there: the statement that each engine writes its own way in SQLAlchemy.

Knows the two dialects. Must not know the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Table
    from sqlalchemy.sql.dml import ReturningInsert

__all__ = ["insert_new", "upsert"]


def insert_new(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert the row; False if one of the same key, or with the same unique value, is there."""
    insert = _insert(connection, table).values(row).on_conflict_do_nothing()
    return _returned(connection, insert.returning(*table.primary_key))


def upsert(
    connection: Connection,
    table: Table,
    row: Mapping[str, object],
    *,
    where: ColumnElement[bool] | None = None,
) -> bool:
    """Insert the row, or replace the one of its key if ``where`` holds for that; False if not."""
    insert = _insert(connection, table).values(row)
    key = [column.name for column in table.primary_key]
    new = {name: insert.excluded[name] for name in row if name not in key}
    statement = insert.on_conflict_do_update(index_elements=key, set_=new, where=where)
    return _returned(connection, statement.returning(*table.primary_key))


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _returned(connection: Connection, statement: ReturningInsert[Any]) -> bool:
    # Not rowcount: of an INSERT, SQLAlchemy does not keep it.
    return connection.execute(statement).first() is not None
