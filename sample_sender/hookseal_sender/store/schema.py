"""The tables.

Knows names, types, keys and indexes; one schema for SQLite and PostgreSQL. Must not know queries.
The application id leads every key and index of a tenant's data, so that tables can be distributed
by tenant.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "SCHEMA_VERSION",
    "application",
    "attempt",
    "delivery",
    "endpoint",
    "message",
    "metadata",
    "schema_version",
]

SCHEMA_VERSION = 1
metadata = MetaData()
_ID = String(40)
_UID = String(256)

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

application = Table(
    "application",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, nullable=False),
    Column("uid", _UID),
    Column("name", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    UniqueConstraint("org_id", "uid"),
)

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
    Column("disabled", Boolean, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    UniqueConstraint("app_id", "uid"),
)

message = Table(
    "message",
    metadata,
    Column("app_id", _ID, ForeignKey("application.id"), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("event_id", _UID),
    Column("event_type", _UID, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("app_id", "event_id"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("app_id", _ID, primary_key=True),
    Column("endpoint_id", _ID, primary_key=True),
    Column("msg_id", _ID, primary_key=True),
    Column("state", SmallInteger, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    # When the next attempt may start; while leased, when the lease ends. None: no work is left.
    Column("due_ms", BigInteger),
    Column("lease_token", String(32)),
    ForeignKeyConstraint(["app_id", "endpoint_id"], ["endpoint.app_id", "endpoint.id"]),
    ForeignKeyConstraint(["app_id", "msg_id"], ["message.app_id", "message.id"]),
)
Index("delivery_message", delivery.c.app_id, delivery.c.msg_id)
_LIVE = delivery.c.due_ms.is_not(None)
Index(
    "delivery_due",
    delivery.c.app_id,
    delivery.c.endpoint_id,
    delivery.c.due_ms,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
_LEASED = delivery.c.lease_token.is_not(None)
Index(
    "delivery_leased",
    delivery.c.app_id,
    delivery.c.endpoint_id,
    delivery.c.due_ms,
    delivery.c.lease_token,
    sqlite_where=_LEASED,
    postgresql_where=_LEASED,
)

attempt = Table(
    "attempt",
    metadata,
    Column("app_id", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("msg_id", _ID, nullable=False),
    Column("endpoint_id", _ID, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("url", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("response", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("attempt_message", attempt.c.app_id, attempt.c.msg_id, attempt.c.id)
Index("attempt_endpoint", attempt.c.app_id, attempt.c.endpoint_id, attempt.c.id)
