"""Tallies: the attempts of each endpoint by hour, from now on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# As in the first revision.
_SIZES = {
    ("tally", "tally"): "1000000 10000 100 2 1",
    ("tally", "tally_age"): "1000000 1000",
}


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tally",
        sa.Column(
            "app_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "endpoint_id",
            sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "hour_ms", "endpoint_id", "shard"),
        sqlite_with_rowid=False,
    )
    op.create_index("tally_age", "tally", ["hour_ms"])
    if op.get_bind().dialect.name == "sqlite":
        _say_sizes()


def _say_sizes() -> None:
    sizes = sa.table("sqlite_stat1", sa.column("tbl"), sa.column("idx"), sa.column("stat"))
    rows = [{"tbl": tbl, "idx": idx, "stat": stat} for (tbl, idx), stat in _SIZES.items()]
    op.bulk_insert(sizes, rows)
