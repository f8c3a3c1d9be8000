"""Answers on purpose: read from a form or a query, and given to a caller.

Knows ASGI as far as sending an answer. Must not know where an answer is kept. Whoever makes a bin
writes its answers, and they have the origin of our own pages: nothing of them may act in a browser,
nor say anything about the rest of the site.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from hookseal import HooksealError
from hookseal_receiver.play.model import Answer, Pairs, Reply

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = [
    "CLOSE",
    "NO_BODY",
    "AnswerRefused",
    "give",
    "parse_form",
    "parse_headers",
    "parse_query",
    "planned",
]

CLOSE = "hookseal.close"
"""In ASGI's ``scope["state"]``: closes the connection at once, put there by our own server."""

MAX_DELAY_SECONDS = 30.0
MAX_STATUSES = 50
MAX_HEADERS = 50
MAX_BODY_CHARACTERS = 64 * 1024
_DRIP_PARTS = 40
DRIP_SECONDS = 20.0
_DRIP_FILLER = b"." * 20
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,4096}")
_FRAMING = frozenset(("connection", "content-length", "transfer-encoding", "upgrade", "keep-alive"))
_OF_THE_SITE = frozenset(
    (
        "alt-svc",
        "clear-site-data",
        "nel",
        "report-to",
        "service-worker-allowed",
        "set-cookie",
        "strict-transport-security",
    )
)
"""What a browser takes as said by all of a host."""
_ORDERS = re.compile(
    "(?:x-accel-|x-sendfile).*|x-lighttpd-send-file|x-litespeed-location|x-reproxy-url"
    "|www-authenticate|accept-ch|refresh",
    re.IGNORECASE,
)
"""What a proxy in front obeys, by sending a file of its own, or a browser, sandboxed or not."""
_ACTIVE_TYPE = re.compile("script|css", re.IGNORECASE)
"""Types that our own pages' ``script-src 'self'`` and ``style-src 'self'`` would let in."""
_INERT = ((b"content-security-policy", b"sandbox"), (b"x-content-type-options", b"nosniff"))
NO_BODY = frozenset((204, 205, 304))


class AnswerRefused(HooksealError):
    """An answer that cannot be given. ``field`` names the input to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse_form(fields: dict[str, str]) -> tuple[Answer, dict[str, str]]:
    """Return the answer that a form describes, and what is wrong with it by field."""
    errors: dict[str, str] = {}

    def attempt(name: str, read: Callable[[str], object]) -> Any:
        try:
            return read(fields.get(name, ""))
        except AnswerRefused as error:
            errors[name] = str(error)
            return None

    given = {
        "statuses": attempt("statuses", _statuses),
        "headers": attempt("headers", parse_headers),
        "body": attempt("body", _body),
        "delay": attempt("delay", _delay),
        "manner": attempt("manner", _manner),
    }
    return (Answer() if errors else replace(Answer(), **given)), errors


def parse_query(query: str, answer: Answer) -> tuple[Answer, bool]:
    """Return ``answer`` as the query of a request changes it, and whether to echo the body.

    ``force_status_code`` and ``echo_body`` are those of Svix Play; ``force_delay`` is in seconds.
    Raises :class:`AnswerRefused`.
    """
    try:
        given = dict(parse_qsl(query, max_num_fields=100))
    except ValueError:
        return answer, False
    if "force_status_code" in given:
        status = _status("force_status_code", given["force_status_code"])
        answer = replace(answer, statuses=(status,), manner="whole")
    if "force_delay" in given:
        answer = replace(answer, delay=_delay(given["force_delay"]))
    return answer, given.get("echo_body", "").lower() in {"true", "1"}


def planned(answer: Answer, count: int) -> Reply:
    """Return the reply to the ``count``-th request, from 1; status 0 closes the connection."""
    if answer.manner == "close":
        return Reply(status=0, note="The connection was closed on purpose.")
    status = answer.statuses[min(count, len(answer.statuses)) - 1]
    body = b"" if status in NO_BODY else answer.body.encode("utf-8", "replace")
    return Reply(status=status, headers=answer.headers, body=body)


async def give(reply: Reply, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Send ``reply`` in the manner of ``answer``, after its delay."""
    if answer.delay:
        await asyncio.sleep(answer.delay)
    if reply.status == 0:
        await _close(scope, receive, send)
    elif answer.manner == "drip" and reply.status not in NO_BODY:
        await _drip(reply, send)
    else:
        await _start(reply, send, len(reply.body))
        await send({"type": "http.response.body", "body": reply.body})


