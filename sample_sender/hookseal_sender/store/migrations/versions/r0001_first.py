"""The first schema: tenants with their endpoints, messages with their deliveries, attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# What ANALYZE would find in a busy database: the rows of each index, and how many share its first
# column, its first two, ... SQLite plans by it from the first row on. Without, it takes ten rows to
# an application, and reads all of that rather than use a second index.
# Source: https://www.sqlite.org/optoverview.html, "Manual Control Of Query Plans Using SQLITE_STAT
# Tables".
_SIZES = {
    ("organisation", "sqlite_autoindex_organisation_1"): "100 1",
    ("organisation", "sqlite_autoindex_organisation_2"): "100 1",
    ("application", "sqlite_autoindex_application_1"): "1000 1",
    ("application", "sqlite_autoindex_application_2"): "1000 100 1",
    ("application", "application_organisation"): "1000 100 1",
    ("endpoint", "sqlite_autoindex_endpoint_1"): "5000 5 1",
    ("endpoint", "sqlite_autoindex_endpoint_2"): "5000 5 1",
    ("endpoint", "endpoint_unsettled"): "1 1 1",
    ("message", "sqlite_autoindex_message_1"): "1000000 10000 1",
    ("message", "sqlite_autoindex_message_2"): "1000000 10000 1",
    ("message", "message_expiry"): "1000000 2",
    ("message", "message_age"): "1000000 2",
    ("delivery", "delivery"): "5000000 50000 5 1",
    ("delivery", "delivery_endpoint"): "5000000 50000 10000 1",
    ("delivery", "delivery_state"): "100000 2000 500 200 1",
    ("delivery", "delivery_sending"): "200 100 10 1",
    ("delivery", "delivery_ready"): "10000 500 100 1 1",
    ("delivery", "delivery_timer"): "100000 2",
    ("attempt", "attempt"): "5000000 50000 5 1",
    ("attempt", "attempt_endpoint"): "5000000 50000 10000 1",
}


def upgrade() -> None:
    """Make the tables."""
    _make_organisation()
    _make_revoked_token()
    _make_idempotency()
    _make_event_type()
    _make_application()
    _make_endpoint()
    _make_message()
    _make_delivery()
    _make_attempt()
    if op.get_bind().dialect.name == "sqlite":
        _say_sizes()


def _say_sizes() -> None:
    op.execute("ANALYZE")  # makes the table
    sizes = sa.table("sqlite_stat1", sa.column("tbl"), sa.column("idx"), sa.column("stat"))
    rows = [{"tbl": tbl, "idx": idx, "stat": stat} for (tbl, idx), stat in _SIZES.items()]
    op.bulk_insert(sizes, rows)


def _make_organisation() -> None:
    op.create_table(
        "organisation",
        sa.Column(
            "id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "name",
            sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def _make_revoked_token() -> None:
    op.create_table(
        "revoked_token",
        sa.Column(
            "id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("body", sa.String(64), nullable=False),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("reply", sa.Text()),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("idempotency_expiry", "idempotency", ["expires_ms"])


def _make_event_type() -> None:
    op.create_table(
        "event_type",
        sa.Column(
            "org_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "name",
            sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("deprecated", sa.Boolean(), nullable=False),
        sa.Column(
            "feature_flag", sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql")
        ),
        sa.Column("schemas", sa.Text()),
        sa.Column("enforced", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "name"),
    )


def _make_application() -> None:
    op.create_table(
        "application",
        sa.Column(
            "id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "org_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("uid", sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("throttle_rate", sa.Integer()),
        sa.Column("slot_ms", sa.Double, server_default="0", nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("org_id", "uid"),
    )
    op.create_index("application_organisation", "application", ["org_id", "id"])


def _make_endpoint() -> None:
    op.create_table(
        "endpoint",
        sa.Column(
            "app_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("uid", sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", sa.Text()),
        sa.Column("channels", sa.Text()),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_for", sa.String(16)),
        sa.Column("throttle_rate", sa.Integer()),
        sa.Column("slot_ms", sa.Double, server_default="0", nullable=False),
        sa.Column("retry_schedule", sa.Text()),
        sa.Column("timeout", sa.Double),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text()),
        sa.Column("failing_since_ms", sa.BigInteger()),
        sa.Column("paused_until_ms", sa.BigInteger()),
        sa.Column("pauses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unsettled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["app_id"], ["application.id"]),
        sa.PrimaryKeyConstraint("app_id", "id"),
        sa.UniqueConstraint("app_id", "uid"),
    )
    op.create_index(
        "endpoint_unsettled",
        "endpoint",
        ["app_id", "id"],
        sqlite_where=sa.text("unsettled"),
        postgresql_where=sa.text("unsettled"),
    )


def _make_message() -> None:
    op.create_table(
        "message",
        sa.Column(
            "app_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "event_id", sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql")
        ),
        sa.Column(
            "event_type",
            sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("channels", sa.Text()),
        sa.Column("payload", sa.LargeBinary()),
        sa.Column("content_type", sa.String(128)),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "id"),
        sa.UniqueConstraint("app_id", "event_id"),
    )
    op.create_index("message_age", "message", ["created_ms"])
    op.create_index(
        "message_expiry",
        "message",
        ["expires_ms"],
        sqlite_where=sa.text("payload IS NOT NULL"),
        postgresql_where=sa.text("payload IS NOT NULL"),
    )


def _make_delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column(
            "app_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "msg_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "endpoint_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("trigger", sa.SmallInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger()),
        sa.Column("lease_token", sa.String(32)),
        sa.Column("last_status", sa.SmallInteger()),
        sa.Column("last_attempt_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("app_id", "msg_id", "endpoint_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_endpoint", "delivery", ["app_id", "endpoint_id", "msg_id"])
    op.create_index(
        "delivery_ready",
        "delivery",
        ["app_id", "endpoint_id", "due_ms", "msg_id"],
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_index(
        "delivery_state",
        "delivery",
        ["app_id", "endpoint_id", "state", "msg_id"],
        sqlite_where=sa.text("state NOT IN (0, 1, 2)"),
        postgresql_where=sa.text("state NOT IN (0, 1, 2)"),
    )
    op.create_index(
        "delivery_sending",
        "delivery",
        ["app_id", "endpoint_id", "msg_id"],
        sqlite_where=sa.text("state = 1"),
        postgresql_where=sa.text("state = 1"),
    )
    op.create_index(
        "delivery_timer",
        "delivery",
        ["due_ms"],
        sqlite_where=sa.text("state IN (1, 6) AND due_ms IS NOT NULL"),
        postgresql_where=sa.text("state IN (1, 6) AND due_ms IS NOT NULL"),
    )


def _make_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column(
            "app_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "msg_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "endpoint_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.SmallInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("response_headers", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "msg_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("attempt_endpoint", "attempt", ["app_id", "endpoint_id", "id"])
