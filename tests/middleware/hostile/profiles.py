"""The settings under which the cases run, by name.

Knows the middleware's settings. Over real HTTP the name is the host, so that one server serves
them all.
"""

from hookseal.handshakes import CloudEventsHandshake, HubHandshake
from hookseal.sources import Source

from .delivery import ED25519_PUBLIC, KEY, LOOPBACK, OLD_KEY, OTHER_KEY, secret

RUNS_PATH = "/runs"
MAX_BODY = 64 * 1024
PROXIED = "proxied"
"""Behind a proxy on the same machine, which ends HTTPS."""

TENANTS = {
    "acme": Source("acme", secret(KEY)),
    "globex": Source("globex", secret(OTHER_KEY)),
}


def _behind_proxy(**settings):
    return {"secrets": secret(KEY), "trusted_proxies": [LOOPBACK], **settings}


_PROFILES = {
    PROXIED: _behind_proxy,
    "small": lambda: _behind_proxy(max_body=MAX_BODY),
    "direct": lambda: {"secrets": secret(KEY)},
    "elsewhere": lambda: _behind_proxy(trusted_proxies=["10.0.0.7"]),
    "two-hops": lambda: _behind_proxy(hops=2),
    "forwarded": lambda: _behind_proxy(proxy_header="forwarded"),
    "forwarded-two-hops": lambda: _behind_proxy(proxy_header="forwarded", hops=2),
    "unix": lambda: _behind_proxy(trusted_proxies=["unix"]),
    "insecure-loopback": lambda: {"secrets": secret(KEY), "allow_insecure_peers": [LOOPBACK]},
    "insecure-elsewhere": lambda: {"secrets": secret(KEY), "allow_insecure_peers": ["10.0.0.7"]},
    "rotated": lambda: _behind_proxy(secrets=[secret(KEY), secret(OLD_KEY)]),
    "tenants": lambda: _behind_proxy(
        secrets=lambda request: TENANTS.get(request.header("x-tenant"))
    ),
    "public-key": lambda: _behind_proxy(secrets=secret(ED25519_PUBLIC, "whpk_")),
    "both-kinds": lambda: _behind_proxy(secrets=[secret(KEY), secret(ED25519_PUBLIC, "whpk_")]),
    "compressed": lambda: _behind_proxy(allow_content_encoding=True),
    "filtered": lambda: _behind_proxy(paths=["/hooks"]),
    "exempting": lambda: _behind_proxy(exempt_paths=["/health"]),
    "handshakes": lambda: _behind_proxy(
        handshakes=[CloudEventsHandshake(["eventgrid.azure.net"]), HubHandshake("verify-me")]
    ),
    "impatient": lambda: _behind_proxy(body_timeout=0.2),
}

NEED_CRYPTOGRAPHY = frozenset({"public-key", "both-kinds"})
NAMES = tuple(_PROFILES)


def settings(profile):
    """The keyword arguments of a fresh middleware; its runs are counted on an exempt path."""
    made = _PROFILES[profile]()
    return {**made, "exempt_paths": [*made.get("exempt_paths", ()), RUNS_PATH]}
