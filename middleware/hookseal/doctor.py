"""What is weak or wrong about a configured app, and how to fix it.

Knows the settings and where middleware hides in an app. Must not change the app, send it anything
or show a secret.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from types import CellType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from hookseal.errors import ConfigError
from hookseal.ledger import MemoryLedger, open_ledger
from hookseal.policy import Policy
from hookseal.ratelimit import waits
from hookseal.secrets import KeyRing
from hookseal.transport import UNIX

if TYPE_CHECKING:
    from hookseal.policy import Settings
    from hookseal.sources import Source

__all__ = ["Finding", "Level", "examine", "find_policies", "load", "report"]

Level: TypeAlias = Literal["error", "warning", "hint"]
"""error: webhooks are not safe; warning: they will not be under load, attack or restart."""

_LEVELS = ("error", "warning", "hint")
_DAY = 24 * 3600
_MEBIBYTE = 1024 * 1024
_LARGEST_TOLERANCE = 600
_SHORTEST_RETENTION = 3 * _DAY
_LARGEST_BODY = 20 * _MEBIBYTE
_SHORTEST_LEASE, _LONGEST_LEASE = 5, 600
_LONGEST_WAIT = 10
_MANY_SECRETS = 2
_WIDE_IPV4, _WIDE_IPV6 = 8, 16
"""Prefix lengths: a network that is wider holds strangers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about an app."""

    level: Level
    setting: str
    """The setting it is about; empty where it is about none."""
    problem: str
    fix: str
    where: str = ""
    """Which middleware, where there are several."""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)


_SECRETS = re.compile(r"(?<=wh..._)[\w+/=]+|(?<=wh.._)[\w+/=]+|(?<=://)[^@/\s]+(?=@)")
"""Keys, and the user and password of a URL."""


# --- finding the app -------------------------------------------------------------------------


def load(target: str) -> object:
    """Return the app that ``target`` names: ``module:app``, or ``module:factory()`` to call it.

    Raises :class:`ConfigError` with the reason where it cannot be had.
    """
    module_name, colon, path = target.partition(":")
    if not (module_name and colon and path):
        raise ConfigError(
            f"{target!r} names no app. Write module:app, as for a server, or module:make_app()."
        )
    if os.getcwd() not in sys.path:  # noqa: PTH109 # sys.path holds text
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    call, path = path.endswith("()"), path.removesuffix("()")
    try:
        found: Any = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
        return found() if call else found
    except ModuleNotFoundError as error:
        raise ConfigError(f"{target}: there is no module {error.name!r} here.") from error
    except Exception as error:
        reason = _SECRETS.sub("...", f"{type(error).__name__}: {error}")
        raise ConfigError(f"{target}: loading it failed with {reason}") from error


def find_policies(app: object) -> list[Policy]:
    """Return the policy of each Hookseal middleware, guard and decorator in ``app``."""
    found: dict[tuple[int, ...], Policy] = {}
    seen: dict[int, object] = {}
    waiting: list[object] = [app]
    while waiting and len(seen) < _MOST_OBJECTS:
        one = waiting.pop(0)
        if id(one) in seen or one is None or isinstance(one, _PLAIN):
            continue
        seen[id(one)] = one  # kept, or its id would be another's
        policy = one if isinstance(one, Policy) else _get(one, "policy")
        if isinstance(policy, Policy):
            found[_identity(policy)] = policy
        waiting += _inside(one)
    return list(found.values())


def _identity(policy: Policy) -> tuple[int, ...]:
    """Return what a policy shares with itself once its stores are opened."""
    return tuple(id(getattr(policy, one.name)) for one in fields(policy) if one.name != "ledger")


_MOST_OBJECTS = 20_000
_PLAIN = (str, bytes, int, float, type, ModuleType)
_HOLDERS = (
    *("app", "_app", "wsgi_app", "asgi_app", "application", "wrapped", "__wrapped__", "__self__"),
    *(
        "router",
        "original_router",
        "endpoint",
        "dependant",
        "dependency",
        "call",
        "callback",
        "view",
        "func",
    ),
    *("_gate", "_guard", "_guarded"),
)
"""Where middleware, frameworks and decorators keep what they wrap."""
_LISTS = ("routes", "dependencies", "url_patterns", "view_functions", "args", "keywords")


def _inside(app: object) -> list[object]:
    parts = [_get(app, name) for name in _HOLDERS]
    for name in _LISTS:
        held = _get(app, name)
        if isinstance(held, dict):
            held = list(cast("dict[object, object]", held).values())
        if isinstance(held, list | tuple):
            parts += cast("list[object]", held)
    cells: tuple[CellType, ...] = _get(app, "__closure__") or ()
    parts += [cell.cell_contents for cell in cells if _is_filled(cell)]
    added = _get(app, "user_middleware")
    if isinstance(added, list):
        parts += [_added_policy(one) for one in cast("list[object]", added)]
    if type(app).__module__.startswith("django.core.handlers"):
        parts += _in_django()
    return parts


def _get(one: object, name: str) -> Any:
    try:
        return getattr(one, name, None)
    except Exception:  # noqa: BLE001 # a property or a proxy of somebody else's
        return None


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _added_policy(added: Any) -> Policy | None:
    """Return the policy of what Starlette will make at the first request."""
    if not getattr(added.cls, "__module__", "").startswith("hookseal."):
        return None
    settings: dict[str, Any] = dict(added.kwargs)
    given: list[Any] = [*added.args, settings.pop("secrets", None)]
    return Policy.of(given[0], settings.pop("policy", None), cast("Settings", settings))


def _in_django() -> list[object]:
    """Return what Django's settings say, which an app of its own does not show."""
    settings: Any = importlib.import_module("django.conf").settings
    import_string: Any = importlib.import_module("django.utils.module_loading").import_string
    django: Any = importlib.import_module("hookseal.django.middleware")
    parts: list[object] = list(importlib.import_module(settings.ROOT_URLCONF).urlpatterns)
    for name in settings.MIDDLEWARE:
        made = import_string(name)
        if isinstance(made, type) and issubclass(made, django.WebhookMiddleware):
            parts.append(django.policy_of_settings())
    return parts


