"""Searching the log of one endpoint, at a cost that does not grow with it.

Knows which indexes hold the log in the order of its pages, and how far one search looks. Must not
change anything.

Most of what can be asked for has no index: every one would be written with every delivery. So a
search first finds the edge, the oldest delivery that it will look at, by walking an index alone,
and then reads what it seeks from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from hookseal_sender.store.base import LogFilter, LogPage
from hookseal_sender.store.filters import are_apart, in_states
from hookseal_sender.store.log import DELIVERIES, MESSAGE_OF_DELIVERY
from hookseal_sender.store.rows import first_id, read_logged
from hookseal_sender.store.schema import attempt, delivery, message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from sqlalchemy import RowMapping, Select

    from hookseal_sender.model import LoggedDelivery

    _Condition: TypeAlias = ColumnElement[bool]

__all__ = ["SEARCHED", "SEARCHED_APART", "search_deliveries"]

SEARCHED = 20_000
"""How many deliveries a search looks at where they lie side by side: measured, 10 ms."""
SEARCHED_APART = 4_000
"""How many where each, or its message, is found by its key: measured, 5 ms to 45 ms, the more the
further they lie apart; a few times that where the disk has not read them lately."""
_NO_ANSWER = 0
_CLASS = 100


class _Index(NamedTuple):
    """The conditions by which an index is read in the order of the pages.

    ``of_state``: it has the deliveries of one state, apart from the others.
    """

    where: Sequence[_Condition]
    of_state: bool = False


class _Edge(NamedTuple):
    """The oldest delivery that was looked at, behind which there are more."""

    msg_id: str
    created_ms: int


class _Look(NamedTuple):
    """What was found in one index; ``edge`` is None if nothing behind it is missing."""

    rows: Sequence[RowMapping]
    edge: _Edge | None


def search_deliveries(
    connection: Connection,
    app_id: str,
    endpoint_id: str,
    where: LogFilter,
    *,
    before: str | None = None,
    limit: int = 50,
) -> LogPage:
    """Return the newest deliveries behind the message id ``before`` that ``where`` selects."""
    here = (
        delivery.c.app_id == app_id,
        delivery.c.endpoint_id == endpoint_id,
        *_in_range(where, before),
    )
    indexes = _indexes(where, here)
    rest = tuple(_beside_index(where))
    most = SEARCHED
    if where.event_type is not None or any(each.of_state for each in indexes):
        most = SEARCHED_APART
    looks = [
        _look(connection, each, rest, limit=limit, most=most // len(indexes)) for each in indexes
    ]
    rows, edge = _together(looks)
    shown = rows[:limit]
    items = _with_attempts(connection, app_id, endpoint_id, shown)
    if len(rows) > limit:
        return LogPage(items=items, more_behind=shown[-1]["msg_id"])
    if edge is not None:
        return LogPage(items=items, more_behind=edge.msg_id, searched_to_ms=edge.created_ms)
    return LogPage(items=items, more_behind=None)


# --- what is asked for -------------------------------------------------------------------------


def _in_range(where: LogFilter, before: str | None) -> Iterator[_Condition]:
    """Yield what is asked of the message's id, which every index here is in the order of."""
    if before is not None:
        yield delivery.c.msg_id < before
    if where.before_ms is not None:
        yield delivery.c.msg_id < first_id("msg_", where.before_ms)
    if where.after_ms is not None:
        yield delivery.c.msg_id >= first_id("msg_", where.after_ms)
    if where.msg_id is not None:
        yield delivery.c.msg_id == where.msg_id


def _indexes(where: LogFilter, here: Iterable[_Condition]) -> Sequence[_Index]:
    """Return the indexes that have what is asked for of the log, ``here`` narrowed down."""
    if where.states is None or not are_apart(where.states):
        return [_Index(tuple(here))]  # one index has all of it
    return [_Index((*here, in_states((each,))), of_state=True) for each in where.states]


def _beside_index(where: LogFilter) -> Iterator[_Condition]:
    """Yield what is asked of each delivery that the indexes lead to."""
    if where.states is not None and not are_apart(where.states):
        # A sum, so that no engine takes an index of states instead: that is in another order.
        yield (delivery.c.state + 0).in_(tuple(map(int, where.states)))
    if where.status is not None:
        yield delivery.c.last_status == where.status
    if where.status_class is not None:
        last = where.status_class + _CLASS - 1 if where.status_class else _NO_ANSWER
        yield delivery.c.last_status.between(where.status_class, last)
    if where.event_type is not None:
        # Not "=", by which an engine could tell that the message must be there and begin with it.
        yield message.c.event_type.is_not_distinct_from(where.event_type)


