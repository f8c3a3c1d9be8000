"""JSON Schemas of event types: whether they can be used, and a value that shows one.

Knows JSON Schema, draft 2020-12, without the network. Must not know event types or storage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from jsonschema_rs import ValidationError

from hookseal_sender.payload_schema import (
    MAX_WORK,
    compiled,
    is_extreme,
    pattern_work,
    work_of,
)
from hookseal_sender.schema_cost import REFERENCES, EndlessSchema, SchemaCosts, objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["newest", "sample", "schema_fault", "too_large"]

_DIGITS = re.compile(r"[0-9]+")
_MAX_DEPTH = 8
_MAX_FAULT = 200
_MAX_VALUES, _MAX_PATTERNS = 5000, 200
# What a schema must leave possible: to check a payload of a thousand values, eight levels deep.
_VALUES, _SIZE, _LEVELS = 1000, 16 * 1024, 8


def too_large(schemas: Mapping[str, object]) -> str | None:
    """Return what there is too much of in all versions of a schema together, or None."""
    if sum(1 for _ in _values(schemas)) > _MAX_VALUES:
        return f"all versions together may hold {_MAX_VALUES} values"
    if sum(1 for part in objects(schemas) for _ in _patterns(part)) > _MAX_PATTERNS:
        return f"all versions together may hold {_MAX_PATTERNS} regular expressions"
    return None


def schema_fault(schema: Mapping[str, object]) -> str | None:
    """Return what is wrong with ``schema`` as a sentence, or None if payloads can be held to it.

    References must lead to somewhere inside it: nothing is ever fetched. Regular expressions are
    those that can be matched in linear time, and a payload can be checked in a bounded one.
    """
    try:
        return (
            _pattern_fault(schema)
            or _reference_fault(schema)
            or _rule_fault(schema)
            or _number_fault(schema)
            or _cost_fault(schema)
        )
    except RecursionError:
        return "this is nested too deep"


def newest(schemas: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """Return the schema that counts: of the highest version, by number as in ``1`` and ``v10``."""
    return schemas[max(schemas, key=_order)]


def sample(schema: Mapping[str, object]) -> dict[str, object]:
    """Return an object that shows ``schema``: its first example, or one made of its parts."""
    value = _sample(schema, 0)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _pattern_fault(schema: Mapping[str, object]) -> str | None:
    for part in objects(schema):
        for pattern in _patterns(part):
            if not _compiles(pattern):
                return (
                    f"{pattern[:_MAX_FAULT]!r} is not a regular expression that can be used: they "
                    "are matched in linear time, without lookaround and references to groups, and "
                    "must not be too long"
                )
    return None


def _patterns(part: dict[str, object]) -> Iterator[str]:
    pattern, named = part.get("pattern"), part.get("patternProperties")
    if isinstance(pattern, str):
        yield pattern
    if isinstance(named, dict):
        yield from cast("dict[str, object]", named)


def _compiles(pattern: str) -> bool:
    try:
        compiled({"pattern": pattern})
    except ValueError:
        return False
    return True


def _reference_fault(schema: Mapping[str, object]) -> str | None:
    for part in objects(schema):
        if part is not schema and isinstance(part.get("$id"), str):
            return "'$id' may stand at the top only"
        for reference in (part.get(keyword) for keyword in REFERENCES):
            if isinstance(reference, str) and not reference.startswith("#"):
                return f"{reference[:_MAX_FAULT]!r}: a reference must begin with '#', within it"
    return None


def _rule_fault(schema: Mapping[str, object]) -> str | None:
    """Return which rule of JSON Schema is broken."""
    try:
        compiled(schema)
    except ValidationError as error:
        if error.kind.name == "$ref":
            return f"a reference leads nowhere in this schema: {error.message[:_MAX_FAULT]}"
        where = "/".join(map(str, error.instance_path)) or "the schema"
        return f"not a JSON Schema (draft 2020-12): {where}: {error.message[:_MAX_FAULT]}"
    except ValueError:
        return "this is nested too deep"
    return None


def _number_fault(schema: Mapping[str, object]) -> str | None:
    """Return what would take long with each number; an extreme ``maximum`` does not."""
    if any(is_extreme(part.get("multipleOf")) for part in objects(schema)):
        return "'multipleOf' may be from 1e-80 to 1e80"
    return None


def _cost_fault(schema: Mapping[str, object]) -> str | None:
    try:
        cost = SchemaCosts(schema, pattern_work).at(_LEVELS)
    except (EndlessSchema, LookupError):
        return "its references lead in a circle, or nowhere"
    if work_of(cost, values=_VALUES, size=_SIZE) > MAX_WORK:
        return (
            f"to check a payload of {_VALUES} values could take too long; use fewer references, "
            "alternatives and regular expressions, or smaller ones"
        )
    return None


def _values(value: object) -> Iterator[object]:
    """Yield everything in ``value``, itself first."""
    yield value
    if isinstance(value, dict):
        for member in cast("dict[str, object]", value).values():
            yield from _values(member)
    elif isinstance(value, list):
        for member in cast("list[object]", value):
            yield from _values(member)


def _order(version: str) -> tuple[int, str]:
    digits = _DIGITS.search(version)
    return (int(digits[0][:18]) if digits else -1), version


def _sample(schema: object, depth: int) -> object:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    known = cast("dict[str, object]", schema)
    for keyword in ("examples", "enum"):
        values = known.get(keyword)
        if isinstance(values, list) and values:
            return cast("list[object]", values)[0]
    for keyword in ("example", "const", "default"):
        if keyword in known:
            return known[keyword]
    return _made(known, depth + 1)


def _made(schema: dict[str, object], depth: int) -> object:
    """Return a value of the type that ``schema`` names."""
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = cast("list[object]", kind)[0] if isinstance(kind, list) else kind
    if kind == "object":
        parts = cast("dict[str, object]", schema.get("properties", {}))
        return {name: _sample(part, depth) for name, part in parts.items()}
    if kind == "array":
        return [_sample(schema["items"], depth)] if "items" in schema else []
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return {"string": "text", "boolean": True}.get(str(kind))