# --- examining it ----------------------------------------------------------------------------


def examine(app: object) -> list[Finding]:
    """Return what is weak or wrong about ``app``, the worst first."""
    policies = find_policies(app)
    if not policies:
        return [
            Finding(
                level="error",
                setting="",
                problem="no Hookseal middleware was found in this app: nothing is verified",
                fix="wrap it: app = WebhookMiddleware(app, secrets=...), from hookseal.asgi or "
                "hookseal.wsgi, and name the wrapped app here",
            )
        ]
    several = len(policies) > 1
    findings = [*_shared_events(policies)] + [
        Finding(
            level=level,
            setting=setting,
            problem=problem,
            fix=fix,
            where=_name(policy) if several else "",
        )
        for policy in policies
        for check in _CHECKS
        for level, setting, problem, fix in check(policy)
    ]
    return sorted(findings, key=lambda finding: _LEVELS.index(finding.level))


def _shared_events(policies: list[Policy]) -> Iterator[Finding]:
    """Find endpoints whose events are the same to a store that they share.

    Other apps on the store cannot be seen from here; with names of its own an endpoint is safe.
    """
    known = [(_event_names(policy), _store(policy)) for policy in policies]
    for policy, (names, store) in zip(policies, known, strict=True):
        if names is None or policy.ledger is None:
            continue
        alike = known.count((names, store)) > 1
        if alike or (names[:2] == ("", _DEFAULT_SOURCE) and _is_shared(policy.ledger)):
            yield Finding(
                level="warning" if alike else "hint",
                setting="source",
                problem="another endpoint of this app has the same store, source and namespace: "
                "each takes the other's events for handled"
                if alike
                else "source and namespace are at their defaults: another endpoint on this store "
                "that leaves them so would take this one's events for handled",
                fix="give each endpoint on the store a source or a namespace of its own",
                where=_name(policy) if len(policies) > 1 else "",
            )


_DEFAULT_SOURCE = "default"
_SHARED_STORES = ("hookseal.ledger.redis", "hookseal.ledger.sql", "hookseal.ledger.sqlite")
_SHARED_SCHEMES = ("redis", "valkey", "unix", "postgres", "sqlite")


def _event_names(policy: Policy) -> tuple[str, str, str] | None:
    """Return what an endpoint's events are known by; None where a callable names the source."""
    source = policy.static_source()
    return None if source is None else (policy.namespace, source.name, policy.scheme.name)


def _store(policy: Policy) -> object:
    """Return what is equal for policies whose events are in one store."""
    ledger: object = policy.ledger
    if isinstance(ledger, str):
        if not _is_shared(ledger):
            return id(policy)
        try:
            ledger = open_ledger(ledger, asynchronous=False)  # nothing is connected
        except ConfigError:  # an async driver, or none: there is only the text to go by
            return ledger
    inner = _inner(ledger)
    return _get(inner, "place") if _is_shared(inner) else id(inner)


