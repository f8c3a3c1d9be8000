"""JSON Schemas in words: what a field may hold, what it must satisfy, what it means.

Knows the keywords that the components use. Must not know HTML or any particular field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Field", "Json", "Wording"]

Json = dict[str, Any]

_RANGES = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " members"),
    ("minimum", "maximum", ""),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One member of an object, or one parameter. ``members`` are those of what it holds."""

    name: str
    kind: str
    rules: tuple[str, ...]
    meaning: str
    required: bool
    members: tuple[Field, ...]


class Wording:
    """Words the schemas of an OpenAPI document, following its references."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def resolved(self, part: Json) -> Json:
        """Return what ``part`` refers to, with what is said beside the reference on top."""
        if "anyOf" in part:  # a reference, or null
            one = self.resolved(part["anyOf"][0])
            beside = {name: value for name, value in part.items() if name != "anyOf"}
            return {**one, "type": [one["type"], "null"], **beside}
        if "$ref" not in part:
            return part
        found: Json = self._document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        beside = {name: value for name, value in part.items() if name != "$ref"}
        return {**self.resolved(found), **beside}

    def members(self, schema: Json) -> tuple[Field, ...]:
        """Return the fields of an object, or of what a list holds."""
        found = self.resolved(schema)
        if "items" in found:
            return self.members(found["items"])
        required = found.get("required", ())
        return tuple(
            self.field(name, part, required=name in required)
            for name, part in found.get("properties", {}).items()
            if not part.get("deprecated")
        )

    def field(self, name: str, schema: Json, *, required: bool) -> Field:
        """Return the field ``name`` that ``schema`` describes."""
        found = self.resolved(schema)
        return Field(
            name=name,
            kind=self._kind(found),
            rules=tuple(_rules(found)),
            meaning=found.get("description", ""),
            required=required,
            members=self.members(found),
        )

    def _kind(self, schema: Json) -> str:
        """Return the type, such as ``list of string or null``."""
        declared = schema["type"]
        kinds = [declared] if isinstance(declared, str) else list(declared)
        if "items" in schema:
            kinds[0] = f"list of {self._kind(self.resolved(schema['items']))}"
        if schema.get("format") == "date-time":
            kinds[0] = "time"
        return " or ".join(kinds)


def _rules(schema: Json) -> Iterator[str]:
    """Yield what a value must satisfy; code stands between backticks."""
    for low, high, unit in _RANGES:
        yield from _range(schema.get(low), schema.get(high), unit)
    if "enum" in schema:
        yield "one of " + ", ".join(f"`{_json(value)}`" for value in schema["enum"])
    if "pattern" in schema:
        yield f"matches `{schema['pattern']}`"
    if schema.get("uniqueItems"):
        yield "no member twice"
    if "items" in schema:
        yield from (f"each {rule}" for rule in _rules(schema["items"]))
    if "default" in schema:
        yield f"default `{_json(schema['default'])}`"


def _range(low: float | None, high: float | None, unit: str) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"{low} to {high}{unit}"
    elif high is not None:
        yield f"at most {high}{unit}"
    elif low is not None:
        yield f"at least {low}{unit}"


def _json(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)
