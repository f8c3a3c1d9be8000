"""What alembic runs: the revisions, on the connection and in the transaction that it is given.

Knows alembic. Must not open a database or set up logging: the caller has done both.
"""

from __future__ import annotations

from alembic import context

from hookseal_sender.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
