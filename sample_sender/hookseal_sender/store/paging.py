"""Pages of lists: which rows, and in which order.

Knows cursors and limits. Must not know what a row means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import tuple_

from hookseal_sender.store.base import Page, PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping, Select

__all__ = ["read_page"]

ItemT = TypeVar("ItemT")


def read_page(
    connection: Connection,
    query: Select[Any],
    columns: Sequence[ColumnElement[str]],
    request: PageRequest,
    read: Callable[[RowMapping], ItemT],
) -> Page[ItemT]:
    """Return the page of ``query`` that was asked for, in the order of ``columns``.

    A cursor names the columns' values with a dot between them; the last may hold dots itself.
    """
    rows = connection.execute(_limited(query, columns, request)).mappings().all()
    items = [read(row) for row in rows[: request.limit]]
    if request.backwards:
        items.reverse()
    return Page(items=items, done=len(rows) <= request.limit)


def _limited(
    query: Select[Any], columns: Sequence[ColumnElement[str]], request: PageRequest
) -> Select[Any]:
    """Return ``query`` limited to the page, with one row more to tell whether it is the last."""
    descending = request.descending != request.backwards
    if request.cursor is not None:
        query = query.where(_behind(columns, request.cursor, descending=descending))
    order = [each.desc() if descending else each.asc() for each in columns]
    return query.order_by(*order).limit(request.limit + 1)


def _behind(
    columns: Sequence[ColumnElement[str]], cursor: str, *, descending: bool
) -> ColumnElement[bool]:
    parts = cursor.split(".", len(columns) - 1)
    known = columns[: len(parts)]  # of half a cursor, what is there counts
    here, there = (known[0], parts[0]) if len(known) == 1 else (tuple_(*known), tuple_(*parts))
    return here < there if descending else here > there
