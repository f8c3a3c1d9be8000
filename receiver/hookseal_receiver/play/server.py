"""A uvicorn whose connections an app can close without an answer.

Knows uvicorn's protocol class. Must not know what is served.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from hookseal_receiver.play.answers import CLOSE

__all__ = ["ClosableProtocol"]


class ClosableProtocol(H11Protocol):
    """HTTP/1.1 for ``uvicorn.Config(http=...)``; it puts the means to close into the state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a new connection."""
        super().connection_made(transport)
        state = self.app_state
        self.app_state = {**state, CLOSE: transport.abort}
