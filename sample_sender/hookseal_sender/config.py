"""The settings, each described once.

Knows flags, environment variables, defaults and help; the only module that reads the environment.
Must not know what the settings are used for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hookseal_sender.addresses import parse_network
from hookseal_sender.errors import StartError
from hookseal_sender.retry import DEFAULT_DELAYS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable, Mapping

    from hookseal_sender.addresses import Network

__all__ = ["SETTINGS", "Setting", "Settings", "add_flags", "load"]

_MAX_PORT = 65535
_MIN_KEY_LENGTH = 32
_MAX_SECONDS = 7 * 86400


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings as values. Times are in seconds."""

    database_url: str
    host: str
    port: int
    allow_networks: tuple[Network, ...]
    retry_schedule: tuple[float, ...]
    request_timeout: float
    max_in_flight: int
    max_in_flight_per_endpoint: int
    token_key: str | None = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting. ``parse`` returns its value or raises ValueError with what to write."""

    name: str
    default: str
    help: str
    metavar: str
    parse: Callable[[str], Any] = str
    secret: bool = False

    @property
    def env(self) -> str:
        """The environment variable."""
        return f"HOOKSEAL_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The command line flag."""
        return f"--{self.name.replace('_', '-')}"


def add_flags(parser: ArgumentParser, settings: Iterable[Setting]) -> None:
    """Give ``parser`` a flag for each of ``settings``; secrets have none, flags are visible."""
    for setting in settings:
        if not setting.secret:
            parser.add_argument(
                setting.flag,
                metavar=setting.metavar,
                help=f"{setting.help} [{setting.env}; default: {setting.default or 'none'}]",
            )


def load(flags: Namespace, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings: a flag wins over the environment, that over the default.

    Raises :class:`~hookseal_sender.errors.StartError`, naming the setting, what was found and
    what to write.
    """
    environment = os.environ if environment is None else environment
    return Settings(**{each.name: _value(each, flags, environment) for each in SETTINGS})


def _value(setting: Setting, flags: Namespace, environment: Mapping[str, str]) -> Any:
    given: str | None = getattr(flags, setting.name, None)
    source = setting.env if given is None else setting.flag
    text = environment.get(setting.env, setting.default) if given is None else given
    try:
        return setting.parse(text.strip())
    except ValueError as error:
        found = "the value" if setting.secret else repr(text)
        raise StartError(f"{source}: {found} cannot be used: {error}") from None


def _text(text: str) -> str:
    if not text:
        raise ValueError("it is empty; leave it out for the default")
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text[:10]) <= high):
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _MAX_SECONDS:
        raise ValueError(f"write seconds, more than 0 and at most {_MAX_SECONDS}, such as 20")
    return value


def _schedule(text: str) -> tuple[float, ...]:
    try:
        return tuple(_seconds(part) for part in text.split(","))
    except ValueError:
        raise ValueError("write the seconds before each retry, such as 5,300,1800") from None


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(parse_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"{error}; write networks such as 10.0.0.0/8,fd00::/8") from None


def _key(text: str) -> str | None:
    if 0 < len(text) < _MIN_KEY_LENGTH:
        raise ValueError(f"write at least {_MIN_KEY_LENGTH} random characters, or nothing")
    return text or None


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="database_url",
        default="sqlite:///hookseal.db",
        help="where everything is kept",
        metavar="URL",
        parse=_text,
    ),
    Setting(
        name="host",
        default="127.0.0.1",
        help="the address the API listens on",
        metavar="ADDRESS",
        parse=_text,
    ),
    Setting(
        name="port",
        default="8071",
        help="the port the API listens on",
        metavar="PORT",
        parse=_whole(1, _MAX_PORT),
    ),
    Setting(
        name="allow_networks",
        default="",
        help="networks that endpoints may be in although they are not public, comma-separated",
        metavar="CIDR,...",
        parse=_networks,
    ),
    Setting(
        name="retry_schedule",
        default=",".join(f"{delay:g}" for delay in DEFAULT_DELAYS),
        help="seconds before each retry",
        metavar="SECONDS,...",
        parse=_schedule,
    ),
    Setting(
        name="request_timeout",
        default="20",
        help="seconds an endpoint has to answer, body included",
        metavar="SECONDS",
        parse=_seconds,
    ),
    Setting(
        name="max_in_flight",
        default="200",
        help="requests a worker has under way at once",
        metavar="N",
        parse=_whole(1, 10_000),
    ),
    Setting(
        name="max_in_flight_per_endpoint",
        default="10",
        help="requests one endpoint gets at once",
        metavar="N",
        parse=_whole(1, 10_000),
    ),
    Setting(
        name="token_key",
        default="",
        help="the key that signs API tokens; without it one is made beside the database",
        metavar="TEXT",
        parse=_key,
        secret=True,
    ),
)
"""Every setting, in the order of the help."""
