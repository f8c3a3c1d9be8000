"""uvicorn's protocols for connections that an app can close without an answer.

Knows uvicorn's protocol classes. Must not know what is served.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

from hookseal_receiver.play.answers import CLOSE

__all__ = ["ClosableProtocol", "FastClosableProtocol"]


class _Closable(asyncio.Protocol):
    """Puts the means to close into the state of every request."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CLOSE: transport.abort}


class ClosableProtocol(_Closable, H11Protocol):
    """HTTP/1.1 for ``uvicorn.Config(http=...)`` as h11 reads it, strictly."""


class FastClosableProtocol(_Closable, AutoHTTPProtocol):  # type: ignore[misc,valid-type] # chosen at run time
    """The same with the fastest parser that is installed."""
