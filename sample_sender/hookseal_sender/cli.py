"""The command line: ``hookseal-sender serve | api | worker | migrate | token | status``.

Knows how commands become a parser, and exit statuses. Must not know what a command does.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hookseal_sender.commands import COMMANDS
from hookseal_sender.commands.base import warn
from hookseal_sender.config import add_flags, settings_of
from hookseal_sender.errors import SenderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookseal_sender.commands import Command

__all__ = ["main", "make_parser"]

_COULD_NOT_RUN = 2
_WIDTH = 96  # whatever the terminal's, so that the reference shows what --help shows
_DESCRIPTION = """\
Accepts events over a REST API, signs them, and delivers them until they arrive.

On one machine 'serve' is all there is to run. On PostgreSQL run 'migrate' once a version, then any
number of 'api' and 'worker'.
"""
_EXAMPLES = """\
examples:
  hookseal-sender serve
  hookseal-sender serve --port 9000 --database-url sqlite:////var/lib/hookseal/hookseal.db
  TOKEN=$(hookseal-sender token)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8071/api/v1/app

'hookseal-sender COMMAND --help' tells more. A flag wins over the environment, that over the file.
"""


class _Shape(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=_WIDTH)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, 2 if it could not run."""
    parser = make_parser()
    flags, unknown = parser.parse_known_args(argv)
    command: Command = flags.command
    if unknown:
        parser.error(_unknown(command, unknown[0].partition("=")[0]))
    try:
        return command.run(flags)
    except SenderError as error:
        warn(" ".join(str(error).split()))
        return _COULD_NOT_RUN
    except KeyboardInterrupt:
        return 130  # as a shell reports it


def _unknown(command: Command, argument: str) -> str:
    """Return what to do instead of an argument, which may be followed by a key."""
    for setting in settings_of(command.name):
        if setting.secret and setting.flag == argument:
            return f"{argument}: others see flags; set {setting.env}, or put it into the file"
    return f"{argument!r} is unknown here; see 'hookseal-sender {command.name} --help'"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it puts the command's value into ``command``."""
    parser = argparse.ArgumentParser(
        prog="hookseal-sender",
        usage="hookseal-sender COMMAND [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=_Shape,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        each = commands.add_parser(
            command.name,
            prog=f"hookseal-sender {command.name}",  # else made of the usage above
            usage=f"hookseal-sender {command.name} [options]",
            help=command.summary,
            description=command.description,
            formatter_class=_Shape,
        )
        command.add_arguments(each)
        add_flags(each, settings_of(command.name))
        each.set_defaults(command=command)
    return parser
