"""Requests a second under a real server on loopback."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.deliveries import SECRET
from benchmarks.measure import progress
from benchmarks.processes import Listening, free_port, wait_for
from benchmarks.report import Table, Wanted
from benchmarks.served import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run"]


def run(*, quick: bool) -> list[Table]:
    """Measure an app of each kind with and without the middleware, taking turns."""
    count, rounds = (3_000, 2) if quick else (10_000, 7)
    rates: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    cpu: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    with contextlib.ExitStack() as servers:
        serving = {variant: servers.enter_context(_serving(variant)) for variant in VARIANTS}
        for server in serving.values():
            _load(server.port, count // 4)  # a first turn warms the server up
        for turn in range(rounds):
            progress(f"  round {turn + 1} of {rounds}")
            for variant, server in serving.items():
                before = server.cpu_seconds()
                rates[variant].append(_load(server.port, count))
                cpu[variant].append((server.cpu_seconds() - before) / count * 1e6)
    bare, ours, starlette, ours_starlette = (statistics.median(of) for of in rates.values())
    costs = [statistics.median(of) for of in cpu.values()]
    return [
        Table(
            title="server: uvicorn (uvloop, httptools), one worker, 1 KiB POST, requests a second",
            columns=["median", "of the app without", "server CPU us each"],
            rows=[
                ("bare ASGI callable", [f"{bare:,.0f}", "1.00", f"{costs[0]:.0f}"]),
                ("  with hookseal", [f"{ours:,.0f}", f"{ours / bare:.2f}", f"{costs[1]:.0f}"]),
                ("bare Starlette app", [f"{starlette:,.0f}", "1.00", f"{costs[2]:.0f}"]),
                (
                    "  with hookseal",
                    [
                        f"{ours_starlette:,.0f}",
                        f"{ours_starlette / starlette:.2f}",
                        f"{costs[3]:.0f}",
                    ],
                ),
            ],
            wanted=[
                Wanted(
                    what="share of the bare callable's rate",
                    measured=ours / bare,
                    wanted=0.65,
                    at_least=True,
                ),
                Wanted(
                    what="share of the Starlette app's rate",
                    measured=ours_starlette / starlette,
                    wanted=0.70,
                    at_least=True,
                ),
            ],
            note=f"{rounds} rounds of {count:,} signed events each over 16 kept connections, the "
            "client on its own core; a shim sets the scheme to https for every variant alike",
        )
    ]


@contextlib.contextmanager
def _serving(variant: str) -> Iterator[Listening]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.served", variant, str(port), SECRET]
    )
    try:
        wait_for(port)
        yield Listening(port, process.pid)
    finally:
        process.kill()
        process.wait()


def _load(port: int, count: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port), str(count)],
        input=SECRET,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)
