"""Which network addresses a delivery may go to (the SSRF guard).

Knows the special-purpose address registries and how IPv4 hides inside IPv6. Must not know names,
sockets or HTTP: it judges one address at a time, so that every caller can ask at every step.

Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AddressGuard", "Network", "parse_network"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), meaning)
    for network, meaning in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata service"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "a translator of a private network"),
        ("100::/64", "discarded"),
        ("100:0:0:1::/64", "a dummy prefix"),
        ("5f00::/16", "a segment identifier"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "a 6to4 tunnel"),
        ("3fff::/20", "documentation"),
    )
)
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_ISATAP = frozenset((0x0000_5EFE, 0x0200_5EFE))  # upper half of the interface; RFC 5214, 6.1
_LOW_32 = 0xFFFF_FFFF


class AddressGuard:
    """Refuses every address that is not public, save those in ``allow_networks``."""

    __slots__ = ("_allowed",)

    def __init__(self, allow_networks: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allow_networks)

    def refusal(self, address: str) -> str | None:
        """Return why ``address`` must not be called, such as "127.0.0.1 is loopback", or None."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return f"{address!r} is not an address"
        real = _unwrap(parsed)
        if any(each in network for network in self._allowed for each in (parsed, real)):
            return None
        meaning = _meaning(real) or _special(parsed) or _zone(parsed)
        if meaning is None:
            return None
        return f"{address} is {meaning}" if real is parsed else f"{address} ({real}) is {meaning}"


def parse_network(text: str) -> Network:
    """Return the network that ``text`` (CIDR) spells. Raises ValueError with the fault."""
    return ipaddress.ip_network(text)


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address that a translator or tunnel would reach, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    teredo = address.teredo
    embedded = address.ipv4_mapped or address.sixtofour or (teredo and teredo[1])
    if embedded:
        return embedded
    number = int(address)
    isatap = (number >> 32 & _LOW_32) in _ISATAP
    if isatap or address in _NAT64 or (address in _COMPATIBLE and number > 1):
        return ipaddress.IPv4Address(number & _LOW_32)
    return address


def _meaning(address: Address) -> str | None:
    special = _special(address)
    if special is not None:
        return special
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_IPV6:
        return "not a public address"
    return None if address.is_global else "not a public address"


def _special(address: Address) -> str | None:
    return next((meaning for network, meaning in _SPECIAL if address in network), None)


def _zone(address: Address) -> str | None:
    zoned = isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None
    return "bound to one of this machine's links" if zoned else None
