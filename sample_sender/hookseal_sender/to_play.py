"""Deliveries to Play's own inspectors, wherever this server is.

Knows which URLs those are. Must not know requests or sockets. An inspector's URL is matched whole
and has the origin that the operator gave, so that no customer can make another address of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.addresses import parse_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hookseal_sender.inspectors import Inspectors
    from hookseal_sender.outcome import Exchange
    from hookseal_sender.transport import HttpTransport

__all__ = ["ANYWHERE", "ToPlay"]

ANYWHERE = (parse_network("0.0.0.0/0"), parse_network("::/0"))
"""Every address: the operator's own URL may lead to any."""


class ToPlay:
    """Sends to ``inspectors`` by ``own``, and to all other URLs by ``guarded``."""

    def __init__(self, guarded: HttpTransport, own: HttpTransport, inspectors: Inspectors) -> None:
        self._guarded = guarded
        self._own = own
        self._inspectors = inspectors

    async def send(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 # it differs by endpoint
    ) -> Exchange:
        """See :class:`~hookseal_sender.transport.Transport`."""
        transport = self._own if url in self._inspectors else self._guarded
        return await transport.send(url, headers, body, timeout=timeout)

    async def close(self) -> None:
        """Close every connection."""
        await self._guarded.close()
        await self._own.close()
