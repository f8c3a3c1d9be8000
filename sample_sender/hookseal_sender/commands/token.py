"""``token``: make an API token.

Knows which scope is meant. Must not know the form of a token.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from hookseal_sender.commands.base import Command, say, settings_from, warn
from hookseal_sender.commands.durations import parse_duration
from hookseal_sender.errors import StartError
from hookseal_sender.keyfile import KeyKind
from hookseal_sender.model import DEFAULT_ORGANISATION, OPERATIONS_ORGANISATION, Scope

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from hookseal_sender.config import Settings

__all__ = ["TOKEN"]

_APPLICATION_ID = re.compile(r"app_[0-9A-Za-z]{27}", re.ASCII)
_MAX_NAME = 200
_MAX_LIFETIME = 10 * 365 * 86400

_DESCRIPTION = """\
Print an API token: for everything of an organisation, or for one application. Only the token is
printed, so that a shell can keep it. Works whether or not the sender runs.

examples:
  TOKEN=$(hookseal-sender token)
  hookseal-sender token --expires 30d
  hookseal-sender token --app app_2Yx4hR0bEXaMPLe0000000000ab     for one application, 28 days
  hookseal-sender token --organisation "ACME Platform"            made on first use
  hookseal-sender token --operational                             to read operational webhooks
"""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--app", metavar="ID", help="limit the token to this application")
    owner = parser.add_mutually_exclusive_group()
    owner.add_argument(
        "--organisation",
        metavar="NAME",
        help="the organisation that the token is for, made if there is none of this name",
    )
    owner.add_argument(
        "--operational",
        action="store_true",
        help="a token for the organisation that receives operational webhooks, such as "
        "endpoint.disabled; its applications have the ids of organisations as uid",
    )
    parser.add_argument(
        "--expires",
        metavar="TIME",
        help="how long it lasts, such as 30d or 12h [default: 10 years; 28 days with --app]",
    )


def _run(flags: Namespace) -> int:
    from hookseal_sender.keys import missing_token_key, token_key

    app_id, expires_in = _application(flags.app), _lifetime(flags.expires)
    name = _organisation_name(flags.organisation)
    settings = settings_from(flags)
    org_id = OPERATIONS_ORGANISATION if flags.operational else DEFAULT_ORGANISATION
    if name is not None:
        org_id = asyncio.run(_organisation_id(settings, name))
    made = missing_token_key(settings)
    key = token_key(settings)
    if made is not None:
        warn(
            f"made the key {made.absolute()}; a sender on another database, or one that has its "
            f"key from {KeyKind.TOKEN.variable}, refuses this token"
        )
    scope = Scope(org_id=org_id, app_id=app_id)
    say(key.issue(scope, now=int(time.time()), expires_in=expires_in))
    return 0


def _application(given: str | None) -> str | None:
    if given is not None and not _APPLICATION_ID.fullmatch(given):
        raise StartError(f"--app: {given!r} is not an application's id, such as app_2Yx...")
    return given


def _organisation_name(given: str | None) -> str | None:
    if given is None:
        return None
    name = given.strip()
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise StartError(f"--organisation: write a name of 1 to {_MAX_NAME} characters")
    return name


def _lifetime(given: str | None) -> int | None:
    if given is None:
        return None
    try:
        seconds = parse_duration(given)
    except ValueError as error:
        raise StartError(f"--expires: {given!r} cannot be used: {error}") from None
    if seconds > _MAX_LIFETIME:
        raise StartError("--expires: a token lasts at most 10 years, which is 3650d")
    return seconds


async def _organisation_id(settings: Settings, name: str) -> str:
    from hookseal_sender.keyless import stored_without_key
    from hookseal_sender.store import migrations

    migrations.check(settings.database_url)
    async with stored_without_key(settings) as store:
        return (await store.organisation(name)).id


TOKEN = Command(
    name="token",
    summary="print an API token",
    description=_DESCRIPTION,
    add_arguments=_add_arguments,
    run=_run,
)
