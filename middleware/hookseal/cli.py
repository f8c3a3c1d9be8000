"""The command ``hookseal``: sign and verify by hand, and examine an app.

Knows arguments, standard input and exit statuses. Must not know how signatures work.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from hookseal import doctor
from hookseal.errors import ConfigError, WebhookError
from hookseal.extras import run_command
from hookseal.secrets import generate_secret
from hookseal.signing import Signer
from hookseal.verify import DEFAULT_TOLERANCE_SECONDS, Verifier

__all__ = ["main"]

SECRET_VARIABLE = "HOOKSEAL_SECRET"  # noqa: S105 # the name of a variable
_REFUSED, _UNUSABLE = 1, 2
_ADDED_COMMANDS = "hookseal.commands"
"""The group of entry points that add commands: each takes arguments and returns a status."""

_EPILOG = """\
examples:
  export HOOKSEAL_SECRET=$(hookseal secret)
  echo '{"type":"invoice.paid"}' | hookseal sign -
  hookseal sign --curl https://example.com/webhooks payload.json
  hookseal verify -H 'webhook-id: msg_1' -H 'webhook-timestamp: 1614265330' \\
      -H 'webhook-signature: v1,...' payload.json
  hookseal doctor main:app
"""

_DOCTOR = """\
Imports an app, finds the Hookseal middleware in it, and says what is weak or wrong and how to fix
it. The app is not started and no store is asked. Secrets are never printed.

levels:
  error    webhooks are not safe: nothing is verified, anybody may pass, repeats run twice
  warning  safe on a good day, not under load, attack, restart or with several workers
  hint     worth knowing

exit status: 0 no errors (there may be warnings), 1 at least one error, 2 could not run
"""

_DOCTOR_EPILOG = """\
examples:
  hookseal doctor main:app                  the app as you name it to uvicorn or gunicorn
  hookseal doctor 'project.web:make_app()'  a function that makes it
  DJANGO_SETTINGS_MODULE=site.settings hookseal doctor site.wsgi:application
  hookseal doctor --strict main:app         in CI: warnings count as errors
  hookseal doctor --json main:app | jq '.findings[].fix'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 refused, 2 could not run."""
    given = list(sys.argv[1:] if argv is None else argv)
    added = {point.name: point for point in entry_points(group=_ADDED_COMMANDS)}
    if given and given[0] in added:
        # One may want an extra that is not installed.
        point = added[given[0]]
        return run_command(f"hookseal {point.name}", "play", point.load, given[1:])
    arguments = _parser(added).parse_args(given)
    try:
        return int(arguments.run(arguments))
    except WebhookError as error:
        print(f"refused: {error.code} ({error.status_hint}): {error.detail}", file=sys.stderr)
        return _REFUSED
    except (ConfigError, OSError) as error:
        print(f"hookseal: {error}", file=sys.stderr)
        return _UNUSABLE


def _sign(arguments: argparse.Namespace) -> int:
    if arguments.curl and arguments.payload == "-":
        raise ConfigError("--curl: name a file; what came in at - is gone when curl reads it")
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


def _doctor(arguments: argparse.Namespace) -> int:
    findings = doctor.examine(doctor.load(arguments.app))
    wrong = {"error", "warning"} if arguments.strict else {"error"}
    if arguments.json:
        shown = [finding.as_dict() for finding in findings]
        print(json.dumps({"app": arguments.app, "findings": shown}, indent=2))
    else:
        print(doctor.report(arguments.app, findings))
    return _REFUSED if any(finding.level in wrong for finding in findings) else 0


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


def _parser(added: Iterable[str] = ()) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hookseal",
        description="Sign and verify webhooks by hand (Standard Webhooks, v1 and v1a), and examine "
        "an app that receives them.",
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
    examine = commands.add_parser(
        "doctor",
        help="say what is weak or wrong about an app",
        description=_DOCTOR,
        epilog=_DOCTOR_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    examine.add_argument("app", help="module:app, or module:factory() to call it")
    examine.add_argument("--json", action="store_true", help="print JSON")
    examine.add_argument("--strict", action="store_true", help="exit 1 for warnings too")
    examine.set_defaults(run=_doctor)
    secret = commands.add_parser("secret", help="print a new secret")
    secret.add_argument("--bytes", type=int, default=32, help="24 to 64 (default: %(default)s)")
    secret.set_defaults(run=_new_secret)
    for name in added:
        commands.add_parser(name, help=f"see hookseal {name} --help")
    return parser


def _signature_command(command: argparse.ArgumentParser, run: object) -> argparse.ArgumentParser:
    command.add_argument("payload", help="a file, or - for standard input")
    command.add_argument(
        "--secret", help=f"whsec_..., whsk_... or whpk_... (better: the variable {SECRET_VARIABLE})"
    )
    command.set_defaults(run=run)
    return command
