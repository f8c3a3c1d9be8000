"""The command ``hookseal``: sign and verify by hand.

Knows arguments, standard input and exit statuses. Must not know how signatures work.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from hookseal.errors import ConfigError, WebhookError
from hookseal.secrets import generate_secret
from hookseal.signing import Signer
from hookseal.verify import DEFAULT_TOLERANCE_SECONDS, Verifier

__all__ = ["main"]

SECRET_VARIABLE = "HOOKSEAL_SECRET"  # noqa: S105 # the name of a variable
_REFUSED, _UNUSABLE = 1, 2

_EPILOG = """\
examples:
  export HOOKSEAL_SECRET=$(hookseal secret)
  echo '{"type":"invoice.paid"}' | hookseal sign -
  hookseal sign --curl https://example.com/webhooks payload.json
  hookseal verify -H 'webhook-id: msg_1' -H 'webhook-timestamp: 1614265330' \\
      -H 'webhook-signature: v1,...' payload.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 refused, 2 could not run."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except WebhookError as error:
        print(f"refused: {error.code} ({error.status_hint}): {error.detail}", file=sys.stderr)
        return _REFUSED
    except (ConfigError, OSError) as error:
        print(f"hookseal: {error}", file=sys.stderr)
        return _UNUSABLE


def _sign(arguments: argparse.Namespace) -> int:
    body = _body(arguments)
    timestamp = int(time.time()) if arguments.timestamp is None else arguments.timestamp
    headers = Signer(_secret(arguments)).headers(arguments.id, timestamp, body)
    if not arguments.curl:
        for name, value in headers.items():
            print(f"{name}: {value}")
        return 0
    words = ["curl", "-sS", "-X", "POST", arguments.curl, "-H", "content-type: application/json"]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    print(shlex.join([*words, "--data-binary", f"@{arguments.payload}"]))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    headers = [_header(line) for line in arguments.header]
    verifier = Verifier(_secret(arguments), tolerance=arguments.tolerance)
    event = verifier.verify(headers, _body(arguments), now=arguments.at)
    print(f"verified: {event.id}, signed at {event.timestamp}, {len(event.body)} bytes")
    return 0


def _new_secret(arguments: argparse.Namespace) -> int:
    print(generate_secret(arguments.bytes))
    return 0


def _secret(arguments: argparse.Namespace) -> str:
    secret: str = arguments.secret or os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise ConfigError(f"no secret: set {SECRET_VARIABLE}, or give --secret whsec_...")
    return secret


def _body(arguments: argparse.Namespace) -> bytes:
    if arguments.payload == "-":
        return sys.stdin.buffer.read()
    return Path(arguments.payload).read_bytes()


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ConfigError(f"-H {line!r}: write it as 'name: value'")
    return name.strip(), value.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hookseal",
        description="Sign and verify webhooks by hand (Standard Webhooks, v1 and v1a).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    sign = _signature_command(
        commands.add_parser("sign", help="print the headers that sign a payload"), _sign
    )
    sign.add_argument("--id", default=f"msg_{uuid.uuid4().hex}", help="event id (default: random)")
    sign.add_argument("--timestamp", type=int, help="unix seconds (default: now)")
    sign.add_argument("--curl", metavar="URL", help="print a curl command that delivers it to URL")
    verify = _signature_command(
        commands.add_parser("verify", help="check a delivery; exit 1 if it is refused"), _verify
    )
    verify.add_argument(
        "-H", "--header", action="append", default=[], metavar="LINE", help="a 'name: value' header"
    )
    verify.add_argument(
        "--tolerance",
        type=int,
        default=DEFAULT_TOLERANCE_SECONDS,
        help="accepted age and lead in seconds (default: %(default)s)",
    )
    verify.add_argument("--at", type=float, help="judge as of this time, in unix seconds")
    secret = commands.add_parser("secret", help="print a new secret")
    secret.add_argument("--bytes", type=int, default=32, help="24 to 64 (default: %(default)s)")
    secret.set_defaults(run=_new_secret)
    return parser


def _signature_command(command: argparse.ArgumentParser, run: object) -> argparse.ArgumentParser:
    command.add_argument("payload", help="a file, or - for standard input")
    command.add_argument(
        "--secret", help=f"whsec_..., whsk_... or whpk_... (better: the variable {SECRET_VARIABLE})"
    )
    command.set_defaults(run=run)
    return command
