"""A JSON Schema that payloads are held to, in a bounded time whatever the two are.

Knows jsonschema-rs, draft 2020-12: it matches regular expressions in linear time and, told so,
fetches nothing. Must not know event types or storage.

Four things it does not bound while it holds the interpreter's lock, so that all are refused before:
steps, which grow with schema times value and by references exponentially; arithmetic, which grows
with the square of a number's digits (3 s for twenty of 4000 digits); ``uniqueItems``, which
compares each with each of the integers that one double stands for (9 s for 4000); and the words of
an error, which hold a copy of the value for each branch of an ``anyOf`` (24 s and 8 GB for 2 MiB).
"""

from __future__ import annotations

import contextlib
import functools
import json
from typing import TYPE_CHECKING, cast

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from hookseal_sender.schema_cost import EndlessSchema, SchemaCosts, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hookseal_sender.schema_cost import Cost

__all__ = [
    "MAX_WORK",
    "PayloadSchema",
    "SchemaUnusable",
    "TooMuchWork",
    "compiled",
    "is_extreme",
    "pattern_work",
    "work_of",
]

MAX_WORK = 10_000_000
"""Steps, at most 0.3 s of them."""
_LEAST, _MOST = 1e-80, 1e80  # 256 bits have 78 digits
_EXACT = 2**53  # beyond it several integers share one double
# The steps that a byte costs at most, by the size of the compiled regular expression: measured with
# ones whose automaton outgrows its cache, such as [01]*1[01]{800}2.
_PATTERN_WORK = {1024: 1, 2048: 40, 4096: 60, 8192: 80, 16 * 1024: 130, 32 * 1024: 260}
_MAX_PATTERN_WORK = 350  # of the size below
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


def pattern_work(pattern: str) -> int:
    """Return the steps that the regular expression takes at most for each byte of a text."""
    for size, steps in _PATTERN_WORK.items():
        with contextlib.suppress(ValueError):  # it is larger
            Draft202012Validator(
                {"pattern": pattern}, pattern_options=RegexOptions(size), offline=True
            )
            return steps
    return _MAX_PATTERN_WORK


def work_of(cost: Cost, *, values: int, size: int) -> int:
    """Return the steps for a payload of so many values in ``size`` bytes."""
    return cost.steps * values + cost.patterns * size


def is_extreme(value: object) -> bool:
    """Tell whether the value is a number so large, or so small, that arithmetic takes long."""
    if not isinstance(value, int | float) or value == 0:
        return False
    return not _LEAST <= abs(value) <= _MOST


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
        costs = SchemaCosts(known, pattern_work)
        self._compares = any("uniqueItems" in part for part in objects(known))
        self._cost = functools.lru_cache(maxsize=128)(costs.at)

    def fault(self, payload: bytes) -> str | None:
        """Return where ``payload`` breaks which rule, without its value; None if it satisfies all.

        Raises TooMuchWork, SchemaUnusable, and ValueError if it is not JSON.
        """
        value = json.loads(payload, parse_constant=_refuse_constant)
        levels = [*_levels(value)]
        depth = len(levels)
        if depth > _MAX_DEPTH:
            raise TooMuchWork
        parts = [part for level in levels for part in level]
        if any(map(is_extreme, parts)):
            return f"numbers are checked from {_LEAST:g} to {_MOST:g}; send others as text"
        if self._compares and _are_close(parts):
            return "integers beyond 2**53 are too close to each other for 'uniqueItems'; use text"
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


def _are_close(parts: Iterable[object]) -> bool:
    """Tell whether different integers among ``parts`` are the same as doubles."""
    large = {part for part in parts if isinstance(part, int) and abs(part) > _EXACT}
    return len({float(part) for part in large}) < len(large)


def _levels(value: object) -> Iterator[list[object]]:
    """Yield what the value is made of, by how deep it stands."""
    level = [value]
    while level:
        yield level
        level = [part for each in level for part in _parts(each)]


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()
