"""A JSON Schema that payloads are held to, in a bounded time whatever the two are.

Knows jsonschema-rs, draft 2020-12: it matches regular expressions in linear time and, told so,
fetches nothing. Must not know event types or storage.

Two things it does not bound, so that both are refused before: steps, which grow with schema times
value and by references exponentially, while it holds the interpreter's lock; and the words of an
error, which hold a copy of the value for each branch of an ``anyOf`` (24 s and 8 GB for 2 MiB).
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, cast

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from hookseal_sender.schema_cost import EndlessSchema, SchemaCosts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hookseal_sender.schema_cost import Cost

__all__ = ["MAX_WORK", "PayloadSchema", "SchemaUnusable", "TooMuchWork", "compiled", "work_of"]

MAX_WORK = 50_000_000
"""Steps, at most 0.75 s of them."""
_PATTERN_WORK = 50  # for a byte: a regular expression of the size below takes up to 0.6 us
_MAX_LENGTH = 2000  # evaluations in a row; each is a few frames of the stack
_MAX_DEPTH = 200  # jsonschema-rs takes 255
_MAX_EXPLAINED = 1_000_000
_REGEX = RegexOptions(size_limit=64 * 1024)


class SchemaUnusable(Exception):
    """No JSON Schema, or one that leads out of itself or in a circle."""


class TooMuchWork(Exception):
    """Holding this value to the schema could take too long."""


def compiled(schema: Mapping[str, object]) -> Draft202012Validator:
    """Return a validator. Raises jsonschema_rs.ValidationError, and ValueError if nested deep."""
    return Draft202012Validator(dict(schema), pattern_options=_REGEX, offline=True)


def work_of(cost: Cost, *, values: int, size: int) -> int:
    """Return the steps for a payload of so many values in ``size`` bytes."""
    return cost.steps * values + _PATTERN_WORK * cost.patterns * size


class PayloadSchema:
    """``schema``, ready for use. Raises SchemaUnusable."""

    def __init__(self, schema: object) -> None:
        if not isinstance(schema, dict):
            raise SchemaUnusable
        known = cast("dict[str, object]", schema)
        try:
            self._validator = compiled(known)
        except (ValueError, RecursionError):  # a ValidationError is one
            raise SchemaUnusable from None
        costs = SchemaCosts(known)
        self._cost = functools.lru_cache(maxsize=128)(costs.at)

    def fault(self, payload: bytes) -> str | None:
        """Return where ``payload`` breaks which rule, without its value; None if it satisfies all.

        Raises TooMuchWork, SchemaUnusable, and ValueError if it is not JSON.
        """
        value = json.loads(payload, parse_constant=_refuse_constant)
        depth = _depth(value)
        if depth > _MAX_DEPTH:
            raise TooMuchWork
        try:
            cost = self._cost(depth)
        except (EndlessSchema, LookupError, RecursionError):
            raise SchemaUnusable from None
        work = work_of(cost, values=_values(payload), size=len(payload))
        if work > MAX_WORK or cost.length > _MAX_LENGTH:
            raise TooMuchWork
        if cost.steps * len(payload) > _MAX_EXPLAINED:
            return None if self._validator.is_valid(value) else "it does not satisfy the schema"
        try:
            self._validator.validate(value)
        except ValidationError as error:
            return _located(error)
        return None


def _located(error: ValidationError) -> str:
    path = "".join(f".{_}" if isinstance(_, str) else f"[{_}]" for _ in error.instance_path)
    return f"${path} does not satisfy {error.kind.name!r}"


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _values(payload: bytes) -> int:
    """Return how many values the payload has at most."""
    return 1 + payload.count(b",") + payload.count(b"[") + payload.count(b"{")


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [part for each in level for part in _parts(each)]
    return depth


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()
