"""Every setting of the middleware, checked once.

Knows defaults and what makes a setting weak or wrong. Must not know requests.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypedDict

from hookseal.errors import ConfigError
from hookseal.handshakes import Handshake
from hookseal.ledger import AsyncLedger, Ledger, MemoryLedger, open_ledger
from hookseal.observe import LoggingObserver, Observer
from hookseal.ratelimit import BoundedMemoryStorage, Limiter, LimitStorage, check_storage
from hookseal.ratelimit.budget import Rate
from hookseal.schemes import Scheme, StandardScheme
from hookseal.secrets import SecretsLike
from hookseal.sources import SecretsPicker, Source
from hookseal.transport import ProxyHeader, Transport
from hookseal.verify import DEFAULT_TOLERANCE_SECONDS, verifying_ring

if TYPE_CHECKING:
    from hookseal.observe import Notes

__all__ = ["Policy", "Settings"]

SEVEN_DAYS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How webhooks are accepted. Raises :class:`ConfigError`, naming the setting and the fix."""

    secrets: SecretsLike | Source | SecretsPicker = field(repr=False)
    """The endpoint's secret ("whsec_..."), several of one source (newest first), a Source, or a
    callable that picks them by request and returns None for a sender it does not know."""

    source: str = "default"
    """The name of the sender, where ``secrets`` is not a Source."""

    scheme: Scheme = field(default_factory=StandardScheme)
    """How the sender signs."""

    tolerance: int = DEFAULT_TOLERANCE_SECONDS
    """The largest accepted age, and lead, of a timestamp in seconds."""

    paths: Collection[str] | None = None
    """The paths that receive webhooks, each with all below it; None for every path. A path that a
    router might read in another way (//, %, ;, ..) counts as one of them."""

    exempt_paths: Collection[str] = ()
    """Exact paths that pass unchecked, such as "/health"."""

    methods: Collection[str] = ("POST",)
    """The methods of deliveries."""

    trusted_proxies: Collection[str] = ()
    """Addresses or networks of the proxies that end HTTPS for you, or "unix"; their header is
    believed. Empty: only the server's own scheme counts."""

    hops: int = 1
    """How many proxies stand in front, each adding an entry to the header."""

    proxy_header: ProxyHeader = "x-forwarded-proto"
    """The header that your proxy sets and overwrites: "x-forwarded-proto" or "forwarded"."""

    allow_insecure_peers: Collection[str] = ()
    """Peers let through over plain HTTP, with a warning each, for development: "127.0.0.1"."""

    max_body: int = 1024 * 1024
    """The largest accepted body in bytes."""

    body_timeout: float = 10.0
    """How long a body may take to arrive, in seconds; a WSGI app can check only between reads."""

    allow_content_encoding: bool = False
    """Accept compressed bodies. They are verified as sent; bound what you inflate."""

    failure_budget: str | None = "30/minute"
    """How many failed requests a client address has; None for no limit."""

    source_budget: str | None = "1000/second"
    """How many events a verified source may send; None for no limit."""

    limit_storage: LimitStorage = field(default_factory=BoundedMemoryStorage, repr=False)
    """Where budgets are counted: a storage of the ``limits`` library, or a URL such as
    "redis://host:6379/0" for one that processes share."""

    ledger: Ledger | AsyncLedger | str | None = field(default_factory=MemoryLedger, repr=False)
    """Where handled events are remembered: a ledger, or a URL such as "sqlite:///hookseal.db" or
    "redis://host:6379/0" for one that processes share; None to handle every delivery, repeated or
    not."""

    namespace: str = ""
    """Sets the events and budgets of this endpoint apart from others in the same stores."""

    lease: float = 30.0
    """How long a claim lasts unless renewed, in seconds; it is renewed while the handler runs."""

    retention: float = SEVEN_DAYS
    """How long a handled event is remembered, in seconds: longer than senders retry."""

    in_flight_wait: float = 2.0
    """How long a duplicate waits for the reply of the request that is handling it, in seconds."""

    in_flight_status: Literal[503, 409] = 503
    """What it is answered after that. Some senders never retry a 409."""

    max_reply: int = 4096
    """The largest reply body that is stored, in bytes; a duplicate of a larger one gets the status
    alone."""

    reply_headers: Collection[str] = ("content-type", "content-encoding")
    """The headers that are stored with a reply."""

    handshakes: Collection[Handshake] = ()
    """The endpoint-ownership handshakes to answer."""

    observer: Observer = field(default_factory=LoggingObserver, repr=False)
    """Is told what happens to each request."""

    mode: Literal["enforce", "report"] = "enforce"
    """"report" decides and tells the observer, but lets every request through to the app."""

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_paths()
        if not self.methods:
            raise ConfigError("methods: none given. Name those of deliveries, such as ('POST',).")
        if self.in_flight_status not in {503, 409}:
            raise ConfigError(f"in_flight_status: {self.in_flight_status}; write 503 or 409.")
        if not callable(self.secrets):
            _static_source(self.secrets, self.source)
        if self.mode not in {"enforce", "report"}:
            raise ConfigError(f"mode: {self.mode!r}; write 'enforce' or 'report'.")
        self.transport()
        self._check_limits()

    def _check_numbers(self) -> None:
        for name in ("tolerance", "max_body", "body_timeout", "lease", "retention"):
            if not 0 < getattr(self, name) < math.inf:  # NaN is neither
                raise ConfigError(f"{name}: {getattr(self, name)}; it must be above 0, and finite.")
        for name in ("in_flight_wait", "max_reply"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(
                    f"{name}: {getattr(self, name)}; it must be 0 or more, and finite."
                )
        if self.retention <= 2 * self.tolerance:  # signed that far ahead, it is taken that late
            raise ConfigError(
                f"retention: {self.retention} seconds; it must exceed twice the tolerance "
                f"({self.tolerance}), or a replay outlives the memory of its event."
            )

    def _check_limits(self) -> None:
        check_storage(self.limit_storage)
        for name in ("failure_budget", "source_budget"):
            if (rate := getattr(self, name)) is not None:
                Rate(rate, name=name)

    def _check_paths(self) -> None:
        for name in ("paths", "exempt_paths", "methods", "reply_headers"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise ConfigError(f"{name}: expected a list, got text. Write [{given!r}].")
        for name in ("paths", "exempt_paths"):
            for path in getattr(self, name) or ():
                if not path.startswith("/"):
                    raise ConfigError(f"{name}: {path!r} must begin with '/'.")
        if self.paths is not None and not self.paths:
            raise ConfigError("paths: empty, so nothing would be checked. Use None for every path.")

    @classmethod
    def of(
        cls,
        secrets: SecretsLike | Source | SecretsPicker | None,
        policy: Policy | None,
        settings: Settings,
    ) -> Policy:
        """Return the policy that a face was given: ready, or as secrets and settings."""
        if policy is None:
            if secrets is None:
                raise ConfigError(
                    'secrets: none given. Pass the endpoint\'s secret: secrets="whsec_...". Is the '
                    "environment variable that should hold it set?"
                )
            return cls(secrets=secrets, **settings)
        if secrets is not None or settings:
            raise ConfigError("policy: give either a policy or secrets and settings, not both.")
        return policy

    def opened(self, *, asynchronous: bool) -> Policy:
        """Return the policy with its ledger in the form that a face can use.

        A URL is opened; for a face on an event loop, a store that may wait goes to a thread.
        """
        if self.ledger is None:
            return self
        return replace(self, ledger=open_ledger(self.ledger, asynchronous=asynchronous))

    def static_source(self) -> Source | None:
        """Return the one source, or None where a callable picks it."""
        return None if callable(self.secrets) else _static_source(self.secrets, self.source)

    def picker(self) -> SecretsPicker | None:
        """Return the callable that picks secrets, or None where they are static."""
        return self.secrets if callable(self.secrets) else None

    def limiter(self, notes: Notes, *, asynchronous: bool) -> Limiter:
        """Return what makes the budgets, for a face that can await or for one that cannot."""
        return Limiter(
            self.limit_storage,
            asynchronous=asynchronous,
            namespace=self.namespace,
            tell=notes.limits,
        )

    def transport(self) -> Transport:
        """Return the HTTPS decision that these settings make."""
        return Transport(
            trusted_proxies=self.trusted_proxies,
            hops=self.hops,
            header=self.proxy_header,
            allow_insecure_peers=self.allow_insecure_peers,
        )


class Settings(TypedDict, total=False):
    """The settings of :class:`Policy` but ``secrets``, as keyword arguments of a face."""

    source: str
    scheme: Scheme
    tolerance: int
    paths: Collection[str] | None
    exempt_paths: Collection[str]
    methods: Collection[str]
    trusted_proxies: Collection[str]
    hops: int
    proxy_header: ProxyHeader
    allow_insecure_peers: Collection[str]
    max_body: int
    body_timeout: float
    allow_content_encoding: bool
    failure_budget: str | None
    source_budget: str | None
    limit_storage: LimitStorage
    ledger: Ledger | AsyncLedger | str | None
    namespace: str
    lease: float
    retention: float
    in_flight_wait: float
    in_flight_status: Literal[503, 409]
    max_reply: int
    reply_headers: Collection[str]
    handshakes: Collection[Handshake]
    observer: Observer
    mode: Literal["enforce", "report"]


def _static_source(secrets: SecretsLike | Source, name: str) -> Source:
    if isinstance(secrets, Source):
        return secrets
    return Source(name, verifying_ring(secrets))
