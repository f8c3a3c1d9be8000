"""Custom headers of an endpoint: which may be set, and which values may be shown.

Knows names and values as HTTP has them. Must not know endpoints or storage.

Source: RFC 9110, 5.6.2 (token) and 5.5 (field values).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_HEADERS", "header_fault", "is_sensitive", "merge"]

MAX_HEADERS = 50
_MAX_VALUE = 4096
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}\Z")
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?\Z")

_PROTECTED = frozenset(
    {
        # They frame the request, or steer the connection.
        "host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade",
        "expect", "http2-settings",
        # They say what the sender is and takes.
        "accept-encoding", "user-agent", "date",
        # They claim a path through proxies, or to be one.
        "forwarded", "via", "x-real-ip",
        # Metadata services of clouds answer to them.
        "metadata", "metadata-flavor",
    }
)  # fmt: skip
_PROTECTED_PREFIXES = (
    "content-",  # they frame and describe the body, which is signed
    "webhook-", "svix-", "x-svix-",  # the sender signs with them
    "proxy-", "x-forwarded-",  # they claim a path through proxies
    "x-amz-", "x-aws-", "x-goog-", "x-google-",  # credentials and metadata of clouds
    "sec-",  # browsers vouch with them
)  # fmt: skip
_SENSITIVE = ("auth", "cookie", "credential", "key", "passw", "secret", "signature", "token")


def header_fault(name: str, value: str) -> str | None:
    """Return what is wrong with a custom header as a sentence, or None if it can be sent."""
    if not _TOKEN.match(name):
        return "a name has 1 to 128 letters, digits and marks such as '-', without spaces"
    if _is_protected(name.lower()):
        return "this header is the sender's own and cannot be set"
    if len(value) > _MAX_VALUE or not _VALUE.match(value):
        return f"a value has at most {_MAX_VALUE} visible ASCII characters, spaces only between"
    return None


def is_sensitive(name: str) -> bool:
    """Tell whether the value of that header is hidden: it may be a credential."""
    return any(word in name.lower() for word in _SENSITIVE)


def merge(
    headers: Mapping[str, str], changes: Mapping[str, str], removed: set[str]
) -> dict[str, str]:
    """Return ``headers`` without ``removed`` (lower case) and with ``changes``, in any case."""
    gone = removed | {name.lower() for name in changes}
    return {
        **{name: value for name, value in headers.items() if name.lower() not in gone},
        **changes,
    }


def _is_protected(name: str) -> bool:
    return name in _PROTECTED or name.startswith(_PROTECTED_PREFIXES)
