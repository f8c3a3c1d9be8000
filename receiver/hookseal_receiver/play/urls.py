"""The URLs of bins.

Knows where Play is mounted. Must not know what is behind a URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal_receiver.play.model import Bin

__all__ = ["Urls", "capture_url", "mounted_at", "view_url"]


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