async def _start(reply: Reply, send: Send, length: int) -> None:
    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers]
    headers = [*_INERT, *given]
    named = {name for name, _ in headers}
    if b"content-type" not in named and length:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    if reply.status not in NO_BODY:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})


async def _drip(reply: Reply, send: Send) -> None:
    """Send the head, and then the body in at most forty parts, over 20 seconds."""
    body = reply.body or _DRIP_FILLER
    step = -(-len(body) // _DRIP_PARTS)
    parts = [body[start : start + step] for start in range(0, len(body), step)]
    await _start(reply, send, len(body))
    for left, part in zip(reversed(range(len(parts))), parts, strict=True):
        await asyncio.sleep(DRIP_SECONDS / len(parts))
        await send({"type": "http.response.body", "body": part, "more_body": left > 0})


async def _close(scope: Scope, receive: Receive, send: Send) -> None:
    """Close the connection without an answer; cut the answer off where the server cannot."""
    close: Callable[[], None] | None = scope.get("state", {}).get(CLOSE)
    if close is None:
        await _start(Reply(status=200), send, 1)
        return  # one byte short: the server has to close
    close()
    while (await receive())["type"] != "http.disconnect":
        pass


def _statuses(text: str) -> tuple[int, ...]:
    words = text.replace(",", " ").split()
    if not 0 < len(words) <= MAX_STATUSES:
        raise AnswerRefused("statuses", f"Give 1 to {MAX_STATUSES} statuses, such as 500 500 200.")
    return tuple(_status("statuses", word) for word in words)


def _status(field: str, text: str) -> int:
    if re.fullmatch(r"[2-5][0-9]{2}", text, re.ASCII) is None:
        raise AnswerRefused(
            field, f"A status is a number from 200 to 599, and {text[:20]!r} is not."
        )
    return int(text)


def parse_headers(text: str) -> Pairs:
    """Return lines of ``name: value``; raise :class:`AnswerRefused` for others."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) > MAX_HEADERS:
        raise AnswerRefused("headers", f"Give at most {MAX_HEADERS} headers.")
    return tuple(_header(line) for line in lines)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in line.partition(":"))
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise AnswerRefused("headers", f"Write each line as name: value; {line[:40]!r} is not.")
    if name.lower() in _FRAMING:
        raise AnswerRefused("headers", f"{name} is set by the server. Leave it out.")
    if name.lower() in _OF_THE_SITE:
        raise AnswerRefused("headers", f"{name} would be about all of this site. Leave it out.")
    if _ORDERS.fullmatch(name):
        raise AnswerRefused("headers", f"{name} gives orders to proxies or browsers. Leave it out.")
    if name.lower() == "content-type" and _ACTIVE_TYPE.search(value):
        raise AnswerRefused("headers", "Scripts and style sheets are not answered from here.")
    return name, value


def _body(text: str) -> str:
    if len(text) > MAX_BODY_CHARACTERS:
        raise AnswerRefused("body", f"The body is longer than {MAX_BODY_CHARACTERS} characters.")
    return text


def _delay(text: str) -> float:
    if re.fullmatch(r"[0-9]{0,2}(\.[0-9]{1,3})?", text, re.ASCII) is None or (
        float(text or 0) > MAX_DELAY_SECONDS
    ):
        raise AnswerRefused("delay", f"A delay is 0 to {MAX_DELAY_SECONDS:.0f} seconds.")
    return float(text or 0)


def _manner(text: str) -> Literal["whole", "drip", "close"]:
    for manner in ("whole", "drip", "close"):
        if text == manner:
            return manner
    raise AnswerRefused("manner", "Choose whole, drip or close.")
