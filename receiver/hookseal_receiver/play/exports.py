"""Requests to take away: as a HAR 1.2 archive, as a curl command, as JSON for test suites.

Knows those formats. Must not know where requests are kept.

Sources: HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/; Svix Play's history API.
"""

from __future__ import annotations

import asyncio
import base64
import http
import json
import shlex
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

from hookseal import __version__
from hookseal_receiver.look.words import iso
from hookseal_receiver.play.model import Captured, Pairs, Reply

__all__ = ["curl", "curl_command", "end_to_end", "har", "history"]

_CONNECTION = frozenset(
    (
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)

_TEXT_BYTES = 64 * 1024
_OWN_LINE = frozenset(("--header", "--data-raw", "--data-binary"))


def end_to_end(headers: Pairs) -> Pairs:
    """Return the fields that are not about one connection (RFC 9110 section 7.6.1)."""
    named = {
        option.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for option in value.split(",")
    }
    dropped = _CONNECTION | named
    return tuple((name, value) for name, value in headers if name.lower() not in dropped)


def curl(one: Captured, url: str) -> str:
    """Return a shell command that sends the request again, byte for byte."""
    draft = one.draft
    return curl_command(draft.method, url + draft.target, end_to_end(draft.headers), draft.body)


def curl_command(method: str, url: str, headers: Pairs, body: bytes) -> str:
    """Return a shell command that makes the request, byte for byte."""
    words = ["curl", "--include", *_as_written(url), "--request", method, url]
    for name, value in headers:
        words += ["--header", f"{name}: {value}" if value else f"{name};"]
    if not body:
        return _in_lines(words)
    text = _shell_text(body)
    if text is not None:
        return _in_lines([*words, "--data-raw", text])
    encoded = base64.b64encode(body).decode()
    return f"printf %s {encoded} | base64 -d | {_in_lines([*words, '--data-binary', '@-'])}"


def _as_written(url: str) -> list[str]:
    """Return the options without which curl makes another URL, or several, of this one."""
    globs = ["--globoff"] if set(url) & set("[]{}") else []
    return [*globs, *(["--path-as-is"] if "/." in url else [])]


def _in_lines(words: list[str]) -> str:
    """Return the words for a shell, each option of the request on a line of its own."""
    quoted = (shlex.quote(word) for word in words)
    return " ".join(f"\\\n  {one}" if one in _OWN_LINE else one for one in quoted)


async def har(requests: AsyncIterable[Captured], url: str) -> AsyncIterator[str]:
    """Yield the requests, oldest first, as an archive that browsers' tools open.

    There is never more of it in memory than one request; each is written in a thread.
    """
    creator = {"name": "Hookseal Play", "version": __version__}
    begun = json.dumps({"version": "1.2", "creator": creator, "pages": []}).removesuffix("}")
    yield f'{{"log": {begun}, "entries": ['
    before = "\n"
    async for one in requests:
        yield before + await asyncio.to_thread(lambda: json.dumps(_entry(one, url)))  # noqa: B023 # awaited
        before = ",\n"
    yield "]}}"


def history(one: Captured, url: str) -> dict[str, Any]:
    """Return a request in the shape of Svix Play's history, and the verdict with it."""
    draft, reply = one.draft, one.reply
    return {
        "id": str(one.number),
        "url": url + draft.target,
        "method": draft.method,
        "created_at": iso(draft.at_ms),
        "ip": draft.client,
        "http_version": draft.http_version,
        "headers": _joined(draft.headers),
        "header_list": [list(pair) for pair in draft.headers],
        "body": draft.body.decode("utf-8", "replace"),
        "body_base64": base64.b64encode(draft.body).decode(),
        "size": draft.size,
        "verdict": {
            "outcome": one.verdict.outcome,
            "reason": one.verdict.reason,
            "event_id": one.verdict.event_id,
            "steps": [
                {"name": step.name, "state": step.state, "reason": step.reason}
                for step in one.verdict.steps
            ],
        },
        "response": None
        if reply is None
        else {
            "status_code": reply.status,
            "headers": _joined(reply.headers),
            "body": reply.body.decode("utf-8", "replace"),
            "note": reply.note,
        },
    }


def _entry(one: Captured, url: str) -> dict[str, Any]:
    took = float(one.took_ms or 0)
    reply = one.reply or Reply(status=0)
    return {
        "startedDateTime": iso(one.draft.at_ms),
        "time": took,
        "request": _har_request(one, url),
        "response": _har_response(reply, one.draft.http_version),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        "comment": f"#{one.number}: {one.verdict.outcome}. {one.verdict.reason}",
    }


def _har_request(one: Captured, url: str) -> dict[str, Any]:
    draft = one.draft
    request: dict[str, Any] = {
        "method": draft.method,
        "url": url + draft.target,
        "httpVersion": f"HTTP/{draft.http_version}",
        "cookies": [],
        "headers": _named(draft.headers),
        "queryString": _named(tuple(_query(draft.query))),
        "headersSize": -1,
        "bodySize": draft.size,
    }
    if draft.size:
        request["postData"] = {"mimeType": _mime(draft.headers), "params": [], **_text(draft.body)}
    return request


def _har_response(reply: Reply, version: str) -> dict[str, Any]:
    content = {"size": len(reply.body), "mimeType": _mime(reply.headers), **_text(reply.body)}
    return {
        "status": reply.status,
        "statusText": _phrase(reply.status),
        "httpVersion": f"HTTP/{version}",
        "cookies": [],
        "headers": _named(reply.headers),
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(reply.body),
    }


def _text(body: bytes) -> dict[str, str]:
    """Return a body as HAR has it: text, or base64 where it is none."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def _named(pairs: Pairs) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _query(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return []


def _mime(headers: Pairs) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _joined(headers: Pairs) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _shell_text(body: bytes) -> str | None:
    """Return the body as text that a shell's argument can hold, or None."""
    if len(body) > _TEXT_BYTES:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    harmless = all(character.isprintable() or character in "\n\t" for character in text)
    return text if harmless else None
