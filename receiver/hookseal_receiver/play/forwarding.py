"""Passing requests on to a local app, unchanged, and its answers back.

Knows which header fields belong to one connection. Must not know terminals. The body and all other
fields go on as they came, so that the signature holds.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from hookseal_receiver.play.exports import end_to_end
from hookseal_receiver.play.model import Captured, Reply
from hookseal_receiver.play.sending import NotSent, Outgoing, Send

__all__ = ["Forwarder", "below"]

_BAD_GATEWAY = 502


class Forwarder:
    """Answers captured requests with what the app at ``url`` answers."""

    def __init__(self, url: str, send: Send) -> None:
        self._url = url
        self._send = send

    async def __call__(self, one: Captured) -> Reply:
        """Return the app's answer; 502 with the reason as a note where there is none."""
        if one.draft.cut:
            return _failed("the body is longer than what is kept, so it was not passed on")
        outgoing = Outgoing(
            method=one.draft.method,
            url=below(self._url, one.draft.path, one.draft.query),
            headers=end_to_end(one.draft.headers),
            body=one.draft.body,
        )
        try:
            reply = await self._send(outgoing)
        except NotSent as error:
            return _failed(str(error))
        headers = end_to_end(reply.headers)
        kept = tuple(pair for pair in headers if pair[0].lower() != "date")  # the server adds one
        return Reply(status=reply.status, headers=kept, body=reply.body)


def below(url: str, path: str, query: str) -> str:
    """Return ``url`` with ``path`` added to its path, and ``query`` to its query."""
    parts = urlsplit(url)
    whole = parts.path.rstrip("/") + path if path else parts.path
    asked = "&".join(part for part in (parts.query, query) if part)
    return urlunsplit((parts.scheme, parts.netloc, whole or "/", asked, ""))


def _failed(reason: str) -> Reply:
    body = f"hookseal listen: the app gave no answer: {reason}\n".encode()
    return Reply(status=_BAD_GATEWAY, body=body, note=reason)
