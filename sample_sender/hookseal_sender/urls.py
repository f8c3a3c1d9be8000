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
_NOT_PRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
# A last label of digits, or 0x and hex digits, makes the host an IPv4 address
# (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")


def host_of(url: str) -> str:
    """Return the host of a URL that :func:`check_url` accepted."""
    return urlsplit(url).hostname or url


def check_url(url: str, guard: AddressGuard) -> str | None:
    """Return what is wrong with ``url`` as a sentence, or None if it can be an endpoint."""
    if len(url) > _MAX_LENGTH:
        return f"the URL is longer than {_MAX_LENGTH} characters"
    if _NOT_PRINTABLE.search(url):
        return "a URL has no spaces, control characters or backslashes"
    try:
        parts = urlsplit(url)
        return _check_parts(parts, parts.port, _ascii_host(parts), guard)
    except ValueError:
        return "this is not a URL; write one such as https://example.com/webhooks"


def _check_parts(
    parts: SplitResult, port: int | None, host: str, guard: AddressGuard
) -> str | None:
    if parts.scheme not in {"http", "https"}:
        return "the URL must begin with https:// or http://"
    if "@" in parts.netloc:
        return "user names and passwords in the URL are not supported"
    if not host or port == 0:
        return "the URL needs a host, as in https://example.com/webhooks"
    return _check_host(host, guard)


def _ascii_host(parts: SplitResult) -> str:
    """Return the host as resolvers see it: wide digits and dots become plain ones."""
    host = parts.hostname or ""
    ascii_host = host if ":" in host else host.encode("idna").decode("ascii").lower()
    return ascii_host.rstrip(".")


def _check_host(host: str, guard: AddressGuard) -> str | None:
    refusals = [guard.refusal(literal) for literal in _literals(host)]
    return f"address not allowed: {refusals[0]}" if refusals and all(refusals) else None


def _literals(host: str) -> tuple[str, ...]:
    """Return the addresses that the host is bound to be, without asking a resolver."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    if ":" in host or _NUMBER.match(host.rpartition(".")[2]):
        return (host,)
    return ()
