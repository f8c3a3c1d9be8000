"""Driving the gate: doing what it asks for until it has decided.

Knows the two ways of doing it, by calls and by awaits, and how to end what was begun where the
request is cancelled. Must not know where a body comes from: a face hands in how it is read, and
from what.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar, cast

from hookseal.effects import Call, Effect, Pause, ReadBody, Settling

__all__ = ["drive", "drive_async", "drive_to_end", "keep", "run_to_end"]

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


# --- what a cancellation must not stop -------------------------------------------------------


async def drive_to_end(steps: Settling) -> None:
    """Settle by ``steps``, and to the end even where this task is cancelled meanwhile.

    A store that is called, and not awaited, costs no task.
    """
    try:
        call = next(steps)
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 # the gate judges what its effects raise
            steps.throw(error)
        else:
            if hasattr(result, "__await__"):
                await asyncio.shield(keep(_conclude(steps, result)))
            else:
                steps.send(result)
    except StopIteration:
        pass


async def _conclude(steps: Settling, coming: Awaitable[Any]) -> None:
    try:
        try:
            result = await coming
        except Exception as error:  # noqa: BLE001 # the gate judges what its effects raise
            steps.throw(error)
        else:
            steps.send(result)
    except StopIteration:
        pass


async def run_to_end(steps: Coroutine[Any, Any, Result]) -> Result:
    """Return what ``steps`` return; where this task is cancelled, let them end before that is told.

    A second cancellation is told at once, and leaves them to end by themselves. The context
    variables that they set are set here, too.
    """
    context = contextvars.copy_context()
    task = keep(steps, context)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise
    for variable, value in context.items():
        if variable.get(_UNSET) is not value:
            variable.set(value)
    return task.result()


_UNSET: Any = object()
_kept: set[asyncio.Task[Any]] = set()


def keep(
    steps: Coroutine[Any, Any, Result], context: contextvars.Context | None = None
) -> asyncio.Task[Result]:
    """Return a task that runs ``steps``, held until it ends: the loop holds tasks weakly."""
    task = asyncio.get_running_loop().create_task(steps, context=context)
    _kept.add(task)
    task.add_done_callback(_kept.discard)
    return task
