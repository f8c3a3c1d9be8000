"""The inbox: a handler records an event in its own transaction, and so takes effect once.

Knows what names an event in an inbox. Must not know a database: each form is a module of its own
(``hookseal.inbox.dbapi``, ``.sqlalchemy``, ``.django``), imported only where it is used.

The ledger cannot see whether a handler that died had taken effect already; the event is then
handled again. An inbox row that is committed together with the effect tells the second run so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from hookseal.errors import ConfigError, HooksealError
from hookseal.verify import WebhookEvent

__all__ = ["DEFAULT_TABLE", "NotInTransactionError", "Row", "inbox_row", "purge_before"]

DEFAULT_TABLE = "hookseal_inbox"
MAX_TEXT = 255
"""Characters of a source or an id that are kept as they are."""

SECONDS_PER_DAY = 24 * 3600
Clock: TypeAlias = Callable[[], float]


class NotInTransactionError(HooksealError):
    """The connection commits every statement by itself, which would record the event too early.

    Recorded before its effect is committed, an event whose handler dies is lost.
    """


class Row(NamedTuple):
    """What names an event in an inbox."""

    source: str
    event_id: str


def inbox_row(event: WebhookEvent) -> Row:
    """Return what names ``event``, in at most 255 printable characters each.

    Where the signature does not cover the id, whoever has seen one delivery could send it again
    under the id of another: there the body is part of the name.
    """
    event_id = event.id
    if not event.id_signed:
        event_id = f"{event.id}\x00{hashlib.sha256(event.body).hexdigest()}"
    return Row(_fitting(event.source), _fitting(event_id))


def purge_before(days: float, now: float) -> int:
    """Return the unix time before which rows go. Raises :class:`ConfigError`."""
    if not days > 0:
        raise ConfigError(f"older_than_days: {days}; it must be above 0. Try 30.")
    return int(now - days * SECONDS_PER_DAY)


def _fitting(text: str) -> str:
    """Return ``text``, or its hash where a column might not take it or might cut it."""
    if len(text) <= MAX_TEXT and text.isprintable():
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
