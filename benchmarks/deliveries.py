"""Signed deliveries to measure with.

Knows the shape of a usual request: eight headers, one signature.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from hookseal import Signer, generate_secret

__all__ = ["SECRET", "accept", "bodies", "headers", "receiving", "scope"]

SECRET = generate_secret()
_signer = Signer(SECRET)
_numbers = itertools.count()

bodies = {
    "256 B": b"x" * 256,
    "1 KiB": b"x" * 1024,
    "10 KiB": b"x" * 10 * 1024,
    "1 MiB": b"x" * 1024 * 1024,
}


def headers(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a new event, as ASGI carries them."""
    event_id = f"msg_p5jXN8AQM9LWM0D4{next(_numbers):08d}"
    signed = _signer.headers(event_id, int(time.time()), body)
    return [
        (b"host", b"hooks.example.com"),
        (b"user-agent", b"Sender/1.0"),
        (b"accept", b"*/*"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in signed.items()),
    ]


def scope(body: bytes) -> dict[str, Any]:
    """Return the ASGI scope of a new event's delivery, as uvicorn builds it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("203.0.113.7", 40000),
        "scheme": "https",
        "method": "POST",
        "root_path": "",
        "path": "/webhooks",
        "raw_path": b"/webhooks",
        "query_string": b"",
        "headers": headers(body),
        "state": {},
    }


def receiving(*chunks: bytes) -> Any:
    """Return a ``receive`` that gives the chunks at once."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": left > 0}
        for left, chunk in zip(reversed(range(len(chunks))), chunks, strict=True)
    ]

    async def receive() -> Any:
        return messages.pop(0)

    return receive


async def accept(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 # an ASGI app
    """Read the body and answer 200: the app under all that is measured."""
    while (await receive()).get("more_body"):
        pass
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"ok"})
