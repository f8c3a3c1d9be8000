"""Forms that only our own pages can send.

Knows where a browser says a request comes from, and tokens that a page carries. Must not know what
a form is for. A form is accepted when both agree: the browser's word (Sec-Fetch-Site, or Origin
where that is missing) and a token that this server made for the same context a while ago.

Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from hookseal import HooksealError

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["FormRefused", "Forms", "read_form", "read_form_list"]

_FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 1000
_VALID_SECONDS = 12 * 3600


class FormRefused(HooksealError):
    """A form that is not from our page, too old, or too large. ``status`` is the answer's."""

    def __init__(self, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class Forms:
    """Makes tokens and checks them. ``key`` is at least 16 bytes; a random one by default.

    With several processes, give all of them the same key.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def token(self, context: str, now: float) -> str:
        """Return a token for a form about ``context``, good for 12 hours from ``now``."""
        until = str(int(now) + _VALID_SECONDS)
        return f"{until}.{self._mac(context, until)}"

    def check(self, request: Request, fields: dict[str, str], context: str, now: float) -> None:
        """Raise :class:`FormRefused` unless our own page about ``context`` sent the form."""
        if not _same_origin(request):
            raise FormRefused("The form was not sent by a page of this site. Open it here again.")
        until, _, mac = fields.get("csrf", "").partition(".")
        expected = self._mac(context, until)
        if not hmac.compare_digest(mac.encode(), expected.encode()) or now > float(until):
            raise FormRefused("The form is too old. Go back, reload the page, and send it again.")

    def _mac(self, context: str, until: str) -> str:
        content = f"form\x00{until}\x00{context}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, content, hashlib.sha256).hex()


async def read_form(request: Request, limit: int = 256 * 1024) -> dict[str, str]:
    """Return the fields of a form, the last of each name; raise :class:`FormRefused` for others.

    ``limit`` is in bytes. Fields that may come several times are read by :func:`read_form_list`.
    """
    return dict(await read_form_list(request, limit))


async def read_form_list(request: Request, limit: int = 256 * 1024) -> list[tuple[str, str]]:
    """Return the fields of a form in order, as pairs; raise :class:`FormRefused` for others."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise FormRefused("Send the form as a browser does.", 415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise FormRefused(f"The form is larger than {limit} bytes.", 413)
    try:
        return parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise FormRefused(f"The form has more than {_MAX_FIELDS} fields.", 413) from None


def _same_origin(request: Request) -> bool:
    """Tell what the browser says; what says nothing, such as a script, must have the token."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    # Behind a proxy that ends HTTPS the scheme differs, and the host decides.
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
