"""Payloads against the JSON Schemas that event types enforce.

Knows JSON Schema (draft 2020-12) and which of an event type's schemas counts. Must not know the
database, and fetches nothing that a schema refers to.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from hookseal_sender.errors import PayloadRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_payload"]


def check_payload(event_type: str, schemas: str, payload: bytes) -> None:
    """Return if ``payload`` satisfies the newest of ``schemas``, a JSON object by version.

    Raises :class:`~hookseal_sender.errors.PayloadRefused` if it does not, or cannot be checked.
    """
    validator = _validator(schemas)
    if validator is None:
        raise PayloadRefused(f"the schema of event type {event_type!r} cannot be used; correct it")
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        raise PayloadRefused(
            "payload: this is not JSON, which its event type's schema asks for"
        ) from None
    fault = _fault(validator, value)
    if fault is not None:
        raise PayloadRefused(f"payload: {fault} (schema of event type {event_type!r})")


def _fault(validator: Any, value: object) -> str | None:
    """Return where and which rule is broken, without the value."""
    faults: Iterator[ValidationError] = validator.iter_errors(value)
    try:
        first = next(faults, None)
    except (Unresolvable, RecursionError, re.error):
        return "the schema refers to what is not in it, or cannot be used"
    return None if first is None else f"{first.json_path} does not satisfy {first.validator!r}"


@lru_cache(maxsize=256)
def _validator(schemas: str) -> Any:
    """Return a validator of the newest version, None if there is none that is a schema."""
    by_version: dict[str, Any] = json.loads(schemas)
    if not by_version:
        return None
    newest = by_version[max(by_version, key=_order)]
    try:
        Draft202012Validator.check_schema(newest)
    except SchemaError:
        return None
    return Draft202012Validator(newest, registry=Registry())  # of its own: it fetches nothing


def _order(version: str) -> tuple[int, str]:
    """Sort versions by their number, as in ``1`` and ``v10``."""
    digits = re.search(r"\d+", version)
    return (int(digits[0][:18]) if digits else -1), version
