"""JSON Schemas of event types: whether they can be used, and a value that shows one.

Knows JSON Schema, draft 2020-12, without the network. Must not know event types or storage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["newest", "sample", "schema_fault"]

_REFERENCES = ("$ref", "$dynamicRef")
_DIGITS = re.compile(r"[0-9]+")
_MAX_DEPTH = 8
_MAX_FAULT = 200


def schema_fault(schema: Mapping[str, object]) -> str | None:
    """Return what is wrong with ``schema`` as a sentence, or None if payloads can be held to it.

    References must lead to somewhere inside it: nothing is ever fetched.
    """
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "the schema"
        return f"not a JSON Schema (draft 2020-12): {where}: {error.message[:_MAX_FAULT]}"
    except RecursionError:
        return "this is nested too deep"
    return _pattern_fault(schema) or _reference_fault(schema)


def newest(schemas: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """Return the schema that counts: of the highest version, by number as in ``1`` and ``v10``."""
    return schemas[max(schemas, key=_order)]


def sample(schema: Mapping[str, object]) -> dict[str, object]:
    """Return an object that shows ``schema``: its first example, or one made of its parts."""
    value = _sample(schema, 0)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _pattern_fault(schema: Mapping[str, object]) -> str | None:
    for part in _objects(schema):
        named = part.get("patternProperties")
        patterns = [*cast("dict[str, object]", named)] if isinstance(named, dict) else []
        for pattern in (part.get("pattern"), *patterns):
            if isinstance(pattern, str) and not _compiles(pattern):
                return f"{pattern[:_MAX_FAULT]!r} is not a regular expression"
    return None


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _reference_fault(schema: Mapping[str, object]) -> str | None:
    for part in _objects(schema):
        for reference in (part.get(keyword) for keyword in _REFERENCES):
            if not isinstance(reference, str):
                continue
            if not reference.startswith("#"):
                return f"{reference[:_MAX_FAULT]!r}: a reference must begin with '#', within it"
            if not _leads_somewhere(schema, reference):
                return f"{reference[:_MAX_FAULT]!r} leads nowhere in this schema"
    return None


def _leads_somewhere(schema: Mapping[str, object], reference: str) -> bool:
    try:
        resolver = Registry[Any]().resolver_with_root(DRAFT202012.create_resource(schema))
        resolver.lookup(reference)
    except (Unresolvable, LookupError, TypeError, ValueError):  # by what stands where it points
        return False
    return True


def _objects(value: object) -> Iterator[dict[str, object]]:
    """Yield every object in ``value``, itself first."""
    if isinstance(value, dict):
        found = cast("dict[str, object]", value)
        yield found
        for member in found.values():
            yield from _objects(member)
    elif isinstance(value, list):
        for member in cast("list[object]", value):
            yield from _objects(member)


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
