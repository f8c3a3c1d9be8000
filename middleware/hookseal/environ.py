"""A WSGI environ, as far as the gate asks about it.

Knows how CGI variables spell headers and how a server marks the end of a body. Must not know
frameworks; Django's ``META`` has the same shape.

Source: PEP 3333; RFC 3875 section 4.1.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from hookseal.errors import BodyIncomplete, BodyTimeout, ConfigError, LengthRequired
from hookseal.request import Request
from hookseal.sources import is_async

if TYPE_CHECKING:
    from hookseal.effects import ReadBody
    from hookseal.policy import Policy

__all__ = ["EnvironReader", "read_body", "refuse_async"]

_PIECE_BYTES = 64 * 1024


class EnvironReader:
    """Makes requests of environs, with the ``wanted`` headers picked out."""

    __slots__ = ("_variables",)

    def __init__(self, wanted: Collection[bytes]) -> None:
        self._variables = [(name, _variable(name)) for name in wanted]

    def request(self, environ: Mapping[str, Any], *, scheme: str, path: str) -> Request:
        """Return the request that ``environ`` describes, received now."""
        return Request(
            environ["REQUEST_METHOD"],
            scheme,
            path,
            environ.get("QUERY_STRING", ""),
            environ.get("REMOTE_ADDR") or None,
            {
                name: environ[variable].encode("latin-1")
                for name, variable in self._variables
                if variable in environ
            },
            time.time(),
            functools.partial(_find_header, environ),
        )


def read_body(effect: ReadBody, environ: Mapping[str, Any]) -> None:
    """Read to the declared length, or to the end where the server marks one.

    Asking for more than the declared length would block on a kept connection (PEP 3333).
    """
    remaining = effect.length
    if remaining is None:
        if not environ.get("wsgi.input_terminated"):
            if environ.get("HTTP_TRANSFER_ENCODING"):
                raise LengthRequired
            return
        remaining = effect.sink.limit + 1
    stream = environ["wsgi.input"]
    read = getattr(stream, "read1", stream.read)  # what has come, not all that was asked for
    deadline = time.monotonic() + effect.seconds
    while remaining:
        chunk = _read_piece(read, min(remaining, _PIECE_BYTES))
        if not chunk:
            return
        remaining -= len(chunk)
        effect.sink.write(chunk)
        if time.monotonic() > deadline:
            raise BodyTimeout


def refuse_async(policy: Policy) -> None:
    """Raise :class:`ConfigError` for what a sync face would have to await."""
    if is_async(policy.picker()):
        raise ConfigError(
            "secrets: the callable is async, which a WSGI app cannot await. Give a sync one, or "
            "use hookseal.asgi."
        )


def _read_piece(read: Callable[[int], bytes], size: int) -> bytes:
    try:
        return read(size)
    except Exception as error:  # servers raise their own for a broken body: the peer's fault
        raise BodyIncomplete from error


def _variable(name: bytes) -> str:
    upper = name.decode("ascii").upper().replace("-", "_")
    return upper if upper in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{upper}"


def _find_header(environ: Mapping[str, Any], name: str) -> str | None:
    return environ.get(_variable(name.encode("ascii", "replace")))
