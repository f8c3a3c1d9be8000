"""Reading a request's body, within limits, and the JSON object in it.

Knows sizes, deadlines and strict JSON. Must not know fields.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import TYPE_CHECKING, cast

from hookseal_sender.errors import SenderError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive

__all__ = [
    "BODY_DEADLINE",
    "MAX_BODY_BYTES",
    "BodyTooLarge",
    "BodyTooSlow",
    "ClientGone",
    "MalformedBody",
    "parse_exactly",
    "parse_object",
    "read_body",
]

MAX_BODY_BYTES = 2 * 1024 * 1024
"""The limit of the Svix server."""
BODY_DEADLINE = 20.0
"""Seconds in which a body must have arrived."""
_MAX_DEPTH = 100


class BodyTooLarge(SenderError):
    """The request body is larger than it may be."""

    code = "payload_too_large"
    status_hint = 413


class BodyTooSlow(SenderError):
    """The request body did not arrive in time; its connection is of no more use."""

    code = "request_timeout"
    status_hint = 408
    headers = (("connection", "close"),)  # RFC 9110, 15.5.9


class ClientGone(SenderError):
    """The caller hung up before its request was whole."""

    code = "client_disconnected"


class MalformedBody(SenderError):
    """The request body is not a JSON object."""

    code = "invalid_json"


async def read_body(
    receive: Receive, *, declared: bytes | None, limit: int, deadline: float
) -> bytes:
    """Return the body, of at most ``limit`` bytes, if it comes within ``deadline`` seconds.

    ``declared`` is the Content-Length. Raises BodyTooLarge before any of it is parsed,
    BodyTooSlow and ClientGone.
    """
    if declared is not None and declared.isdigit() and int(declared[:19]) > limit:
        raise BodyTooLarge(f"the body is larger than {limit} bytes")
    try:
        async with asyncio.timeout(deadline):
            return await _read(receive, limit)
    except TimeoutError:
        raise BodyTooSlow(f"the body did not arrive within {deadline:g} seconds") from None


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone("the request was not sent whole")
        chunk: bytes = event.get("body", b"")
        more = event.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"the body is larger than {limit} bytes")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in ``body``; of a key that comes twice, the last counts.

    Raises MalformedBody for anything else, and for what has no lasting form: numbers without an end
    (NaN, 1e999), lone surrogates, nesting deeper than 100.
    """
    return parse_exactly(body, "")[0]


def parse_exactly(body: bytes, name: str) -> tuple[dict[str, object], bytes]:
    """Do as :func:`parse_object`, and return the member ``name`` just as it stands in ``body``.

    That is with its spaces, numbers and escapes as they were written; empty if there is none.
    """
    try:
        text = body.decode("utf-8")
        found, span = _members(text, name)
        exact = text[span].encode()
        if b"\\u" in body:  # a lone surrogate parses, but has no UTF-8 form to store
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedBody(_reason(body, error)) from None
    if body.count(b"{") + body.count(b"[") > _MAX_DEPTH and _too_deep(found):
        raise MalformedBody(f"the body is nested deeper than {_MAX_DEPTH}")
    return found, exact


def _reason(body: bytes, error: Exception) -> str:
    """Return what is wrong with the body and where, with nothing of what is in it."""
    if not body.strip():
        return "the body is empty; send a JSON object"
    if isinstance(error, UnicodeDecodeError):
        return f"the body is not UTF-8: see byte {error.start + 1}"
    if isinstance(error, UnicodeEncodeError):
        return "a text in the body has half of a character: a lone surrogate behind \\u"
    if isinstance(error, RecursionError):
        return f"the body is nested deeper than {_MAX_DEPTH}"
    if isinstance(error, json.JSONDecodeError):
        return f"the body is not a JSON object: see line {error.lineno}, column {error.colno}"
    return "a number in the body is too large, or none: NaN and Infinity are not JSON"


def _members(text: str, wanted: str) -> tuple[dict[str, object], slice]:
    """Return the object that ``text`` is, and where in it the value of ``wanted`` stands.

    Raises ValueError. Its members are told apart here; whatever is in them, the decoder reads.
    """
    found: dict[str, object] = {}
    span = slice(0, 0)
    at = _behind(text, _behind_space(text, 0), "{")
    more = not text.startswith("}", at)
    while more:
        if not text.startswith('"', at):
            raise json.JSONDecodeError("", text, at)
        name, at = _DECODER.raw_decode(text, at)
        start = _behind(text, _behind_space(text, at), ":")
        found[name], end = _DECODER.raw_decode(text, start)
        if name == wanted:
            span = slice(start, end)
        at = _behind_space(text, end)
        more = text.startswith(",", at)
        at = _behind(text, at, ",") if more else at
    end = _behind(text, at, "}")
    if end != len(text):
        raise json.JSONDecodeError("", text, end)
    return found, span


def _behind(text: str, at: int, mark: str) -> int:
    """Return where the next thing stands behind the ``mark`` that must be at ``at``."""
    if not text.startswith(mark, at):
        raise json.JSONDecodeError("", text, at)
    return _behind_space(text, at + 1)


def _behind_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _too_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_SPACE = re.compile(r"[ \t\n\r]+")
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite_float)
