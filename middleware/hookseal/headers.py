"""Headers in one shape, whatever the framework hands over.

Knows the forms in which Python frameworks carry header fields. Must not know what any header
means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

__all__ = ["HeaderPairs", "HeadersLike", "find_header", "header_pairs", "pick"]

HeaderPairs: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Fields in order, as ASGI carries them: names in any case, values as received."""

HeadersLike: TypeAlias = (
    Mapping[str, str]
    | Mapping[bytes, bytes]
    | Iterable[tuple[str, str]]
    | Iterable[tuple[bytes, bytes]]
)
"""What :class:`hookseal.Verifier` takes: a mapping, a framework's header object, or pairs."""


def header_pairs(headers: HeadersLike) -> HeaderPairs:
    """Return ``headers`` as pairs of bytes, in order and with repeated fields kept.

    A name or value that is text is encoded as latin-1, which is how servers decoded it
    (PEP 3333). What latin-1 cannot encode never came over HTTP, and becomes a byte that no header
    name or format has.
    """
    if isinstance(headers, list) and headers and isinstance(headers[0][0], bytes):
        return cast("HeaderPairs", headers)  # ASGI's own shape
    items: Callable[[], _Pairs] | None = getattr(headers, "items", None)
    pairs = cast("_Pairs", headers) if items is None else items()
    return [(_latin1(name), _latin1(value)) for name, value in pairs]


def pick(pairs: HeaderPairs, wanted: frozenset[bytes]) -> dict[bytes, bytes]:
    """Return the ``wanted`` fields by lower-case name.

    Repeated lines are combined with a comma, as HTTP (RFC 9110 section 5.3) and every WSGI server
    do, so that a repeated header reads the same on every face.
    """
    found: dict[bytes, bytes] = {}
    for raw, value in pairs:
        name = raw.lower()
        if name in wanted:
            found[name] = found[name] + b"," + value if name in found else value
    return found


def find_header(pairs: HeaderPairs, name: str) -> str | None:
    """Return the header ``name``, in any case, as text; None where it is absent."""
    wanted = name.lower().encode("latin-1", "replace")
    value = pick(pairs, frozenset({wanted})).get(wanted)
    return None if value is None else value.decode("latin-1")


_Pairs: TypeAlias = Iterable[tuple[str | bytes, str | bytes]]
_UNENCODABLE = b"\x00"


def _latin1(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return _UNENCODABLE