# --- looking -----------------------------------------------------------------------------------


def _look(
    connection: Connection,
    index: _Index,
    rest: Sequence[_Condition],
    *,
    limit: int,
    most: int,
) -> _Look:
    """Return the newest rows, one more than a page has, of the ``most`` newest of the index."""
    edge = _edge(connection, index.where, most) if rest else None
    if index.of_state:
        query = _found_first(index, most if rest else limit + 1)
    else:
        query = DELIVERIES.where(*index.where)
    if edge is not None:
        query = query.where(delivery.c.msg_id >= edge.msg_id)
    query = query.where(*rest).order_by(delivery.c.msg_id.desc()).limit(limit + 1)
    rows = connection.execute(query).mappings().all()
    return _Look(rows, edge if len(rows) <= limit else None)


def _found_first(index: _Index, most: int) -> Select[Any]:
    """Return the deliveries of the index, which is read for itself before the rows are.

    PostgreSQL takes rows in the order of a whole index for so much cheaper that it would rather
    read all between the first and the last.
    """
    newest = (
        select(delivery.c.app_id, delivery.c.endpoint_id, delivery.c.msg_id)
        .where(*index.where)
        .order_by(delivery.c.msg_id.desc())
        .limit(most)
        .subquery()
    )
    same = (
        (delivery.c.app_id == newest.c.app_id)
        & (delivery.c.endpoint_id == newest.c.endpoint_id)
        & (delivery.c.msg_id == newest.c.msg_id)
    )
    return (
        select(*DELIVERIES.selected_columns)
        .join_from(newest, delivery, same)
        .join(message, MESSAGE_OF_DELIVERY, isouter=True)
    )


def _edge(connection: Connection, where: Iterable[_Condition], most: int) -> _Edge | None:
    """Return the last of the ``most`` newest deliveries that ``where`` has, None if of no more."""
    last_two = (
        select(delivery.c.app_id, delivery.c.msg_id)
        .where(*where)
        .order_by(delivery.c.msg_id.desc())
        .offset(most - 1)
        .limit(2)
        .subquery()
    )
    its_message = (message.c.app_id == last_two.c.app_id) & (message.c.id == last_two.c.msg_id)
    query = (
        select(last_two.c.msg_id, message.c.created_ms)
        .join_from(last_two, message, its_message, isouter=True)
        .order_by(last_two.c.msg_id.desc())
    )
    found = [_Edge._make(row) for row in connection.execute(query)]
    return found[0] if len(found) > 1 else None


def _together(looks: Iterable[_Look]) -> tuple[Sequence[RowMapping], _Edge | None]:
    """Return what was found as far back as every index was looked at, newest first."""
    edge = max((look.edge for look in looks if look.edge is not None), default=None)
    first = "" if edge is None else edge.msg_id
    # By id, because a delivery may go from one state to another between two looks.
    found = {row["msg_id"]: row for look in looks for row in look.rows if row["msg_id"] >= first}
    return [found[msg_id] for msg_id in sorted(found, reverse=True)], edge


def _with_attempts(
    connection: Connection, app_id: str, endpoint_id: str, rows: Sequence[RowMapping]
) -> Sequence[LoggedDelivery]:
    newest = _attempts(connection, app_id, endpoint_id, [row["msg_id"] for row in rows])
    return [read_logged(row, newest.get((row["msg_id"], row["attempts"]))) for row in rows]


def _attempts(
    connection: Connection, app_id: str, endpoint_id: str, msg_ids: Sequence[str]
) -> Mapping[tuple[str, int], RowMapping]:
    """Return the messages' attempts to the endpoint by message and number."""
    query = select(
        attempt.c.msg_id, attempt.c.number, attempt.c.duration_ms, attempt.c.reason
    ).where(
        attempt.c.app_id == app_id,
        attempt.c.msg_id.in_(msg_ids),
        # Joined to nothing, so that no engine takes the index of all attempts of the endpoint.
        attempt.c.endpoint_id + "" == endpoint_id,
    )
    rows = connection.execute(query).mappings()
    return {(row["msg_id"], row["number"]): row for row in rows}
