"""The inbox through Django's ORM: add ``"hookseal.inbox.django"`` to ``INSTALLED_APPS``.

Knows one model and what ``transaction.atomic`` gives. Must not begin or end a transaction but a
savepoint: the transaction is the handler's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.apps import apps as registry  # ours is a submodule of the name
from django.db import IntegrityError, router, transaction

from hookseal.inbox import NotInTransactionError, inbox_row, purge_before

if TYPE_CHECKING:
    from hookseal.inbox.django.models import Received
    from hookseal.verify import WebhookEvent

__all__ = ["first_time", "purge"]


def first_time(event: WebhookEvent, *, using: str | None = None) -> bool:
    """Record ``event`` in the ``transaction.atomic`` block that is open; False if it is there.

    ``using`` names the database that the effect is in; left out, the routers say. While another
    transaction that recorded the event is open, this waits for its end. After a rollback it is the
    first time again. Raises :class:`~hookseal.inbox.NotInTransactionError` outside of a block.
    """
    model = _model()
    database = using or router.db_for_write(model)
    if not transaction.get_connection(database).in_atomic_block:
        raise NotInTransactionError(
            "first_time: no transaction is open. Call it inside of transaction.atomic(), in which "
            "the effect is made too."
        )
    row = model(**inbox_row(event)._asdict(), recorded_at=int(time.time()))
    try:
        with transaction.atomic(using=database):
            # Written before anything is read: SQLite would not let a reader wait to write.
            row.save(using=database, force_insert=True)
    except IntegrityError:
        return False
    return True


def purge(
    *,
    older_than_days: float = 30,
    batch: int = 1000,
    using: str | None = None,
    now: float | None = None,
) -> int:
    """Delete up to ``batch`` of the oldest rows and return how many.

    Keep rows for longer than your senders retry and the ledger remembers. ``now`` is in unix
    seconds and is read from the clock when left out.
    """
    model = _model()
    rows = model.objects.using(using or router.db_for_write(model))
    before = purge_before(older_than_days, time.time() if now is None else now)
    old = rows.filter(recorded_at__lt=before).order_by("recorded_at").values_list("pk", flat=True)
    deleted, _ = rows.filter(pk__in=list(old[:batch])).delete()
    return deleted


def _model() -> type[Received]:
    # Django imports this module before it allows an app to import its models.
    model: type[Received] = registry.get_model("hookseal_inbox", "Received")
    return model