def _is_shared(ledger: object) -> bool:
    """Tell whether other endpoints and processes may use the same store."""
    if isinstance(ledger, str):
        return ledger.lower().startswith(_SHARED_SCHEMES)
    return type(_inner(ledger)).__module__ in _SHARED_STORES


def _inner(ledger: object) -> object:
    wrapped = _get(ledger, "ledger")
    return ledger if wrapped is None else wrapped


def _name(policy: Policy) -> str:
    paths = "every path" if policy.paths is None else ", ".join(policy.paths)
    return f"{paths} (source {policy.source!r})"


_Found: TypeAlias = Iterator[tuple[Level, str, str, str]]


def _check_mode(policy: Policy) -> _Found:
    if policy.mode == "report":
        yield (
            "error",
            "mode",
            "report mode is on: forged, stale and repeated webhooks reach the handler",
            'remove mode="report" once the notes named would_reject are what you expect',
        )


def _check_transport(policy: Policy) -> _Found:
    for setting in ("trusted_proxies", "allow_insecure_peers"):
        for peer in getattr(policy, setting):
            width = _too_wide(peer)
            if width == "all":
                yield (
                    "error",
                    setting,
                    f"{peer} is every address there is, so anybody may claim to be your proxy"
                    if setting == "trusted_proxies"
                    else f"{peer} is every address there is: plain HTTP is let through",
                    "name the addresses of your own proxies, such as 10.0.0.7 or 10.1.0.0/16"
                    if setting == "trusted_proxies"
                    else "remove it; terminate HTTPS at a proxy and name that in trusted_proxies",
                )
            elif width == "wide":
                yield (
                    "warning",
                    setting,
                    f"{peer} is a very wide network: it may hold strangers",
                    "name a narrower one",
                )
    if policy.allow_insecure_peers:
        level: Level = "warning" if all(map(_is_loopback, policy.allow_insecure_peers)) else "error"
        yield (
            level,
            "allow_insecure_peers",
            (
                "plain HTTP is let through from "
                f"{', '.join(policy.allow_insecure_peers)}: secrets and bodies cross in clear"
            ),
            "keep it to development; behind a proxy that ends HTTPS use trusted_proxies",
        )
    if policy.hops > 1 and not policy.trusted_proxies:
        yield (
            "warning",
            "hops",
            f"hops={policy.hops} counts proxies, but trusted_proxies names none: it does nothing",
            "name the proxy that talks to this process in trusted_proxies, or remove hops",
        )
    elif policy.trusted_proxies and policy.proxy_header == "x-forwarded-proto" and policy.hops > 1:
        yield (
            "hint",
            "hops",
            (
                f"hops={policy.hops} needs as many entries in X-Forwarded-Proto as in "
                "X-Forwarded-For; most proxies overwrite the former and append to the latter"
            ),
            "send a webhook through all proxies and see that it is not answered 403",
        )


def _too_wide(peer: str) -> Literal["all", "wide", ""]:
    if peer == UNIX:
        return ""
    network = ipaddress.ip_network(peer)
    if network.prefixlen == 0:
        return "all"
    wide = _WIDE_IPV4 if isinstance(network, ipaddress.IPv4Network) else _WIDE_IPV6
    return "wide" if network.prefixlen < wide else ""


def _is_loopback(peer: str) -> bool:
    return peer != UNIX and ipaddress.ip_network(peer).is_loopback


def _check_ledger(policy: Policy) -> _Found:
    if policy.ledger is None:
        yield (
            "error",
            "ledger",
            "there is no ledger: a repeated or replayed webhook runs the handler again",
            'give one, such as ledger="sqlite:///hookseal.db"',
        )
        return
    if isinstance(policy.ledger, MemoryLedger) or _is_text(policy.ledger, "memory:"):
        yield (
            "warning",
            "ledger",
            (
                "the ledger is in memory: a restart forgets what was handled, and each worker "
                "process handles an event for itself"
            ),
            (
                'use one that lasts: ledger="sqlite:///hookseal.db" on one machine, "redis://..." '
                'or "postgresql://..." on several'
            ),
        )
    if policy.retention < _SHORTEST_RETENTION:
        yield (
            "warning",
            "retention",
            (
                f"events are remembered for {policy.retention / 3600:.3g} hours, and senders retry "
                "for days: a late retry runs the handler again"
            ),
            "set retention to 7 days (604800), the default",
        )
    if policy.lease < _SHORTEST_LEASE:
        yield (
            "warning",
            "lease",
            (
                f"a claim lasts {policy.lease:g} seconds: a short pause of the process loses it, "
                "and the handler runs twice"
            ),
            "set lease to 30; it is renewed while the handler runs",
        )
    if policy.lease > _LONGEST_LEASE:
        yield (
            "warning",
            "lease",
            f"a claim lasts {policy.lease:g} seconds: after a crash the event waits as long",
            "set lease to 30; it is renewed while the handler runs, however long that is",
        )
    if policy.in_flight_wait > _LONGEST_WAIT:
        yield (
            "warning",
            "in_flight_wait",
            (
                f"a duplicate waits up to {policy.in_flight_wait:g} seconds: repeats can take up "
                "every thread of a WSGI server, and senders give up after 5 to 30"
            ),
            "set in_flight_wait to a few seconds",
        )
    if policy.in_flight_status != 503:  # noqa: PLR2004 # the default
        yield (
            "hint",
            "in_flight_status",
            "409 is taken by some senders for a failure that is not worth a retry",
            "use 503 unless your sender is known to retry a 409",
        )


