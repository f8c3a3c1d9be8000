"""Report mode: whatever the gate decides, the app gets the request as it came.

Knows how to give again what has been read of a body, with the rest behind it, and how to watch a
reply on its way out. Must not decide anything, and must not hold anything back.
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from hookseal.capture import Capture
    from hookseal.ledger import Reply

__all__ = ["ELSEWHERE", "ReadTwice", "ReceiveTwice", "WatchedReply", "WatchedSend"]

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]


# --- ASGI ------------------------------------------------------------------------------------

ELSEWHERE = frozenset({"http.response.pathsend", "http.response.zerocopysend"})
"""Messages whose bytes the server takes from a file: they are not ours to keep. Of the two only
the second has ``more_body`` (ASGI extensions, Path Send and Zero Copy Send)."""


class ReceiveTwice:
    """An ASGI ``receive`` whose messages can be received again: none is lost, nor changed."""

    def __init__(self, receive: _Receive) -> None:
        self._receive = receive
        self._seen: deque[_Message] = deque()
        self._coming: asyncio.Future[_Message] | None = None

    async def first(self) -> _Message:
        """Return the next message and keep it.

        A caller that stops waiting, as one with a deadline does, does not stop the server's own
        ``receive``: what that brings is the next message given again. It must not call this again.
        """
        self._coming = asyncio.ensure_future(self._receive())
        message = await asyncio.shield(self._coming)
        self._coming = None
        self._seen.append(message)
        return message

    async def again(self) -> _Message:
        """Return the messages that were kept, in order, and then the server's."""
        if self._seen:
            return self._seen.popleft()
        if self._coming is not None:
            coming, self._coming = self._coming, None
            return await coming
        return await self._receive()

    def close(self) -> None:
        """Stop waiting for a message that nobody asked for."""
        if self._coming is not None:
            self._coming.cancel()


class WatchedSend:
    """An ASGI ``send`` that remembers what is stored of a reply."""

    def __init__(self, send: _Send, capture: Capture) -> None:
        self._send = send
        self._capture = capture
        self.reply: Reply | None = None
        """The reply, once it has ended."""

    async def __call__(self, message: _Message) -> None:
        """Send ``message`` on."""
        await self._send(message)
        kind = message["type"]
        if kind == "http.response.start":
            self._capture.start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body":
            self._capture.add(message.get("body", b""))
            if not message.get("more_body", False):
                self.reply = self._capture.reply()
        elif kind in ELSEWHERE:
            self._capture.skip()
            if not message.get("more_body", False):
                self.reply = self._capture.reply()


# --- WSGI ------------------------------------------------------------------------------------


class ReadTwice:
    """A WSGI input of which what was read can be read again, with the rest behind it."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._stream = environ["wsgi.input"]
        self._length: str = environ.get("CONTENT_LENGTH", "")
        self._chunks: list[bytes] = []

    def read(self, size: int) -> bytes:
        """Return what has come, at most ``size`` bytes, and keep it."""
        chunk: bytes = getattr(self._stream, "read1", self._stream.read)(size)
        self._chunks.append(chunk)
        return chunk

    def again(self) -> Any:
        """Return the input for the app: the server's own where nothing was read of it."""
        if not self._chunks:
            return self._stream
        seen = b"".join(self._chunks)
        # Only a body of a valid length, or one whose end the server marks, was read at all.
        left = int(self._length) - len(seen) if self._length else None
        return io.BufferedReader(_Rest(seen, self._stream, left))


class _Rest(io.RawIOBase):
    """``seen``, and then at most ``left`` bytes of ``stream``: to read more could block."""

    def __init__(self, seen: bytes, stream: Any, left: int | None) -> None:
        super().__init__()
        self._seen = memoryview(seen)
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        space = memoryview(buffer).cast("B")
        if self._seen:
            chunk = bytes(self._seen[: len(space)])
            self._seen = self._seen[len(chunk) :]
        else:
            size = len(space) if self._left is None else min(len(space), self._left)
            chunk = self._read(size) if size else b""
            if self._left is not None:
                self._left -= len(chunk)
        space[: len(chunk)] = chunk
        return len(chunk)


class WatchedReply:
    """A WSGI reply on its way out, remembered as far as it is stored.

    ``settle`` is given the reply when it has ended, or None where it failed or was given up.
    """

    def __init__(
        self,
        settle: Callable[[Reply | None], None],
        capture: Capture,
        start_response: Callable[..., Callable[[bytes], object]],
    ) -> None:
        self._settle: Callable[[Reply | None], None] | None = settle
        self._capture = capture
        self._start_response = start_response
        self._chunks: Iterable[bytes] = ()
        self._iterator: Iterator[bytes] = iter(())

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Start the reply."""
        write = self._start_response(status, headers, *([exc_info] if exc_info else []))
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._capture.start(int(status[:3]), pairs)

        def watched(chunk: bytes) -> object:
            self._capture.add(chunk)
            return write(chunk)

        return watched

    def watch(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """Return ``chunks``, as they are where they are all there: servers count them."""
        if isinstance(chunks, list | tuple):
            for chunk in chunks:
                self._capture.add(chunk)
            self.settle_once(self._capture.reply())
            return chunks
        self._chunks = chunks
        self._iterator = iter(chunks)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next chunk of the app."""
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self.settle_once(self._capture.reply())
            raise
        self._capture.add(chunk)
        return chunk

    def close(self) -> None:
        """Close the app's reply."""
        self.settle_once(None)
        close: Callable[[], None] | None = getattr(self._chunks, "close", None)
        if close is not None:
            close()

    def settle_once(self, reply: Reply | None) -> None:
        """Settle, if that is not done yet."""
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(reply)
