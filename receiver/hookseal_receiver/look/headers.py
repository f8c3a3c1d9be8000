"""The headers that keep a page safe, added to every answer of an app.

Knows Content-Security-Policy and its companions. Must not know what is served.

Source: OWASP HTTP Headers Cheat Sheet; CSP level 3. The referrer policy is no stricter than
``same-origin``, which tells other sites nothing: under ``no-referrer`` browsers send our own forms
with ``Origin: null`` (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hookseal import ConfigError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["PageHeaders", "content_security_policy"]

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|'self'")


def content_security_policy(frame_origins: Iterable[str] = ()) -> str:
    """Return a policy of own files only, framed by ``frame_origins`` alone.

    Raises ConfigError for an origin that is none, which could add to the policy.
    """
    origins = list(frame_origins)
    for origin in origins:
        if _ORIGIN.fullmatch(origin) is None:
            raise ConfigError(
                f"frame_origins: {origin!r} is no origin. Write it as https://app.example.com, "
                "without a path."
            )
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {' '.join(origins) or chr(39) + 'none' + chr(39)}"
    )


class PageHeaders:
    """Adds the headers to every answer of ``app`` that does not set them itself.

    ``frame_origins`` are the origins that may show these pages in a frame; none by default. Raises
    :class:`hookseal.ConfigError` for one that is no origin.
    """

    def __init__(self, app: ASGIApp, *, frame_origins: Iterable[str] = ()) -> None:
        self.app = app
        origins = list(frame_origins)
        fields = {
            "content-security-policy": content_security_policy(origins),
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
            "x-robots-tag": "noindex, nofollow",
        }
        if not origins:
            fields["x-frame-options"] = "DENY"
        self._fields = [(name.encode(), value.encode()) for name, value in fields.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                given += [field for field in self._fields if field[0] not in names]
                message = {**message, "headers": given}
            await send(message)

        await self.app(scope, receive, send_safely)
