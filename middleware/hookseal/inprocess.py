"""Calling an app in this process, as a server would.

Knows the least of ASGI and WSGI that carries one request. Must not know signatures.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["Exchange", "call_asgi", "call_wsgi"]

_PEER = "127.0.0.1"
_HOST = "testserver"


class Exchange(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


async def call_asgi(
    app: Callable[..., Awaitable[None]],
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    scheme: str = "https",
) -> Exchange:
    """Return the app's answer to a POST of ``body`` to ``path``."""
    sent: list[MutableMapping[str, Any]] = []
    incoming = iter([{"type": "http.request", "body": body, "more_body": False}])

    answered = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        for message in incoming:
            return message
        await answered.wait()  # as a client does; Django gives a request up when it hangs up
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    pairs = [(b"host", _HOST.encode()), (b"content-length", b"%d" % len(body))]
    pairs += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    bare, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": scheme,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": pairs,
        "client": (_PEER, 50000),
        "server": (_HOST, 443),
        "state": {},
    }
    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(
        message.get("body", b"") for message in sent if message["type"] == "http.response.body"
    )
    fields = {name.decode().lower(): value.decode() for name, value in start.get("headers", ())}
    return Exchange(start["status"], fields, content)


def call_wsgi(
    app: WSGIApplication,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    scheme: str = "https",
) -> Exchange:
    """Return the app's answer to a POST of ``body`` to ``path``."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, fields: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        del exc_info  # nothing is sent yet, so the new start replaces the old
        started.append((status, fields))
        return written.append

    written: list[bytes] = []
    chunks = app(_environ(path, headers, body, scheme), start_response)
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, fields = started[-1]
    lower = {name.lower(): value for name, value in fields}
    return Exchange(int(status[:3]), lower, b"".join(written))


def _environ(path: str, headers: Mapping[str, str], body: bytes, scheme: str) -> WSGIEnvironment:
    bare, _, query = path.partition("?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": bare,
        "QUERY_STRING": query,
        "SERVER_NAME": _HOST,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": _PEER,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": _HOST,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        prefix = "" if variable == "CONTENT_TYPE" else "HTTP_"
        environ[prefix + variable] = value
    return environ
