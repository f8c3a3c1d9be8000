"""Payloads against the JSON Schemas that event types enforce.

Knows which of an event type's schemas counts, and how a refusal is worded. Must not know the
database, nor how a schema is evaluated.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from hookseal_sender.errors import PayloadRefused
from hookseal_sender.payload_schema import PayloadSchema, SchemaUnusable, TooMuchWork

__all__ = ["check_payload"]


def check_payload(event_type: str, schemas: str, payload: bytes) -> None:
    """Return if ``payload`` satisfies the newest of ``schemas``, a JSON object by version.

    Raises :class:`~hookseal_sender.errors.PayloadRefused` if it does not, or cannot be checked.
    """
    try:
        fault = _newest(schemas).fault(payload)
    except SchemaUnusable:
        raise PayloadRefused(
            f"the schema of event type {event_type!r} cannot be used; correct it"
        ) from None
    except TooMuchWork:
        raise PayloadRefused(
            f"payload: to check this many values takes too long with the schema of event type "
            f"{event_type!r}; send fewer, or simplify the schema"
        ) from None
    except (ValueError, RecursionError):
        raise PayloadRefused(
            "payload: this is not JSON, which its event type's schema asks for"
        ) from None
    if fault is not None:
        raise PayloadRefused(f"payload: {fault} (schema of event type {event_type!r})")


@lru_cache(maxsize=256)
def _newest(schemas: str) -> PayloadSchema:
    """Return the newest version. Raises SchemaUnusable if there is none that is a schema."""
    by_version: dict[str, Any] = json.loads(schemas)
    if not by_version:
        raise SchemaUnusable
    return PayloadSchema(by_version[max(by_version, key=_order)])


def _order(version: str) -> tuple[int, str]:
    """Sort versions by their number, as in ``1`` and ``v10``."""
    digits = re.search(r"\d+", version)
    return (int(digits[0][:18]) if digits else -1), version
