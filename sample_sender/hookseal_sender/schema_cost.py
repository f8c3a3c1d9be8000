"""How much work it can be to hold a value to a JSON Schema: a bound, told before it is done.

Knows the keywords of draft 2020-12 and where references lead. Must not know who validates.

A step is up to 30 ns of jsonschema-rs 0.60; the weights were measured against it. Of the steps of a
``Cost`` each part of a value meets at most so many: references are followed as often as
validation would follow them, and of ``properties`` one counts, since a part has one name.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["REFERENCES", "Cost", "EndlessSchema", "SchemaCosts", "objects"]

REFERENCES = ("$ref", "$dynamicRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_SILENT = frozenset(
    {"$comment", "$defs", "default", "definitions", "description", "examples", "title"}
)
_THE_SAME_VALUE = frozenset({"if", "then", "else", "not"})
_THE_SAME_VALUE_MANY = frozenset({"allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"})
_EACH_PART = frozenset(
    {
        "additionalProperties",
        "contains",
        "items",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_ONE_PART_MANY = frozenset({"properties", "prefixItems"})
_WEIGHTS = {
    "exclusiveMaximum": 50,
    "exclusiveMinimum": 50,
    "maximum": 50,
    "minimum": 50,
    "multipleOf": 300,
    "uniqueItems": 20,
}
_COMPARISON = 50  # with anything but text
_AGAIN = 3  # an "unevaluated..." has what stands beside it evaluated again: 2.7 times the time


class Cost(NamedTuple):
    """What one part of a value may meet: steps, such for each byte, and evaluations in a row."""

    steps: int = 0
    patterns: int = 0
    length: int = 0


class EndlessSchema(ValueError):
    """A reference leads back to where it stands without having gone into the value."""


class SchemaCosts:
    """The costs of one schema, by how deep the value is nested; a plain value has depth 1.

    ``pattern_work`` tells the steps that a regular expression takes for each byte.
    """

    def __init__(self, schema: Mapping[str, object], pattern_work: Callable[[str], int]) -> None:
        self._root = schema
        self._pattern_work = functools.cache(pattern_work)
        self._lock = threading.Lock()
        self._known: dict[tuple[int, int], Cost | None] = {}  # None while it is being found out
        self._anchors = {
            anchor: each
            for each in objects(schema)
            for name in _ANCHORS
            if isinstance(anchor := each.get(name), str)
        }

    def at(self, depth: int) -> Cost:
        """Return the cost for a value nested so deep.

        Raises EndlessSchema, LookupError where a reference leads nowhere, and RecursionError.
        """
        with self._lock:
            try:
                return self._of(self._root, depth)
            finally:
                self._known.clear()

    def _of(self, schema: object, depth: int) -> Cost:
        if not isinstance(schema, dict) or depth == 0:
            return Cost(steps=1, length=1)
        known_schema = cast("dict[str, object]", schema)
        key = id(known_schema), depth
        if key in self._known:
            known = self._known[key]
            if known is None:
                raise EndlessSchema
            return known
        self._known[key] = None
        cost = self._known[key] = self._sum(known_schema, depth)
        return cost

    def _sum(self, schema: dict[str, object], depth: int) -> Cost:
        parts = [self._keyword(name, value, depth) for name, value in schema.items()]
        times = _AGAIN if any(name.startswith("unevaluated") for name in schema) else 1
        found = _added(parts)
        return Cost(
            steps=(1 + found.steps) * times,
            patterns=found.patterns * times,
            length=1 + found.length,
        )

    def _keyword(self, name: str, value: object, depth: int) -> Cost:  # noqa: PLR0911 # a table
        if name in _SILENT:
            return Cost()
        if name in REFERENCES and isinstance(value, str):
            return self._of(self._target(value), depth)
        if name in _THE_SAME_VALUE:
            return self._of(value, depth)
        if name in _THE_SAME_VALUE_MANY:
            return _added([self._of(each, depth) for each in _members(value)])
        if name in _EACH_PART:
            return self._of(value, depth - 1)
        if name in _ONE_PART_MANY:
            return _dearest([self._of(each, depth - 1) for each in _members(value)])
        if name == "patternProperties":
            costs = [self._of(each, depth - 1) for each in _members(value)]
            names = [self._pattern_work(each) for each in _names(value)]
            # "additionalProperties" tries them once more.
            return _added([*costs, Cost(steps=len(costs), patterns=2 * sum(names))])
        matched = self._pattern_work(value) if name == "pattern" and isinstance(value, str) else 0
        return Cost(steps=_plain(name, value), patterns=matched)

    def _target(self, reference: str) -> object:
        fragment = unquote(reference.removeprefix("#"))
        if fragment and not fragment.startswith("/"):
            return self._anchors[fragment]
        found: object = self._root
        for step in fragment.split("/")[1:]:
            found = _step(found, step.replace("~1", "/").replace("~0", "~"))
        return found


def objects(value: object) -> Iterator[dict[str, object]]:
    """Yield every object in ``value``, itself first."""
    if isinstance(value, dict):
        found = cast("dict[str, object]", value)
        yield found
        for member in found.values():
            yield from objects(member)
    elif isinstance(value, list):
        for member in cast("list[object]", value):
            yield from objects(member)


def _plain(name: str, value: object) -> int:
    """Return the steps of a keyword without schemas in it."""
    if name in {"const", "enum"}:
        return _compared(value)
    return _WEIGHTS.get(name, 1) + len(_members(value))


def _compared(value: object) -> int:
    members = _members(value)
    if not isinstance(value, (dict, list)):
        return 1 if isinstance(value, str) else _COMPARISON
    return _COMPARISON * isinstance(value, dict) + 1 + sum(_compared(each) for each in members)


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*cast("dict[str, object]", value).values()]
    return cast("list[object]", value) if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return [*cast("dict[str, object]", value)] if isinstance(value, dict) else []


def _step(value: object, name: str) -> object:
    if isinstance(value, dict):
        return cast("dict[str, object]", value)[name]
    if isinstance(value, list) and name.isascii() and name.isdigit():
        return cast("list[object]", value)[int(name[:9])]
    raise LookupError(name)


def _added(costs: Sequence[Cost]) -> Cost:
    return Cost(
        steps=sum(cost.steps for cost in costs),
        patterns=sum(cost.patterns for cost in costs),
        length=max((cost.length for cost in costs), default=0),
    )


def _dearest(costs: Sequence[Cost]) -> Cost:
    return Cost(
        steps=len(costs) + max((cost.steps for cost in costs), default=0),
        patterns=max((cost.patterns for cost in costs), default=0),
        length=max((cost.length for cost in costs), default=0),
    )
