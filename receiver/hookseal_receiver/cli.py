"""The command ``hookseal-receiver``.

Knows arguments, the environment and exit statuses. Must not know how the endpoint works.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hookseal import ConfigError
from hookseal_receiver.app import ENDPOINT, HANDLED, create_app
from hookseal_receiver.serve import Listen, serve

__all__ = ["main"]

SECRET_VARIABLE = "HOOKSEAL_SECRET"  # noqa: S105 # the name of a variable
_UNUSABLE = 2

_EPILOG = f"""\
examples:
  {SECRET_VARIABLE}=whsec_... hookseal-receiver --certfile cert.pem --keyfile key.pem
      over HTTPS, as a sender on the internet needs it
  {SECRET_VARIABLE}=whsec_... hookseal-receiver --trusted-proxy 10.0.0.7
      behind a proxy that ends HTTPS and sets X-Forwarded-Proto
  {SECRET_VARIABLE}=whsec_... hookseal-receiver --allow-insecure
      over plain HTTP from this machine, for development
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 stopped, 2 could not run."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s %(message)s", level=arguments.log_level.upper())
    try:
        app = create_app(
            _secrets(arguments),
            fail_first=arguments.fail_first,
            trusted_proxies=arguments.trusted_proxy,
            allow_insecure_peers=("127.0.0.1", "::1") if arguments.allow_insecure else (),
        )
        asyncio.run(serve(app, _listens(arguments), _announce))
    except ConfigError as error:
        print(f"hookseal-receiver: {error}", file=sys.stderr)
        return _UNUSABLE
    except OSError as error:
        print(
            f"hookseal-receiver: cannot listen on {arguments.host}:{arguments.port}: {error}. "
            "Is the port in use (--port), or a certificate file wrong (--certfile, --keyfile)?",
            file=sys.stderr,
        )
        return _UNUSABLE
    return 0


def _secrets(arguments: argparse.Namespace) -> list[str]:
    text: str = arguments.secret or os.environ.get(SECRET_VARIABLE, "")
    if not text:
        raise ConfigError(
            f"no secret: set {SECRET_VARIABLE} to the endpoint's secret (whsec_...), which the "
            "sender shows; several, newest first, with commas between them"
        )
    return [secret.strip() for secret in text.split(",")]


def _listens(arguments: argparse.Namespace) -> list[Listen]:
    if (arguments.certfile is None) != (arguments.keyfile is None):
        raise ConfigError("--certfile and --keyfile go together: give both, or neither")
    listens = [
        Listen(
            host=arguments.host,
            port=arguments.port,
            certificate=arguments.certfile,
            key=arguments.keyfile,
        )
    ]
    if arguments.plain_port is not None:
        listens.append(Listen(host=arguments.host, port=arguments.plain_port))
    return listens


def _announce(listen: Listen) -> None:
    scheme = "http" if listen.certificate is None else "https"
    base = f"{scheme}://{listen.host}:{listen.port}"
    print(f"receiving at {base}{ENDPOINT}, handled events at {base}{HANDLED}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hookseal-receiver",
        description="A reference endpoint, wrapped with the Hookseal middleware.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--secret", help=f"the endpoint's secret (better: the variable {SECRET_VARIABLE})"
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8443, help="default: %(default)s")
    parser.add_argument("--certfile", type=Path, help="serve HTTPS with this certificate chain")
    parser.add_argument("--keyfile", type=Path, help="its private key")
    parser.add_argument(
        "--plain-port",
        type=int,
        metavar="PORT",
        help="listen here over plain HTTP too, to see deliveries refused",
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="CIDR",
        help="a proxy whose X-Forwarded-Proto is believed; may be repeated",
    )
    parser.add_argument(
        "--allow-insecure",
        action="store_true",
        help="accept plain HTTP from this machine, with a warning for each delivery",
    )
    parser.add_argument(
        "--fail-first",
        type=int,
        default=0,
        metavar="N",
        help="answer 500 to the first N events, to see them retried",
    )
    parser.add_argument(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="default: %(default)s",
    )
    return parser
