"""``migrate``: bring the schema up to date.

Knows how the outcome is said. Must not know how a schema is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.commands.base import Command, say, settings_from
from hookseal_sender.store import migrations

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from hookseal_sender.store.migrations import Migration

__all__ = ["MIGRATE"]

_DESCRIPTION = """\
Bring the database's schema up to date, making the database if SQLite has none yet. Does nothing
where nothing is to be done, and is safe to run from several places at once. 'serve' does the same
when it starts; 'api' and 'worker' do not, so run this before them.

examples:
  hookseal-sender migrate --dry-run
  HOOKSEAL_DATABASE_URL=postgresql://hookseal@db/hookseal hookseal-sender migrate
"""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _run(flags: Namespace) -> int:
    settings = settings_from(flags)
    work = migrations.plan if flags.dry_run else migrations.upgrade
    outcome = _outcome(work(settings.database_url), "would be " if flags.dry_run else "")
    say(f"database {settings.shown_database}: {outcome}")
    return 0


def _outcome(migration: Migration, would_be: str) -> str:
    if migration.before is None:
        return f"the schema {would_be or 'was '}made, at version {migration.after}"
    if migration.before == migration.after:
        return f"the schema is up to date, at version {migration.after}"
    done = f"{would_be or 'was '}brought"
    return f"the schema {done} from version {migration.before} to {migration.after}"


MIGRATE = Command(
    name="migrate",
    summary="bring the database's schema up to date",
    description=_DESCRIPTION,
    add_arguments=_add_arguments,
    run=_run,
)
