"""The tables.

Knows names, types, keys and indexes; one schema for SQLite and PostgreSQL. Must not know queries.

The application id leads every key and index of a tenant's data, so that tables can be distributed
by tenant. ``delivery_timer`` alone is by time: it finds what falls due, in each shard on its own.
Messages, deliveries and attempts have no foreign keys: their rows are written together with, or
after, what they refer to, which is deleted by a mark only; and on PostgreSQL every check would lock
the one row of a busy application. Every change of a table goes with a revision in ``migrations``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from hookseal_sender.model import DeliveryState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

__all__ = [
    "NOT_NOTABLE",
    "application",
    "attempt",
    "delivery",
    "endpoint",
    "event_type",
    "idempotency",
    "message",
    "metadata",
    "organisation",
    "revoked_token",
    "tally",
]

metadata = MetaData()
# Ids sort by time in byte order; a database of a language would sort them otherwise.
_ID = String(40).with_variant(String(40, collation="C"), "postgresql")
_UID = String(256).with_variant(String(256, collation="C"), "postgresql")


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


organisation = Table(
    "organisation",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", _UID, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
)

revoked_token = Table(
    "revoked_token",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("expires_ms", BigInteger, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("body", String(64), nullable=False),
    # NULL while the first request with the key is under way.
    Column("status", SmallInteger),
    Column("reply", Text),
    Column("expires_ms", BigInteger, nullable=False),
    Index("idempotency_expiry", "expires_ms"),
)

event_type = Table(
    "event_type",
    metadata,
    Column("org_id", _ID, primary_key=True),
    Column("name", _UID, primary_key=True),
    Column("description", Text, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("deprecated", Boolean, nullable=False),
    Column("feature_flag", _UID),
    Column("schemas", Text),
    Column("enforced", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

application = Table(
    "application",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, nullable=False),
    Column("uid", _UID),
    Column("name", Text, nullable=False),
    Column("plan", String(64), nullable=False),
    Column("throttle_rate", Integer),
    # The earliest time of the next delivery that throttle_rate allows.
    Column("slot_ms", Double, nullable=False, server_default="0"),
    Column("metadata", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    UniqueConstraint("org_id", "uid"),
)
Index("application_organisation", application.c.org_id, application.c.id)

endpoint = Table(
    "endpoint",
    metadata,
    Column("app_id", _ID, ForeignKey("application.id"), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("uid", _UID),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event_types", Text),
    Column("channels", Text),
    Column("disabled", Boolean, nullable=False),
    Column("disabled_for", String(16)),
    Column("throttle_rate", Integer),
    Column("slot_ms", Double, nullable=False, server_default="0"),
    Column("retry_schedule", Text),
    Column("timeout", Double),
    Column("metadata", Text, nullable=False),
    # Sealed by the vault: they are of no use to who reads the database alone.
    Column("secrets", Text, nullable=False),
    Column("headers", Text),
    Column("failing_since_ms", BigInteger),
    Column("paused_until_ms", BigInteger),
    Column("pauses", Integer, nullable=False, server_default="0"),
    # Whether deliveries are still to be moved to where a change of it leaves them.
    Column("unsettled", Boolean, nullable=False, server_default=false()),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    UniqueConstraint("app_id", "uid"),
)
_partial("endpoint_unsettled", endpoint.c.app_id, endpoint.c.id, where=endpoint.c.unsettled)

message = Table(
    "message",
    metadata,
    Column("app_id", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("event_id", _UID),
    Column("event_type", _UID, nullable=False),
    Column("channels", Text),
    # NULL once it was removed, by a caller or because its time was up.
    Column("payload", LargeBinary),
    Column("content_type", String(128)),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    UniqueConstraint("app_id", "event_id"),
)
_partial("message_expiry", message.c.expires_ms, where=message.c.payload.is_not(None))
Index("message_age", message.c.created_ms)

delivery = Table(
    "delivery",
    metadata,
    Column("app_id", _ID, primary_key=True),
    Column("msg_id", _ID, primary_key=True),
    Column("endpoint_id", _ID, primary_key=True),
    Column("state", SmallInteger, nullable=False),
    # All attempts that were made, and those since it was published or last asked for.
    Column("attempts", Integer, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("trigger", SmallInteger, nullable=False),
    # READY: since when; WAITING: the next attempt; SENDING: when the lease ends; else NULL.
    Column("due_ms", BigInteger),
    Column("lease_token", String(32)),
    Column("last_status", SmallInteger),
    Column("last_attempt_ms", BigInteger),
    sqlite_with_rowid=False,  # one tree less to write in a hot table
)
Index("delivery_endpoint", delivery.c.app_id, delivery.c.endpoint_id, delivery.c.msg_id)
NOT_NOTABLE = (DeliveryState.READY, DeliveryState.SENDING, DeliveryState.SUCCEEDED)
"""The states that ``delivery_state`` leaves out. Deliveries under way are few, come and go all the
time, and have an index for themselves."""
_LANE = (delivery.c.app_id, delivery.c.endpoint_id)
_STATE, _MESSAGE, _DUE = delivery.c.state, delivery.c.msg_id, delivery.c.due_ms
_partial("delivery_ready", *_LANE, _DUE, _MESSAGE, where=_STATE == DeliveryState.READY)
_partial("delivery_sending", *_LANE, _MESSAGE, where=_STATE == DeliveryState.SENDING)
_partial(
    "delivery_state",
    *_LANE,
    _STATE,
    _MESSAGE,
    where=_STATE.not_in(NOT_NOTABLE),
)
# They all have a time. To say so keeps PostgreSQL from taking the index for a statement about one
# of the states in one lane: as long as it thinks that few wait, it would read the times of all.
_partial(
    "delivery_timer",
    _DUE,
    where=_STATE.in_((DeliveryState.SENDING, DeliveryState.WAITING)) & _DUE.is_not(None),
)

attempt = Table(
    "attempt",
    metadata,
    Column("app_id", _ID, primary_key=True),
    Column("msg_id", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("endpoint_id", _ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("trigger", SmallInteger, nullable=False),
    Column("url", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("response", Text, nullable=False),
    Column("response_headers", Text),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("attempt_endpoint", attempt.c.app_id, attempt.c.endpoint_id, attempt.c.id)

# How many attempts an endpoint had in an hour, so that nobody counts the attempts themselves. What
# is added to now lies together, and so does what a list of endpoints reads.
tally = Table(
    "tally",
    metadata,
    Column("app_id", _ID, primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True),
    Column("endpoint_id", _ID, primary_key=True),
    # A process adds to rows of one shard, so that processes do not wait for each other.
    Column("shard", SmallInteger, primary_key=True),
    Column("succeeded", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    sqlite_with_rowid=False,
)
Index("tally_age", tally.c.hour_ms)
