"""Requests that Play makes: a captured one sent again, or passed on to a local app.

Knows what may be sent on, and one client that sends it. Must not know pages or stores. Whoever
mounts Play where others use it passes a ``send`` of its own, which guards addresses.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

import httpx2

from hookseal import ConfigError, HooksealError, KeyRing, Signer
from hookseal_receiver.play.exports import end_to_end
from hookseal_receiver.play.model import Captured, Pairs, Reply

__all__ = ["NotSent", "Outgoing", "Send", "guarded_send", "open_send", "replayed"]

REPLY_KEPT_BYTES = 256 * 1024
_SECONDS = 20.0
_SIGNATURE = frozenset(
    f"{prefix}-{name}"
    for prefix in ("webhook", "svix")
    for name in ("id", "timestamp", "signature")
)


class NotSent(HooksealError):
    """There was no answer; the message says why in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request to make."""

    method: str
    url: str
    headers: Pairs = field(repr=False)
    body: bytes = field(repr=False)
    whole: bool = False
    """Whether the beginning of a long answer is as good as none."""


Send: TypeAlias = Callable[[Outgoing], Awaitable[Reply]]
"""Makes a request and returns the answer; raises :class:`NotSent` where there is none."""

Permit: TypeAlias = Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address], bool]
"""Tells whether an address may be called."""


def replayed(
    one: Captured, url: str, *, secrets: tuple[str, ...], fresh: bool, now: float
) -> Outgoing:
    """Return the captured request, to be sent to ``url``.

    As it was signed; or, with ``fresh``, signed anew at ``now`` with the newest secret under the
    same id. Raises :class:`NotSent` where that cannot be.
    """
    draft = one.draft
    check_url(url)
    if draft.cut:
        raise NotSent("The body is longer than what was kept, so it cannot be sent again whole.")
    headers = end_to_end(draft.headers)
    if fresh:
        kept = tuple(pair for pair in headers if pair[0].lower() not in _SIGNATURE)
        headers = (*kept, *_signed(one, secrets, int(now)))
    return Outgoing(method=draft.method, url=url, headers=headers, body=draft.body)


def _signed(one: Captured, secrets: tuple[str, ...], now: int) -> Pairs:
    if not secrets:
        raise NotSent("Set this URL's secret first: a fresh timestamp needs a fresh signature.")
    try:
        ring = KeyRing.parse(secrets)
        event_id = one.verdict.event_id or f"msg_replay_{one.number}"
        signed = Signer(KeyRing(ring.hmac_keys)).headers(event_id, now, one.draft.body)
    except ConfigError:
        raise NotSent(
            "A whpk_ key can only verify. Add the whsec_ secret to sign with, or replay with the "
            "old timestamp."
        ) from None
    return tuple(signed.items())


def check_url(url: str) -> None:
    """Raise :class:`NotSent` for what is no plain http or https URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotSent(
            "The URL cannot be read. Write it as http://localhost:8000/webhooks."
        ) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise NotSent("The URL must begin with http:// or https:// and name a host.")
    if parts.username is not None:
        raise NotSent("The URL must not hold a user name or password.")


def open_send(*, seconds: float = _SECONDS) -> Send:
    """Return a sender that calls whatever this machine can: for one person, on their own."""
    return guarded_send(lambda _: True, seconds=seconds)


def guarded_send(permit: Permit, *, seconds: float = _SECONDS) -> Send:
    """Return a sender that calls only addresses that ``permit`` allows.

    Every address of a name must be allowed, and the connection goes to a checked one. No redirect
    is followed and no proxy of the environment is used; ``seconds`` covers the whole exchange.
    """

    async def send(outgoing: Outgoing) -> Reply:
        check_url(outgoing.url)
        try:
            async with asyncio.timeout(seconds):
                return await _exchange(outgoing, permit)
        except TimeoutError:
            raise NotSent(f"No answer within {seconds:.0f} seconds.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise NotSent(_why(error, outgoing.url)) from None

    return send


async def _exchange(outgoing: Outgoing, permit: Permit) -> Reply:
    url = httpx2.URL(outgoing.url)
    address = await _address(url, permit)
    # The checked address is what is connected to; the name stays in Host, and in TLS.
    headers = [
        (b"host", url.netloc),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in outgoing.headers),
    ]
    async with httpx2.AsyncClient(verify=_trusted(), trust_env=False, timeout=None) as client:
        client.headers.clear()
        request = client.build_request(
            outgoing.method,
            url.copy_with(host=address),
            headers=headers,
            content=outgoing.body,
            extensions={"sni_hostname": url.host},
        )
        response = await client.send(request, stream=True)
        try:
            return Reply(
                status=response.status_code,
                headers=_fields(response),
                body=await _some(response, whole=outgoing.whole),
            )
        finally:
            await response.aclose()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates of this machine; reading them takes a tenth of a second."""
    return ssl.create_default_context()


async def _address(url: httpx2.URL, permit: Permit) -> str:
    port = url.port or (443 if url.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotSent(f"The name {url.host} is not known.") from None
    addresses = list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))
    if not addresses or not all(permit(ipaddress.ip_address(one)) for one in addresses):
        raise NotSent(
            "That address may not be called from here. An app on your own machine is reached by "
            "hookseal listen --forward URL there."
        )
    return await _reachable(addresses, port)


async def _reachable(addresses: list[str], port: int) -> str:
    """Return the first address that takes a connection: localhost has two, and apps one."""
    for address in addresses[:-1]:
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError:
            continue
        writer.close()
        return address
    return addresses[-1]


async def _some(response: httpx2.Response, *, whole: bool) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) <= REPLY_KEPT_BYTES:
            continue
        if whole:
            most = REPLY_KEPT_BYTES // 1024
            raise NotSent(f"The answer is longer than {most} KiB, so it was not passed on.")
        break
    return bytes(body[:REPLY_KEPT_BYTES])


def _fields(response: httpx2.Response) -> Pairs:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
    )


def _why(error: Exception, url: str) -> str:
    if isinstance(error, httpx2.ConnectError | OSError):
        or_else = ", or its certificate is not trusted" if url.startswith("https:") else ""
        return f"No connection: nothing answers at that address{or_else}."
    if isinstance(error, httpx2.RemoteProtocolError):
        return "The other side closed the connection, or did not speak HTTP."
    return f"The exchange failed ({type(error).__name__})."
