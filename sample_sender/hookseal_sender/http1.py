"""The head of a request as bytes.

Knows the HTTP/1.1 syntax of a head (RFC 9112, 3 to 5), and lets no value break out of its line.
Must not know sockets or URLs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_HEADERS", "request_head", "request_line"]

DEFAULT_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "Hookseal-Sender/1 (+https://www.standardwebhooks.com)",
}
"""Sent unless the caller's headers name them."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_BREAKS_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BREAKS_LINE = re.compile(r"[^\x21-\x7e]")
# They decide where a request ends or a connection goes.
_NOT_THE_CALLERS = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def request_line(path: str, host: str) -> str:
    """Return the lines that name the target. Raises ValueError if they would not be two lines."""
    if _BREAKS_LINE.search(path) or _BREAKS_LINE.search(host):
        raise ValueError("the URL has a character that a request line cannot have")
    return f"POST {path} HTTP/1.1\r\nhost: {host}\r\n"


def request_head(line: str, headers: Mapping[str, str], length: int) -> bytes:
    """Return all that comes before a body of so many bytes.

    Raises ValueError if a header cannot be sent as it is.
    """
    values = tuple(headers.values())
    if _BREAKS_VALUE.search("".join(values)):
        raise ValueError("a header's value has a control character")
    fields = _template(tuple(headers)) % values
    return f"{line}{fields}content-length: {length}\r\n\r\n".encode()


@lru_cache(maxsize=1024)
def _template(names: tuple[str, ...]) -> str:
    """Return the header lines for ``names`` with a place for each value: a sender uses few sets."""
    given = {name.lower() for name in names}
    if given & _NOT_THE_CALLERS or not all(map(_NAME.match, names)):
        raise ValueError("a header's name cannot be used")
    defaults = {name: text for name, text in DEFAULT_HEADERS.items() if name not in given}
    lines = [f"{name}: {text}\r\n" for name, text in defaults.items()]
    lines += [f"{name.replace('%', '%%')}: %s\r\n" for name in names]
    return "".join(lines)
