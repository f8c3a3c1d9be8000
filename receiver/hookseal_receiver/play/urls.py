"""The URLs of bins.

Knows where Play is mounted. Must not know what is behind a URL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.convertors import Convertor, register_url_convertor

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal_receiver.play.model import Bin

__all__ = ["NUMBER", "Urls", "capture_url", "mounted_at", "number_in", "view_url"]

NUMBER = "{number:hookseal_number}"
"""The number of a request in the path of a route."""


class Urls:
    """Makes URLs below ``public_url``, or below the URL that a request came to."""

    def __init__(self, public_url: str = "") -> None:
        self._public = public_url.rstrip("/")

    def base(self, request: Request) -> str:
        """Return the URL that Play is mounted at, without a slash at its end."""
        if self._public:
            return self._public
        host = request.headers.get("host", "localhost")
        return f"{request.scope['scheme']}://{host}{mounted_at(request)}"

    def capture(self, request: Request, one: Bin) -> str:
        """Return the URL to give to a sender."""
        return capture_url(self.base(request), one)

    def view(self, request: Request, one: Bin) -> str:
        """Return the URL of the page."""
        return view_url(self.base(request), one)


def capture_url(base: str, one: Bin) -> str:
    """Return the URL that captures."""
    return f"{base}/in/{one.capture_token}"


def view_url(base: str, one: Bin) -> str:
    """Return the URL that shows."""
    return f"{base}/view/{one.view_token}"


def mounted_at(request: Request) -> str:
    """Return the path that Play is mounted at: empty, or with a slash at its start only."""
    path: str = request.scope.get("root_path", "")
    return path.rstrip("/")


class _Number(Convertor[int]):
    """Starlette's ``:int`` without what SQLite cannot hold, or Python not even read."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("hookseal_number", _Number())


def number_in(text: str) -> int | None:
    """Return the number of a request that ``text`` names, None where it names none."""
    return int(text) if re.fullmatch(_Number.regex, text) else None
