"""Every setting, described once.

Knows names, defaults, help and which command uses what. Must not know where values come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hookseal_sender.config import values
from hookseal_sender.retry import DEFAULT_DELAYS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SETTINGS", "TOPICS", "Setting", "settings_of"]

_MAX_PORT = 65535
_YEAR = 365 * 86400
_API = ("serve", "api")
_DELIVERY = ("serve", "worker")
_RUNNING = ("serve", "api", "worker")
_ALL = (*_RUNNING, "token", "status", "migrate")

TOPICS = {
    "database": "Database and keys",
    "api": "API",
    "console": "Console and Play",
    "delivery": "Deliveries",
    "operation": "Operation",
}
"""The headings that settings are listed under."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting. ``parse`` returns its value or raises ValueError with what to write.

    ``commands`` are those it means something to. No error shows what is ``hidden``, since there may
    be a password in it. A ``secret`` is hidden, and has no flag: other users of the machine see
    flags.
    """

    name: str
    topic: str
    default: str
    help: str
    metavar: str
    commands: tuple[str, ...]
    parse: Callable[[str], Any]
    secret: bool = False
    hidden: bool = False
    switch: bool = False  # its flag alone means true

    @property
    def env(self) -> str:
        """The environment variable."""
        return f"HOOKSEAL_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The command line flag."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def in_file(self) -> bool:
        """Whether the config file may hold it."""
        return self.name != "config"


def settings_of(command: str) -> tuple[Setting, ...]:
    """Return the settings that mean something to ``command``."""
    return tuple(each for each in SETTINGS if command in each.commands)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="config",
        topic="database",
        default="",
        help="a TOML file with settings; flags and environment variables win over it",
        metavar="FILE",
        commands=_ALL,
        parse=values.path,
    ),
    Setting(
        name="database_url",
        topic="database",
        default="sqlite:///hookseal.db",
        help="where everything is kept: sqlite:///FILE or postgresql://USER@HOST/NAME; put a URL "
        "with a password into the environment or the file, since flags are visible",
        metavar="URL",
        commands=_ALL,
        parse=values.database_url,
        hidden=True,
    ),
    Setting(
        name="database_pool",
        topic="database",
        default="8",
        help="connections to PostgreSQL that one process opens at most",
        metavar="N",
        commands=_RUNNING,
        parse=values.whole(4, 1000),
    ),
    Setting(
        name="token_key",
        topic="database",
        default="",
        help="the keys that sign API tokens, newest first, comma-separated: the first signs, all "
        "are accepted; with SQLite one is made beside the database if none is given",
        metavar="TEXT,...",
        commands=(*_API, "token"),
        parse=values.keys,
        secret=True,
    ),
    Setting(
        name="encryption_key",
        topic="database",
        default="",
        help="the keys that encrypt the endpoints' secrets at rest, newest first, comma-separated: "
        "the first seals, all open; with SQLite one is made beside the database if none is given",
        metavar="TEXT,...",
        commands=(*_RUNNING, "migrate"),
        parse=values.keys,
        secret=True,
    ),
    Setting(
        name="host",
        topic="api",
        default="127.0.0.1",
        help="the address the API listens on",
        metavar="ADDRESS",
        commands=_API,
        parse=values.text,
    ),
    Setting(
        name="port",
        topic="api",
        default="8071",
        help="the port the API listens on",
        metavar="PORT",
        commands=_API,
        parse=values.whole(1, _MAX_PORT),
    ),
    Setting(
        name="public_url",
        topic="api",
        default="",
        help="how others reach the API and the console; made of host and port if not given. A "
        "worker needs it to deliver to Play",
        metavar="URL",
        commands=_RUNNING,
        parse=values.web_url,
    ),
    Setting(
        name="api_rate_limit",
        topic="api",
        default="5000/second",
        help="requests one token may make of each process, such as 100/second;2000/minute, which "
        "both hold; empty for any number",
        metavar="RATE",
        commands=_API,
        parse=values.rate,
    ),
    Setting(
        name="max_body",
        topic="api",
        default="2097152",
        help="bytes that a request to the API may have; more is answered 413",
        metavar="BYTES",
        commands=_API,
        parse=values.whole(1024, 64 * 1024 * 1024),
    ),
    Setting(
        name="default_plan",
        topic="api",
        default="enterprise",
        help="the plan of new applications that name none; enterprise includes webhooks",
        metavar="PLAN",
        commands=_API,
        parse=values.name,
    ),
    Setting(
        name="contact",
        topic="api",
        default="",
        help="an address or URL to show where a plan lacks webhooks",
        metavar="TEXT",
        commands=_API,
        parse=values.line,
    ),
    Setting(
        name="console",
        topic="console",
        default="true",
        help="whether the web console is served, at /console",
        metavar="true|false",
        commands=_API,
        parse=values.boolean,
    ),
    Setting(
        name="frame_origins",
        topic="console",
        default="",
        help="origins that may show the console in a frame, such as https://app.example.com, "
        "comma-separated; none by default",
        metavar="ORIGIN,...",
        commands=_API,
        parse=values.origins,
    ),
    Setting(
        name="play_store",
        topic="console",
        default="",
        help="the SQLite file of Play's requests; beside an SQLite database by default, and with "
        "PostgreSQL there is no Play without it. Processes of one machine share it",
        metavar="FILE",
        commands=_RUNNING,
        parse=values.path,
    ),
    Setting(
        name="trusted_proxies",
        topic="console",
        default="",
        help="addresses or networks of the proxies in front, comma-separated: Play believes what "
        "they say of HTTPS and of who asks",
        metavar="CIDR,...",
        commands=_API,
        parse=values.networks,
    ),
    Setting(
        name="https_only",
        topic="delivery",
        default="false",
        help="whether endpoints must have https URLs",
        metavar="true|false",
        commands=_RUNNING,
        parse=values.boolean,
        switch=True,
    ),
    Setting(
        name="allow_networks",
        topic="delivery",
        default="",
        help="networks that endpoints may be in although they are not public, comma-separated",
        metavar="CIDR,...",
        commands=_RUNNING,
        parse=values.networks,
    ),
    Setting(
        name="retry_schedule",
        topic="delivery",
        default=",".join(f"{delay:g}" for delay in DEFAULT_DELAYS),
        help="seconds before each retry; an endpoint's own schedule wins",
        metavar="SECONDS,...",
        commands=_RUNNING,
        parse=values.schedule,
    ),
    Setting(
        name="request_timeout",
        topic="delivery",
        default="20",
        help="seconds an endpoint has to answer, body included; an endpoint's own time wins",
        metavar="SECONDS",
        commands=_RUNNING,
        parse=values.seconds(),
    ),
    Setting(
        name="max_in_flight",
        topic="delivery",
        default="200",
        help="requests a worker has under way at once",
        metavar="N",
        commands=_DELIVERY,
        parse=values.whole(1, 10_000),
    ),
    Setting(
        name="max_in_flight_per_endpoint",
        topic="delivery",
        default="10",
        help="requests one endpoint gets at once",
        metavar="N",
        commands=_DELIVERY,
        parse=values.whole(1, 10_000),
    ),
    Setting(
        name="disable_after",
        topic="delivery",
        default="432000",
        help="seconds of nothing but failures after which an endpoint is disabled; 0 for never",
        metavar="SECONDS",
        commands=_DELIVERY,
        parse=values.seconds(high=_YEAR, zero=True),
    ),
    Setting(
        name="retention",
        topic="delivery",
        default="90",
        help="days that messages and attempts are kept",
        metavar="DAYS",
        commands=_DELIVERY,
        parse=values.whole(1, 3650),
    ),
    Setting(
        name="metrics_host",
        topic="operation",
        default="127.0.0.1",
        help="the address a worker serves /metrics and /health on",
        metavar="ADDRESS",
        commands=("worker",),
        parse=values.text,
    ),
    Setting(
        name="metrics_port",
        topic="operation",
        default="0",
        help="the port a worker serves /metrics and /health on; 0 for none",
        metavar="PORT",
        commands=("worker",),
        parse=values.whole(0, _MAX_PORT),
    ),
    Setting(
        name="log_format",
        topic="operation",
        default="text",
        help="text for people, or json: one object a line",
        metavar="text|json",
        commands=_RUNNING,
        parse=values.choice("text", "json"),
    ),
    Setting(
        name="log_level",
        topic="operation",
        default="info",
        help="the least that is logged",
        metavar="debug|info|warning|error",
        commands=_RUNNING,
        parse=values.choice("debug", "info", "warning", "error"),
    ),
)
"""Every setting, in the order of the help."""
