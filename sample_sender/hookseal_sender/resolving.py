"""Names to addresses, so that names that hang hold up no others.

Knows how many lookups run at once, and how long one is waited for. Must not know which addresses
are allowed.

``getaddrinfo`` blocks, and nothing ends it: behind a name server that does not answer it keeps its
thread for 10 s or more (resolv.conf(5): ``timeout`` and ``attempts``), whoever still waits. The
event loop's own executor, under which uvloop has as many threads as the machine's processors and
a few more, is soon full of those. So each lookup here has a thread of its own, there is one at a
time of a name, and places are kept apart by how the name's last lookup went. The threads are
daemons: at the end of the process none is waited for.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from contextlib import suppress
from enum import Enum
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    _LookUp: TypeAlias = Callable[[str, int, int, int, int, int], Sequence["_Info"]]

__all__ = ["NameLate", "Resolver"]

_Name: TypeAlias = "tuple[str, int]"
"""A host and the family that is asked for."""
_Info: TypeAlias = "tuple[int, int, int, str, tuple[Any, ...]]"
"""Family, kind, protocol, canonical name, address: what ``getaddrinfo`` returns."""
_Found: TypeAlias = "asyncio.Future[Sequence[_Info]]"

_WAIT = 8.0
"""Seconds: more than one lost packet costs (5 s), less than a whole exchange may take (20 s)."""
_KEPT = 10_000
_ZONE = 3  # the place of an IPv6 address's zone


class NameLate(OSError):
    """The name was not resolved in time."""


class _Class(Enum):
    """How a name's last lookup went; the value is how many of such may be looked up at once."""

    FOUND = 32
    NEW = 24  # there was none, or the name does not exist
    LATE = 8  # it took longer than it is waited for


class Resolver(AbstractResolver):
    """Resolves with the system's own resolver, which ``look_up`` replaces in tests.

    A name is waited for during ``wait`` seconds, the time that it waits for a place included.
    """

    def __init__(
        self,
        *,
        wait: float = _WAIT,
        look_up: _LookUp = socket.getaddrinfo,
    ) -> None:
        self._wait = wait
        self._look_up = look_up
        self._loop = asyncio.get_running_loop()
        self._places = {each: asyncio.Semaphore(each.value) for each in _Class}
        self._classes: OrderedDict[str, _Class] = OrderedDict()
        self._running: dict[_Name, _Found] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses. Raises OSError, :class:`NameLate` among them, and UnicodeError."""
        try:
            async with asyncio.timeout(self._wait):
                infos = await asyncio.shield(await self._begun((host, family)))
        except TimeoutError:
            raise NameLate(None, "the name was not resolved in time") from None
        return [_result(host, port, info) for info in infos]

    async def close(self) -> None:
        """Nothing is to be closed."""

    async def _begun(self, name: _Name) -> _Found:
        """Return the lookup of the name that runs, or begin one when there is a place."""
        if name not in self._running:
            places = self._places[self._classes.get(name[0], _Class.NEW)]
            await places.acquire()
            if name in self._running:  # somebody else began it meanwhile
                places.release()
            else:
                self._begin(name, places)
        return self._running[name]

    def _begin(self, name: _Name, places: asyncio.Semaphore) -> None:
        found: _Found = self._loop.create_future()
        begun_at = self._loop.time()

        def end(infos: Sequence[_Info] | None, error: BaseException | None) -> None:
            places.release()
            del self._running[name]
            late = self._loop.time() - begun_at >= self._wait
            self._keep(name[0], _Class.LATE if late else _Class.NEW if error else _Class.FOUND)
            if error is not None:
                found.set_exception(error)
                found.exception()  # nobody may be left to ask for it
            else:
                found.set_result(infos or ())

        def work() -> None:
            infos, error = self._ask(name)
            with suppress(RuntimeError):  # the loop is closed: the process ends
                self._loop.call_soon_threadsafe(end, infos, error)

        try:
            Thread(target=work, name="hookseal-name", daemon=True).start()
        except RuntimeError:  # the system has no more threads now
            places.release()
            raise OSError(None, "no thread to resolve the name in") from None
        self._running[name] = found

    def _ask(self, name: _Name) -> tuple[Sequence[_Info] | None, BaseException | None]:
        host, family = name
        flags = socket.AI_ADDRCONFIG
        try:
            return self._look_up(host, 0, family, socket.SOCK_STREAM, 0, flags), None
        except Exception as error:  # noqa: BLE001 # whoever asked gets it
            return None, error

    def _keep(self, host: str, how: _Class) -> None:
        self._classes[host] = how
        self._classes.move_to_end(host)
        if len(self._classes) > _KEPT:
            self._classes.popitem(last=False)


def _result(host: str, port: int, info: _Info) -> ResolveResult:
    family, _, protocol, _, address = info
    found: str = address[0]
    if len(address) > _ZONE and address[_ZONE] and "%" not in found:
        found = f"{found}%{address[_ZONE]}"
    return ResolveResult(
        hostname=host,
        host=found,
        port=port,
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
