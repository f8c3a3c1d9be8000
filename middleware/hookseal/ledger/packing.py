"""Replies as bytes, the same in every durable store.

Knows one compact layout: mark, CRC-32 of the rest, status, number of headers, each header with
the lengths of its name and value, then the body. Must not know stores. Whatever is not exactly
that is an error, so that a spoilt or foreign value fails closed; nothing is ever evaluated.
"""

from __future__ import annotations

import struct
import zlib

from hookseal.errors import HooksealError
from hookseal.ledger.base import Reply

__all__ = ["StoredValueError", "pack", "unpack"]

_MARK = b"hk1"
_CHECKSUM = struct.Struct(">I")
_HEAD = struct.Struct(">HH")
_FIELD = struct.Struct(">HI")
_CHECKED_FROM = len(_MARK) + _CHECKSUM.size


class StoredValueError(HooksealError):
    """The store holds something under the event's key that Hookseal did not write."""


def pack(reply: Reply) -> bytes:
    """Return ``reply`` as one value; raise :class:`StoredValueError` where it does not fit."""
    try:
        parts = [_HEAD.pack(reply.status, len(reply.headers))]
        for name, value in reply.headers:
            parts += (_FIELD.pack(len(name), len(value)), name, value)
    except struct.error as error:
        raise StoredValueError(f"the reply does not fit: {error}") from None
    checked = b"".join((*parts, reply.body))
    return _MARK + _CHECKSUM.pack(zlib.crc32(checked)) + checked


def unpack(value: bytes) -> Reply:
    """Return the reply that was packed; raise :class:`StoredValueError` if none was."""
    checked = value[_CHECKED_FROM:]
    if value[:_CHECKED_FROM] != _MARK + _CHECKSUM.pack(zlib.crc32(checked)):
        raise StoredValueError("a stored reply is damaged, or not one of Hookseal's")
    status, count = _HEAD.unpack_from(checked)
    at = _HEAD.size
    headers: list[tuple[bytes, bytes]] = []
    for _ in range(count):
        name_size, value_size = _FIELD.unpack_from(checked, at)
        at += _FIELD.size
        value_at = at + name_size
        headers.append((checked[at:value_at], checked[value_at : value_at + value_size]))
        at = value_at + value_size
    return Reply(status, tuple(headers), checked[at:])
