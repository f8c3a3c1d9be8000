"""The command ``hookseal listen``: Play on this machine, and a line for each request.

Knows arguments, the terminal and exit statuses. Must not know how a request is judged or shown.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hookseal import ConfigError
from hookseal_receiver.play.listening import Options, listen
from hookseal_receiver.play.secrets import split_secrets
from hookseal_receiver.play.sending import NotSent, check_url

__all__ = ["main"]

SECRET_VARIABLE = "HOOKSEAL_SECRET"  # noqa: S105 # the name of a variable
_UNUSABLE = 2

_DESCRIPTION = f"""\
Makes a private URL on this machine and shows each request that it gets: a line here, everything in
the page whose address is printed. With --forward, each request goes on to your app unchanged, and
its answer goes back to the sender.

Signatures are checked with the secret in the variable {SECRET_VARIABLE} (several, with commas
between them), or with the one you type after --ask-secret. Secrets are never arguments: others on
this machine can read those.
"""

_EPILOG = f"""\
examples:
  hookseal listen
      a new URL for a trial; all is forgotten when you stop
  hookseal listen --name orders
      the same URL each time, with what came before
  {SECRET_VARIABLE}=whsec_... hookseal listen --forward http://localhost:8000/webhooks
      check, show, and pass on to your app
  hookseal listen --once --json
      wait for one request, print it as a line of JSON, and stop: for scripts

exit status: 0 stopped, 2 could not run
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 stopped, 2 could not run.

    The entry point ``listen`` of the group ``hookseal.commands``.
    """
    parser = argparse.ArgumentParser(
        prog="hookseal listen",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    return _run(parser.parse_args(argv))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--forward", metavar="URL", help="pass each request on to this app")
    parser.add_argument("--name", help="a URL that stays the same: a-z, 0-9 and '-'")
    parser.add_argument(
        "--port",
        type=_port,
        help="default: 8075, or a free one where that is taken; 0 for a free one",
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        help="keep requests in this file (default: with --name, one in your state folder)",
    )
    parser.add_argument(
        "--ask-secret", action="store_true", help="ask for the endpoint's secret at the terminal"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each request")
    parser.add_argument("--once", action="store_true", help="stop after one request")
    parser.add_argument("--exit-after", type=_count, metavar="N", help="stop after N requests")


def _run(arguments: argparse.Namespace) -> int:
    try:
        options = _options(arguments)
        asyncio.run(listen(options))
    except (ConfigError, NotSent) as error:
        sys.stderr.write(f"hookseal listen: {error}\n")
        return _UNUSABLE
    except OSError as error:
        port = "" if arguments.port is None else f":{arguments.port}"
        sys.stderr.write(
            f"hookseal listen: cannot listen on {arguments.host}{port}: {error.strerror}. "
            "Choose another --host or --port.\n"
        )
        return _UNUSABLE
    except KeyboardInterrupt:
        pass
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    if arguments.forward is not None:
        check_url(arguments.forward)
    return Options(
        host=arguments.host,
        port=arguments.port,
        name=arguments.name or "",
        store=_store(arguments),
        secrets=split_secrets(_secret(arguments)),
        forward=arguments.forward or "",
        json=arguments.json,
        exit_after=1 if arguments.once else arguments.exit_after,
    )


def _secret(arguments: argparse.Namespace) -> str:
    if not arguments.ask_secret:
        return os.environ.get(SECRET_VARIABLE, "")
    try:
        return getpass.getpass("secret (whsec_... or whpk_...): ")
    except EOFError:
        raise ConfigError(f"no terminal to ask at: set {SECRET_VARIABLE} instead") from None


def _store(arguments: argparse.Namespace) -> str:
    if arguments.store is not None:
        return str(arguments.store)
    if not arguments.name:
        return ":memory:"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "hookseal"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"--store: {folder} cannot be made: {error.strerror}") from None
    return str(folder / "play.db")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError("give a number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
