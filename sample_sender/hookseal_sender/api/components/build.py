"""JSON Schemas in few words.

Knows the 2020-12 dialect that OpenAPI 3.1 uses, and how an example follows from a schema. Must not
know any field of the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "Schema",
    "count",
    "example",
    "flag",
    "listing",
    "mapping",
    "moment",
    "nullable",
    "nullable_ref",
    "optional",
    "page",
    "ref",
    "reply",
    "request",
    "schema",
    "shown_as",
    "text",
    "texts",
    "words",
]

Schema = dict[str, Any]

_PREFIX = "#/components/schemas/"
_MOMENT = "2026-11-24T09:30:00.125Z"


def schema(kind: str | Sequence[str], meaning: str, example: object, **rules: object) -> Schema:
    """Return a schema of the JSON type ``kind``; ``rules`` are keywords of JSON Schema."""
    types = kind if isinstance(kind, str) else list(kind)
    return {"type": types, "description": meaning, "examples": [example], **rules}


def text(meaning: str, example: str, **rules: object) -> Schema:
    """Return the schema of a text."""
    return schema("string", meaning, example, **rules)


def count(meaning: str, example: int, **rules: object) -> Schema:
    """Return the schema of a whole number."""
    return schema("integer", meaning, example, **rules)


def flag(meaning: str, *, example: bool = False, **rules: object) -> Schema:
    """Return the schema of true or false."""
    return schema("boolean", meaning, example, **rules)


def moment(meaning: str, example: str = _MOMENT) -> Schema:
    """Return the schema of a time, RFC 3339 in UTC."""
    return text(meaning, example, format="date-time")


def words(meaning: str, values: Sequence[object]) -> Schema:
    """Return the schema of one of ``values``, the first of which is the example."""
    kind = "integer" if isinstance(values[0], int) else "string"
    return schema(kind, meaning, values[0], enum=list(values))


def texts(
    meaning: str, example: Sequence[str], items: Mapping[str, object] | None = None, **rules: object
) -> Schema:
    """Return the schema of a list of different texts; ``items`` rules one of them."""
    each = {"type": "string", **(items or {})}
    return schema("array", meaning, list(example), items=each, uniqueItems=True, **rules)


def listing(meaning: str, items: Schema, **rules: object) -> Schema:
    """Return the schema of a list of ``items``."""
    return {"type": "array", "description": meaning, "items": items, **rules}


def mapping(meaning: str, example: Mapping[str, object], values: Schema | None = None) -> Schema:
    """Return the schema of an object with any names; ``values`` rules what they hold."""
    found = schema("object", meaning, dict(example))
    return found if values is None else {**found, "additionalProperties": values}


def nullable(found: Schema, meaning: str = "") -> Schema:
    """Return ``found`` with null allowed too; ``meaning`` tells what null says."""
    described = f"{found.get('description', '')} {meaning}".strip()
    changed = {**found, "type": [found["type"], "null"], "description": described}
    return {**changed, "enum": [*found["enum"], None]} if "enum" in found else changed


def ref(name: str) -> Schema:
    """Return a reference to the schema ``name``."""
    return {"$ref": f"{_PREFIX}{name}"}


def nullable_ref(name: str, meaning: str) -> Schema:
    """Return a reference to the schema ``name`` with null allowed too."""
    return {"anyOf": [ref(name), {"type": "null"}], "description": meaning}


def shown_as(found: Schema, sample: object) -> Schema:
    """Return ``found`` with another example: one that fits what stands beside it."""
    return {**found, "examples": [sample]}


def request(
    meaning: str,
    properties: Mapping[str, Schema],
    required: Iterable[str] = (),
    shown: Iterable[str] = (),
) -> Schema:
    """Return the schema of a body that a caller sends. Members that are unknown are ignored.

    The example has the members that are ``shown``, else the required ones, else all.
    """
    body: Schema = {"type": "object", "description": meaning, "properties": dict(properties)}
    if required:
        body["required"] = list(required)
    if shown:
        body["examples"] = [{name: example(properties[name], {}) for name in shown}]
    return body


def reply(
    meaning: str, properties: Mapping[str, Schema], sometimes: Mapping[str, Schema] | None = None
) -> Schema:
    """Return the schema of an object that the sender answers.

    The members ``properties`` are always there, null or not; ``sometimes`` are the others.
    """
    return request(meaning, {**properties, **(sometimes or {})}, properties)


def optional(properties: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the properties for a patch: without defaults, as what is left out stays."""
    return {
        name: {key: value for key, value in found.items() if key != "default"}
        for name, found in properties.items()
    }


def page(item: str, things: str, last: str) -> Schema:
    """Return the schema of a page of the schema ``item``; ``last`` is an example of its cursor."""
    cursor = "What to send as `iterator` for the page that"
    return reply(
        f"Part of a list of {things}.",
        {
            "data": listing(f"The {things} of this page, in order.", ref(item)),
            "iterator": nullable(
                text(f"{cursor} follows.", last),
                "Null: it is the first.",
            ),
            "prevIterator": nullable(
                text(f"{cursor} comes before.", f"-{last}"),
                "Null on an empty page that was asked for forwards.",
            ),
            "done": flag("Whether nothing follows in the direction asked for.", example=True),
        },
    )


def example(found: Schema, schemas: Mapping[str, Schema]) -> Any:
    """Return the example of a schema: its own, or one made of those of its parts."""
    if "examples" in found:
        return found["examples"][0]
    if "$ref" in found:
        return example(schemas[found["$ref"].removeprefix(_PREFIX)], schemas)
    if found["type"] == "array":
        return [example(found["items"], schemas)]
    properties: Schema = found["properties"]
    return {name: example(properties[name], schemas) for name in found.get("required", properties)}
