"""Passing requests on to a local app, unchanged, and its answers back.

Knows which header fields belong to one connection. Must not know terminals. The body and all other
fields go on as they came, so that the signature holds.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from hookseal_receiver.play.exports import end_to_end
from hookseal_receiver.play.model import Captured, Reply
from hookseal_receiver.play.sending import NotSent, Outgoing, Send

__all__ = ["Forwarder", "below"]

_BAD_REQUEST = 400
_BAD_GATEWAY = 502
_SEPARATORS = re.compile(r"[/\\]")
_NOT_IN_URLS = re.compile("[^\x21-\x7e]|#")


class Forwarder:
    """Answers captured requests with what the app at ``url`` answers."""

    def __init__(self, url: str, send: Send) -> None:
        self._url = url
        self._send = send

    async def __call__(self, one: Captured) -> Reply:
        """Return the app's answer; 4xx or 5xx with the reason as a note where there is none."""
        if not _stays(one.draft.path):
            reason = "the path leads out of the app's URL, so it was not passed on"
            return _failed(reason, _BAD_REQUEST)
        if one.draft.cut:
            return _failed("the body is longer than what is kept, so it was not passed on")
        outgoing = Outgoing(
            method=one.draft.method,
            url=below(self._url, one.draft.path, one.draft.query),
            headers=end_to_end(one.draft.headers),
            body=one.draft.body,
            whole=True,
        )
        try:
            reply = await self._send(outgoing)
        except NotSent as error:
            return _failed(str(error))
        headers = end_to_end(reply.headers)
        kept = tuple(pair for pair in headers if pair[0].lower() != "date")  # the server adds one
        return Reply(status=reply.status, headers=kept, body=reply.body)


def below(url: str, path: str, query: str) -> str:
    """Return ``url`` with ``path`` added to its path, and ``query`` to its query.

    Bytes that no URL holds, read as latin-1, are escaped: a "#" would begin a fragment.
    """
    parts = urlsplit(url)
    whole = parts.path.rstrip("/") + _escaped(path) if path else parts.path
    asked = "&".join(part for part in (parts.query, _escaped(query)) if part)
    return urlunsplit((parts.scheme, parts.netloc, whole or "/", asked, ""))


def _stays(path: str) -> bool:
    """Tell whether a path added to a URL stays below it, however an app reads it."""
    segments = _SEPARATORS.split(unquote(path))
    walks = any(segment.partition(";")[0] in {".", ".."} for segment in segments)
    return path[:1] in {"", "/"} and not walks


def _escaped(text: str) -> str:
    return _NOT_IN_URLS.sub(lambda found: f"%{ord(found[0]):02X}", text)


def _failed(reason: str, status: int = _BAD_GATEWAY) -> Reply:
    body = f"hookseal listen: {reason}\n".encode()
    return Reply(status=status, body=body, note=reason)