def _is_text(given: object, start: str) -> bool:
    return isinstance(given, str) and given.startswith(start)


def _check_limits(policy: Policy) -> _Found:
    if policy.failure_budget is None:
        yield (
            "warning",
            "failure_budget",
            "an address may try signatures without end, and each costs you the reading of a body",
            'set failure_budget to "30/minute", the default',
        )
    if policy.source_budget is None:
        yield (
            "warning",
            "source_budget",
            "a sender that runs wild, or a stolen secret, may flood the handler",
            'set source_budget to what the handler bears, such as "100/second"',
        )
    if (policy.failure_budget or policy.source_budget) and not waits(policy.limit_storage):
        yield (
            "hint",
            "limit_storage",
            "limits are counted in memory: with several worker processes each allows as much",
            'share them, limit_storage="redis://host:6379/0", where that matters',
        )


def _check_bounds(policy: Policy) -> _Found:
    if policy.tolerance > _LARGEST_TOLERANCE:
        yield (
            "warning",
            "tolerance",
            f"a webhook that was recorded may be replayed for {policy.tolerance} seconds",
            "set tolerance to 300 and correct the clock of whichever side is off",
        )
    if policy.max_body > _LARGEST_BODY:
        yield (
            "warning",
            "max_body",
            (
                f"bodies of {policy.max_body / _MEBIBYTE:.0f} MiB are read into memory before "
                "their signature is known"
            ),
            "set max_body to what your sender sends; most stay below 1 MiB",
        )
    if policy.allow_content_encoding:
        yield (
            "hint",
            "allow_content_encoding",
            "compressed bodies reach the handler as they came: a small one may inflate without end",
            "bound what you inflate, or ask the sender for plain bodies",
        )


def _check_secrets(policy: Policy) -> _Found:
    source = policy.static_source()
    if source is not None and (count := _secret_count(source)) > _MANY_SECRETS:
        yield (
            "warning",
            "secrets",
            f"{count} secrets verify: each old one is a key that somebody may still have",
            "after a rotation, remove the secrets that the sender signs with no more",
        )


def _secret_count(source: Source) -> int:
    return len(KeyRing.parse(source.secrets).keys)


def _check_paths(policy: Policy) -> _Found:
    if policy.paths is not None and "/" in policy.paths:
        yield (
            "hint",
            "paths",
            'paths holds "/", which is every path: the rest of the list does nothing',
            "remove paths, or name the paths that receive webhooks",
        )


_CHECKS: tuple[Callable[[Policy], _Found], ...] = (
    _check_mode,
    _check_transport,
    _check_secrets,
    _check_ledger,
    _check_limits,
    _check_bounds,
    _check_paths,
)


# --- saying it -------------------------------------------------------------------------------


def report(target: str, findings: list[Finding]) -> str:
    """Return the findings as text for a person."""
    if not findings:
        return f"{target}: nothing to say. Webhooks are verified, bounded and handled once."
    lines: list[str] = []
    for finding in findings:
        setting = f"{finding.setting}: " if finding.setting else ""
        where = f"  [{finding.where}]" if finding.where else ""
        lines += [
            f"{finding.level:<8} {setting}{finding.problem}{where}",
            f"{'':8} fix: {finding.fix}",
        ]
    counts = [
        f"{count} {level}{'s' if count > 1 else ''}"
        for level in _LEVELS
        if (count := sum(finding.level == level for finding in findings))
    ]
    return "\n".join([*lines, f"{target}: {', '.join(counts)}"])
