"""The HTTPS decision, and whose address a request counts against.

Knows schemes, peers and what trusted proxies say of them. Must not know what is done with a
request that is refused.

Sources: RFC 7239 for ``Forwarded``; ``X-Forwarded-*`` as the common proxies write them.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

from hookseal.errors import ConfigError, InsecureTransport

if TYPE_CHECKING:
    from hookseal.request import Request

__all__ = ["ProxyHeader", "Transport"]

ProxyHeader: TypeAlias = Literal["x-forwarded-proto", "forwarded"]
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

UNIX = "unix"
"""How a proxy on a Unix socket, which has no address, is named in ``trusted_proxies``."""

_LONGEST_ADDRESS = 64
"""Characters: an IPv6 address in brackets, with a zone and a port."""


class Transport:
    """Decides whether a request came over HTTPS.

    Without ``trusted_proxies`` only the server's own word counts. With them, a proxy header is
    believed when the peer is one of them, and refused from anybody else. Of what the header lists,
    every entry must say https: a client that forges entries can only lock itself out, whichever
    end its proxy appends to.
    """

    def __init__(
        self,
        *,
        trusted_proxies: Iterable[str] = (),
        hops: int = 1,
        header: ProxyHeader = "x-forwarded-proto",
        allow_insecure_peers: Iterable[str] = (),
    ) -> None:
        if hops < 1:
            raise ConfigError(f"hops: {hops}; it is the number of proxies in front, 1 or more.")
        if header not in {"x-forwarded-proto", "forwarded"}:
            raise ConfigError(
                f"proxy_header: {header!r}; write 'x-forwarded-proto' or 'forwarded', whichever "
                "your proxy sets and overwrites."
            )
        self._proxies = _Peers("trusted_proxies", trusted_proxies)
        self._insecure = _Peers("allow_insecure_peers", allow_insecure_peers)
        self._hops = hops
        self._forwarded = header == "forwarded"

    @property
    def headers(self) -> frozenset[bytes]:
        """The lower-case names of the headers that decide."""
        if not self._proxies:
            return frozenset()
        if self._forwarded:
            return frozenset({b"forwarded"})
        return frozenset({b"x-forwarded-proto", b"x-forwarded-for"})

    def require_https(self, request: Request) -> bool:
        """Return whether the request is secure; False only for a peer allowed to be insecure.

        Raises :class:`InsecureTransport` for any other request.
        """
        if request.scheme == "https" or self._proxied_https(request):
            return True
        if request.peer in self._insecure:
            return False
        raise InsecureTransport

    def client(self, request: Request) -> str | None:
        """Return a key for the client's address, or None where it is unknown or shared.

        IPv6 clients count by /64, the least that one customer is given.
        """
        if request.peer not in self._proxies:
            return _client_key(request.peer) if request.peer else None
        addresses = (
            _forwarded_values(request.fields.get(b"forwarded", b""), "for")
            if self._forwarded
            else _list(request.fields.get(b"x-forwarded-for", b""))
        )
        return _client_key(addresses[-self._hops]) if len(addresses) >= self._hops else None

    def _proxied_https(self, request: Request) -> bool:
        if request.peer not in self._proxies:
            return False
        schemes = (
            _forwarded_values(request.fields.get(b"forwarded", b""), "proto")
            if self._forwarded
            else _list(request.fields.get(b"x-forwarded-proto", b""))
        )
        return len(schemes) >= self._hops and all(one.lower() == "https" for one in schemes)


class _Peers:
    """A set of peers, given as addresses, networks and ``unix``."""

    def __init__(self, setting: str, peers: Iterable[str]) -> None:
        if isinstance(peers, str):
            raise ConfigError(f"{setting}: expected a list, got text. Write [{peers!r}].")
        named = list(peers)
        self._unix = UNIX in named
        self._networks = [_network(setting, peer) for peer in named if peer != UNIX]
        self._contains = functools.lru_cache(maxsize=4096)(self._look_up)

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def __contains__(self, peer: str | None) -> bool:
        if peer is None:
            return self._unix
        return bool(self._networks) and self._contains(peer)

    def _look_up(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and any(address in network for network in self._networks)


def _network(setting: str, text: str) -> _Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(
            f"{setting}: {error}. Write an address such as '10.0.0.7', a network such as "
            "'10.0.0.0/8', or 'unix'."
        ) from None


def _address(text: str) -> _Address | None:
    """Return the address in ``text``, unwrapped from IPv4-mapped IPv6, or None."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _client_key(text: str) -> str | None:
    # What is no address by its length must not fill the cache.
    return None if len(text) > _LONGEST_ADDRESS else _address_key(text)


@functools.lru_cache(maxsize=4096)
def _address_key(text: str) -> str | None:
    address = _address(_without_port(text))
    if isinstance(address, ipaddress.IPv6Address):
        return (int(address) >> 64).to_bytes(8, "big").hex()
    return None if address is None else address.packed.hex()


def _without_port(text: str) -> str:
    """Return the host of ``1.2.3.4:567``, ``[::1]:567`` and of either without a port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, port = text.partition(":")
    return host if colon and ":" not in port else text


def _list(value: bytes) -> list[str]:
    return [item.strip() for item in value.decode("latin-1").split(",")] if value else []


_FORWARDED_PAIR = re.compile(
    r'\s*(?P<name>[A-Za-z]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s",;]*))\s*(?P<end>[,;]|$)'
)


def _forwarded_values(value: bytes, wanted: str) -> list[str]:
    """Return parameter ``wanted`` of each RFC 7239 element, left to right; [] if unreadable.

    An element without the parameter, or with two of it (RFC 7239 section 4 forbids that), counts as
    the empty string.
    """
    text = value.decode("latin-1")
    elements = [""]
    found = False
    position = 0
    while position < len(text):
        pair = _FORWARDED_PAIR.match(text, position)
        if pair is None:
            return []
        if pair["name"].lower() == wanted:
            given = pair["quoted"] if pair["token"] is None else pair["token"]
            elements[-1] = "" if found else given
            found = True
        if pair["end"] == ",":
            elements.append("")
            found = False
        position = pair.end()
    return elements if value else []
