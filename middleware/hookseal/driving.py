"""Driving the gate: doing what it asks for until it has decided.

Knows the two ways of doing it, by calls and by awaits. Must not know where a body comes from: a
face hands in how it is read, and from what.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar, cast

from hookseal.effects import Call, Effect, Pause, ReadBody

__all__ = ["drive", "drive_async"]

Result = TypeVar("Result")
Origin = TypeVar("Origin")


def drive(
    steps: Generator[Effect, Any, Result],
    read_body: Callable[[ReadBody, Origin], None],
    origin: Origin,
) -> Result:
    """Return what ``steps`` decide, calling each effect; the body is read from ``origin``."""
    try:
        effect = next(steps)
        while True:
            try:
                result = None
                if isinstance(effect, ReadBody):
                    read_body(effect, origin)
                elif isinstance(effect, Pause):
                    time.sleep(effect.seconds)
                else:
                    result = effect()
            except Exception as error:  # noqa: BLE001 # the gate judges what its effects raise
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as end:
        return cast("Result", end.value)


async def drive_async(
    steps: Generator[Effect, Any, Result],
    read_body: Callable[[ReadBody, Origin], Awaitable[None] | None],
    origin: Origin,
) -> Result:
    """Return what ``steps`` decide, awaiting what an effect gives where it is awaitable."""
    try:
        effect = next(steps)
        while True:
            try:
                result: Any
                if isinstance(effect, Call):
                    result = effect()
                elif isinstance(effect, ReadBody):
                    result = read_body(effect, origin)
                else:
                    result = asyncio.sleep(effect.seconds)
                if hasattr(result, "__await__"):  # a store may be sync, and must not wait, or async
                    result = await result
            except Exception as error:  # noqa: BLE001 # the gate judges what its effects raise
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as end:
        return cast("Result", end.value)
