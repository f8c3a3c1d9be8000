"""Timing on a noisy machine.

Variants take turns, so that all meet the same noise, and each counts by its best turn: noise only
ever adds.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["best", "on_core", "pin", "progress"]

_TURN_SECONDS = 0.01
_CORES = "HOOKSEAL_BENCHMARK_CORES"


def best(variants: Mapping[str, Callable[[], object]], *, seconds: float) -> dict[str, float]:
    """Return the microseconds of one call of each variant, measured for ``seconds`` in all."""
    counts = {name: _calls_in_a_turn(call) for name, call in variants.items()}
    figures = dict.fromkeys(variants, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in variants.items():
            turn = _time(call, counts[name]) / counts[name]
            figures[name] = min(figures[name], turn * 1e6)
    return figures


def _calls_in_a_turn(call: Callable[[], object]) -> int:
    call()
    once = _time(call, 3) / 3
    return max(1, int(_TURN_SECONDS / once))


def _time(call: Callable[[], object], count: int) -> float:
    gc.collect(0)
    start = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - start


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = _cores()
        os.sched_setaffinity(0, {cores[core % len(cores)]})


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Be on one core while the block runs; what it starts meanwhile stays there."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cores() -> list[int]:
    """Return the cores that the whole run may use: a pinned process's children see but one."""
    if _CORES not in os.environ:
        os.environ[_CORES] = " ".join(map(str, sorted(os.sched_getaffinity(0))))
    return [int(core) for core in os.environ[_CORES].split()]


def progress(text: str) -> None:
    """Say on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)
