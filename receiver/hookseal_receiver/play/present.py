"""Bodies as people read them: indented, as text, or in hexadecimal.

Knows bytes and how to show them without letting them do anything. Must not know HTTP. What is shown
is bounded in size and depth; every byte can be seen, and none acts: controls and marks that turn
the direction of text are spelled out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["SHOWN_BYTES", "Shown", "as_hex", "as_json", "as_text", "json_lines", "visible"]

SHOWN_BYTES = 64 * 1024
"""Of a body or of what is made of it, so much is shown at first."""
_JSON_LIMIT = 1024 * 1024
_DEEPEST_INDENT = 32
_HEX_WIDTH = 16
_COLOURED = frozenset("ksnl")
_COLOURED_PIECES = 40_000
"""What follows is shown without colours: elements in their hundred thousands hold a browser up."""

# Controls but tab and line feed, and every mark that is invisible or turns the direction of text.
_TRICKS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_TOKEN = re.compile(
    r'(?P<space>[ \t\r\n]+)|(?P<s>"(?:[^"\\]|\\.)*")|(?P<n>-?[0-9][0-9.eE+-]*)'
    r"|(?P<l>true|false|null)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)|(?P<colon>:)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A body made ready: markup that is escaped already, and whether there is more."""

    markup: Markup
    cut: bool = False


def visible(text: str) -> str:
    """Return ``text`` with every character that hides or misleads spelled out as ``<U+202E>``."""
    return _TRICKS.sub(lambda found: f"<U+{ord(found[0]):04X}>", text.replace("\r\n", "\n"))


def as_text(body: bytes, limit: int | None = SHOWN_BYTES) -> Shown:
    r"""Return the body as UTF-8; bytes that are none are spelled ``\xff``."""
    part = body if limit is None else body[:limit]
    cut = len(part) < len(body)
    if cut:  # not in the middle of a character
        part = part.decode("utf-8", "ignore").encode() if _is_text(body) else part
    return Shown(markup=escape(visible(part.decode("utf-8", "backslashreplace"))), cut=cut)


def as_hex(body: bytes, limit: int | None = SHOWN_BYTES // 4) -> Shown:
    """Return the body in rows of 16 bytes: offset, hexadecimal, and ASCII."""
    part = body if limit is None else body[:limit]
    rows = [_hex_row(part, start) for start in range(0, len(part), _HEX_WIDTH)]
    return Shown(markup=escape("\n".join(rows)), cut=len(part) < len(body))


def as_json(body: bytes, limit: int | None = SHOWN_BYTES) -> Shown | None:
    """Return the body indented with its tokens untouched; None where it is not JSON.

    Numbers, escapes, repeated keys and their order stay as they were sent.
    """
    text = _json_text(body)
    if text is None:
        return None
    marked: list[str] = []
    left = len(text) * 80 if limit is None else limit
    for count, (name, piece) in enumerate(_pieces(text)):
        part = str(escape(piece[:left]))
        coloured = name and count < _COLOURED_PIECES
        marked.append(f'<span class="{name}">{part}</span>' if coloured else part)
        left -= len(piece)
        if left < 0:
            break
    return Shown(markup=Markup("".join(marked)), cut=left < 0)  # noqa: S704 # escaped above


def json_lines(body: bytes, limit: int) -> list[str] | None:
    """Return at most ``limit`` lines of what :func:`as_json` shows; None where it is not JSON."""
    text = _json_text(body)
    if text is None:
        return None
    pieces: list[str] = []
    lines = 1
    for _, piece in _pieces(text):
        pieces.append(piece)
        lines += piece.count("\n")
        if lines > limit:
            break
    return "".join(pieces).split("\n")[:limit]


def _json_text(body: bytes) -> str | None:
    """Return the text of a body that is a JSON object or array, within bounds."""
    if len(body) > _JSON_LIMIT or body.lstrip()[:1] not in {b"{", b"["}:
        return None
    try:
        text = body.decode()
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return text


def _no_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON has not."""
    raise ValueError(name)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield the tokens of valid JSON, each with its kind or none, and the space between them."""
    depth, before = 0, ""
    tokens = (token for token in _TOKEN.finditer(text) if token.lastgroup != "space")
    token = next(tokens, None)
    while token is not None:
        following = next(tokens, None)
        kind = token.lastgroup or ""
        after = following.lastgroup if following else ""
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if kind == "close" and before != "open":
            yield "", _line(depth)
        name = "k" if kind == "s" and after == "colon" else kind
        yield (name if name in _COLOURED else ""), visible(token[0])
        yield "", _space(kind, after, depth)
        token, before = following, kind


def _space(kind: str, after: str | None, depth: int) -> str:
    """Return what stands behind a token."""
    if kind == "comma" or (kind == "open" and after != "close"):
        return _line(depth)
    return " " if kind == "colon" else ""


def _line(depth: int) -> str:
    return "\n" + "  " * min(depth, _DEEPEST_INDENT)


def _hex_row(body: bytes, start: int) -> str:
    row = body[start : start + _HEX_WIDTH]
    left, right = row[:8].hex(" "), row[8:].hex(" ")
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004 # ASCII
    return f"{start:08x}  {left:<23}  {right:<23}  {shown}"


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
