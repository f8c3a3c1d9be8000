"""The hot statements of the outbox: what a database engine must be able to do.

Knows the rows that come and go. Must not know why: claiming, completing and publishing decide. Each
engine has statements of its own, because what is fastest on one is slow or impossible on the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.store.sharing import LaneKey

__all__ = [
    "ATTEMPT_COLUMNS",
    "DELIVERY_COLUMNS",
    "MESSAGE_COLUMNS",
    "Ending",
    "Found",
    "LaneRow",
    "Moves",
    "Quota",
    "Taken",
    "TallyRow",
    "Unsettled",
    "Wanted",
]

MESSAGE_COLUMNS = (
    "app_id, id, event_id, event_type, channels, payload, content_type, created_ms, expires_ms"
)
DELIVERY_COLUMNS = "app_id, endpoint_id, msg_id, state, attempts, tries, trigger, due_ms"
ATTEMPT_COLUMNS = (
    "app_id, id, msg_id, endpoint_id, number, trigger, url, started_ms, duration_ms, succeeded, "
    "status, response, response_headers, reason"
)


class LaneRow(NamedTuple):
    """A lane with work, and what its endpoint says.

    ``gone``: it or its application was deleted. ``unsettled``: it is noted that claims have
    deliveries of it to move.
    """

    app_id: str
    endpoint_id: str
    ready: int
    in_flight: int
    gone: bool
    disabled: bool
    unsettled: bool
    url: str
    secrets: str
    headers: str | None
    paused_until_ms: int | None
    throttle_rate: int | None
    slot_ms: float
    app_throttle_rate: int | None
    app_slot_ms: float
    timeout: float | None
    retry_schedule: str | None


class Found(NamedTuple):
    """Lanes in the order of their keys, up to ``last``.

    ``skipped`` of them are left out: another transaction was busy with them.
    """

    lanes: Sequence[LaneRow]
    skipped: int
    last: LaneKey


class Quota(NamedTuple):
    """How many a lane may take, and until when."""

    app_id: str
    endpoint_id: str
    quota: int
    lease_ends_ms: int


class Taken(NamedTuple):
    """A delivery that was leased; ``due_ms`` is since when it was ready."""

    app_id: str
    endpoint_id: str
    msg_id: str
    attempts: int
    tries: int
    trigger: int
    due_ms: int


class Ending(NamedTuple):
    """How a lease ends: what its delivery becomes, and which lease it is."""

    state: int
    due_ms: int | None
    status: int
    started_ms: int
    app_id: str
    endpoint_id: str
    msg_id: str
    token: str


class TallyRow(NamedTuple):
    """Attempts to add to an hour of an endpoint."""

    app_id: str
    endpoint_id: str
    hour_ms: int
    shard: int
    succeeded: int
    failed: int


class Wanted(NamedTuple):
    """What to read of a table by a key of two columns.

    ``locked`` rows are not changed by others before the transaction ends.
    """

    columns: str
    table: str
    key: tuple[str, str]
    locked: bool = False


class Unsettled(NamedTuple):
    """An endpoint of which deliveries are to be moved; ``gone`` as of a lane."""

    app_id: str
    endpoint_id: str
    gone: bool
    disabled: bool


class Moves(Protocol):
    """Statements over many rows, none of which is run for no rows."""

    def promote(self, connection: Connection, now_ms: int, limit: int) -> int:
        """Make deliveries ready whose time has come or whose lease has ended; return how many."""
        ...

    def next_timer_ms(self, connection: Connection) -> int | None:
        """Return the earliest time at which :meth:`promote` has something to do."""
        ...

    def unsettled(self, connection: Connection) -> Unsettled | None:
        """Return one of the endpoints that a change has left something of; keep others off it."""
        ...

    def lanes(
        self, connection: Connection, behind: LaneKey, *, limit: int, per_endpoint: int
    ) -> Found:
        """Return the next lanes with ready deliveries, and keep other claims off them.

        With none left, ``last`` is ``behind``.
        """
        ...

    def take(self, connection: Connection, quotas: Sequence[Quota], token: str) -> Sequence[Taken]:
        """Lease the oldest ready deliveries of each lane."""
        ...

    def lookup(
        self, connection: Connection, wanted: Wanted, keys: Collection[tuple[str, str]]
    ) -> Sequence[Any]:
        """Return the rows of those keys that there are, as tuples of the wanted columns."""
        ...

    def end(self, connection: Connection, endings: Sequence[Ending]) -> Collection[int]:
        """End the leases that still hold, count their attempts, and return their places."""
        ...

    def insert(
        self, connection: Connection, table: str, columns: str, rows: Sequence[Sequence[object]]
    ) -> None:
        """Insert rows, their values in the order of ``columns``."""
        ...

    def tally(self, connection: Connection, rows: Sequence[TallyRow]) -> None:
        """Add to the tallies, which are in the order of their keys, each once."""
        ...
