"""``migrate``: bring the schema up to date.

Knows how the outcome is said. Must not know how a schema is changed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hookseal_sender.commands.base import Command, say, settings_from, warn

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from hookseal_sender.config import Settings
    from hookseal_sender.store.migrations import Migration

__all__ = ["MIGRATE"]

_NOT_ALL = 1
_DESCRIPTION = """\
Bring the database's schema up to date, making the database if SQLite has none yet. Does nothing
where nothing is to be done, and is safe to run from several places at once. 'serve' does the same
when it starts; 'api' and 'worker' do not, so run this before them.

With --reseal it then seals the endpoints' secrets and headers that an older encryption key sealed
with the newest, so that the older can be taken out of HOOKSEAL_ENCRYPTION_KEY. Run it when every
process has been restarted with both keys. Exit status 1 if one of them does not open.

examples:
  hookseal-sender migrate --dry-run
  HOOKSEAL_DATABASE_URL=postgresql://hookseal@db/hookseal hookseal-sender migrate
  hookseal-sender migrate --reseal --config /etc/hookseal/sender.toml
"""


def _add_arguments(parser: ArgumentParser) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--dry-run", action="store_true", help="only say what would be done")
    choice.add_argument(
        "--reseal", action="store_true", help="seal all secrets with the newest encryption key"
    )


def _run(flags: Namespace) -> int:
    from hookseal_sender.store import migrations

    settings = settings_from(flags)
    work = migrations.plan if flags.dry_run else migrations.upgrade
    outcome = _outcome(work(settings.database_url), "would be " if flags.dry_run else "")
    say(f"database {settings.shown_database}: {outcome}")
    return _reseal(settings) if flags.reseal else 0


def _reseal(settings: Settings) -> int:
    sealed, broken = asyncio.run(_resealed(settings))
    say(f"the secrets of {sealed} endpoints were sealed anew with the newest encryption key")
    if broken:
        warn(f"those of {broken} endpoints do not open: their key is missing; keep the older keys")
        return _NOT_ALL
    return 0


async def _resealed(settings: Settings) -> tuple[int, int]:
    from hookseal_sender.keyless import refuse_lost_key
    from hookseal_sender.opening import stored

    await refuse_lost_key(settings)
    async with stored(settings) as store:
        return await store.reseal()


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
