"""The command line: ``hookseal-sender serve | token``.

Knows commands, help and exit statuses. Must not know how the sender is built.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from typing import TYPE_CHECKING

from hookseal_sender.config import SETTINGS, add_flags, load
from hookseal_sender.errors import StartError
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.serve import serve, token_key

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_CANNOT_START = 2
_APPLICATION_ID = re.compile(r"app_[0-9A-Za-z]{27}\Z")
_TOKEN_SETTINGS = tuple(each for each in SETTINGS if each.name in {"database_url", "token_key"})

_DESCRIPTION = """\
Accepts events over a REST API, signs them, and delivers them until they arrive.

examples:
  hookseal-sender serve
  hookseal-sender serve --port 9000 --database-url sqlite:////var/lib/hookseal/hookseal.db
  TOKEN=$(hookseal-sender token)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8071/api/v1/app
"""
_SERVE = """\
Run the API and the delivery worker in one process. Makes its database and the key that signs
tokens on first start. Stops on SIGTERM or Ctrl-C when the requests under way have ended.

examples:
  hookseal-sender serve
  hookseal-sender serve --allow-networks 127.0.0.0/8     deliver to this machine, for a trial
  HOOKSEAL_PORT=9000 hookseal-sender serve               every flag has an environment variable
"""
_ISSUE = """\
Print an API token: for everything, or for one application. Only the token is printed, so that a
shell can keep it. Works whether or not the sender runs.

examples:
  TOKEN=$(hookseal-sender token)
  hookseal-sender token --app app_2Yx4hR0bEXaMPLe0000000000ab
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, or 2 if it could not start."""
    flags = _parser().parse_args(argv)
    try:
        return _COMMANDS[flags.command](flags)
    except StartError as error:
        sys.stderr.write(f"hookseal-sender: {error}\n")
        return _CANNOT_START


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="hookseal-sender", description=_DESCRIPTION, formatter_class=shape
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | token")
    serving = commands.add_parser(
        "serve", help="run API and worker", description=_SERVE, formatter_class=shape
    )
    add_flags(serving, SETTINGS)
    token = commands.add_parser(
        "token", help="print an API token", description=_ISSUE, formatter_class=shape
    )
    token.add_argument("--app", metavar="ID", help="limit the token to this application")
    add_flags(token, _TOKEN_SETTINGS)
    return parser


def _serve(flags: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    serve(load(flags), _say)
    return 0


def _token(flags: argparse.Namespace) -> int:
    app_id: str | None = flags.app
    if app_id is not None and not _APPLICATION_ID.match(app_id):
        raise StartError(f"--app: {app_id!r} is not an application's id, such as app_2Yx...")
    scope = Scope(org_id=DEFAULT_ORGANISATION, app_id=app_id)
    _say(token_key(load(flags)).issue(scope, now=int(time.time())))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


_COMMANDS = {"serve": _serve, "token": _token}
