"""Word of new work between processes, over PostgreSQL's LISTEN and NOTIFY.

Knows psycopg and the channel. Must not know tables. Word may get lost, with a connection or a
process: who waits for it polls as well.

NOTIFY is sent after the commit it tells of, not within it: PostgreSQL makes transactions that
notify commit one after the other, which would end group commit between connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING

import psycopg
from psycopg import AsyncConnection

from hookseal_sender.store.postgresql import CONNECT_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import URL

__all__ = ["Announcer"]

_log = logging.getLogger(__name__)
_CHANNEL = "hookseal_arrivals"
_RETRY_SECONDS = 1.0


class Announcer:
    """Sends and hears word that there may be deliveries to claim.

    ``arrivals`` is set when another process sends it, and after an interruption.
    """

    def __init__(self, url: URL, arrivals: asyncio.Event) -> None:
        self._url = url
        self._arrivals = arrivals
        self._me = secrets.token_hex(8)
        self._wanted = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def announce(self) -> None:
        """Tell the other processes soon; what is told while word is on its way goes together."""
        self._wanted.set()
        self._keep("speak", self._speak)

    def listen(self) -> None:
        """Hear from now on what others tell."""
        self._keep("hear", self._hear)

    async def close(self) -> None:
        """Say and hear nothing more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _keep(self, name: str, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._connected(work))

    async def _connected(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Do ``work`` over a connection of its own, and over a new one when that breaks."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                async with await self._connect() as connection:
                    await work(connection)
            _log.debug("word of new work is interrupted; connecting again")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _connect(self) -> AsyncConnection:
        conninfo = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        arguments = {
            name: value for name, value in CONNECT_ARGUMENTS.items() if name not in self._url.query
        }
        return await AsyncConnection.connect(conninfo, autocommit=True, **arguments)

    async def _speak(self, connection: AsyncConnection) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()  # before it is said: what is committed from here on needs more
            try:
                await connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, self._me))
            except psycopg.Error:
                self._wanted.set()
                raise

    async def _hear(self, connection: AsyncConnection) -> None:
        await connection.execute(f"LISTEN {_CHANNEL}")
        self._arrivals.set()  # for what was told before
        async for word in connection.notifies():
            if word.payload != self._me:
                self._arrivals.set()
