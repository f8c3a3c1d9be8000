"""Which URLs an endpoint may have.

Knows what can be decided from the text alone, at creation. Must not resolve names: what a name
leads to is checked again at every connection.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from hookseal_sender.addresses import AddressGuard

__all__ = ["check_url", "host_of"]

_MAX_LENGTH = 65536
_MAX_HOST_LENGTH = 253  # RFC 1035, 2.3.4, without the dot of the root
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\Z")
# A last label of digits, or 0x and hex digits, makes the host an IPv4 address
# (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")


def host_of(url: str) -> str:
    """Return the host of a URL that :func:`check_url` accepted."""
    return urlsplit(url).hostname or url


def check_url(url: str, guard: AddressGuard, *, https_only: bool = False) -> str | None:
    """Return what is wrong with ``url`` as a sentence, or None if it can be an endpoint.

    ``https_only`` refuses plain http.
    """
    if len(url) > _MAX_LENGTH:
        return f"the URL is longer than {_MAX_LENGTH} characters"
    if " " in url or "\\" in url or not url.isprintable():
        return "a URL has no spaces, control characters or backslashes"
    try:
        parts = urlsplit(url)
        host = _ascii_host(parts)
        return _check_scheme(parts.scheme, https_only=https_only) or _check_authority(
            parts, host, guard
        )
    except ValueError:
        return "this is not a URL; write one such as https://example.com/webhooks"


def _check_scheme(scheme: str, *, https_only: bool) -> str | None:
    if scheme not in {"http", "https"}:
        return "the URL must begin with https:// or http://"
    if https_only and scheme == "http":
        return "the URL must begin with https://: HOOKSEAL_HTTPS_ONLY is set"
    return None


def _check_authority(parts: SplitResult, host: str, guard: AddressGuard) -> str | None:
    if "@" in parts.netloc:
        return "user names and passwords in the URL are not supported"
    if not host:
        return "the URL needs a host, as in https://example.com/webhooks"
    if parts.port == 0:
        return "no server listens on port 0"
    if not (_is_ipv6(host) if "[" in parts.netloc else _is_name(host)):
        return "the host is neither a name nor an address, as in https://example.com/webhooks"
    return _check_host(host, guard)


def _is_name(host: str) -> bool:
    name = host.removesuffix(".")
    return len(name) <= _MAX_HOST_LENGTH and bool(_NAME.match(name))


def _is_ipv6(host: str) -> bool:
    return ":" in host and "%" not in host  # a zone is for this machine's own links


def _ascii_host(parts: SplitResult) -> str:
    """Return the host as resolvers see it: wide digits and dots become plain ones."""
    host = parts.hostname or ""
    return host if ":" in host else host.encode("idna").decode("ascii").lower()


def _check_host(host: str, guard: AddressGuard) -> str | None:
    refusals = [guard.refusal(literal) for literal in _literals(host)]
    return f"address not allowed: {refusals[0]}" if refusals and all(refusals) else None


def _literals(host: str) -> tuple[str, ...]:
    """Return the addresses that the host is bound to be, without asking a resolver."""
    last_label = host.removesuffix(".").rpartition(".")[2]
    if last_label == "localhost":
        return ("127.0.0.1", "::1")
    return (host,) if ":" in host or _NUMBER.match(last_label) else ()
