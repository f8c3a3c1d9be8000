"""What a delivery's request costs beside a raw aiohttp post of the same bytes."""

from __future__ import annotations

import uvloop

from benchmarks import posting
from benchmarks.measure import progress
from benchmarks.report import Table, Wanted

__all__ = ["run"]

_IN_FLIGHT = (64, 200)


def run(*, quick: bool) -> list[Table]:
    """Measure both clients at each number of requests in flight, taking turns."""
    count, rounds = (6_000, 3) if quick else (20_000, 7)
    with posting.endpoint() as url:
        return [_compare(url, in_flight, count, rounds) for in_flight in _IN_FLIGHT]


def _compare(url: str, in_flight: int, count: int, rounds: int) -> Table:
    progress(f"  {in_flight} in flight")
    turns = uvloop.run(_turns(url, in_flight, count, rounds))
    raw, ours = (
        posting.Rate(max(each.per_second for each in of), min(each.cpu_us for each in of))
        for of in turns
    )
    ratio = ours.per_second / raw.per_second
    return Table(
        title=f"transport: POST 1 KiB, ten headers, {in_flight} in flight, requests a second",
        columns=["best", "of raw", "client CPU us each"],
        rows=[
            ("raw aiohttp post and read", [f"{raw.per_second:,.0f}", "1.00", f"{raw.cpu_us:.1f}"]),
            ("HttpTransport", [f"{ours.per_second:,.0f}", f"{ratio:.2f}", f"{ours.cpu_us:.1f}"]),
        ],
        wanted=[
            Wanted(what="share of the raw rate", measured=ratio, wanted=0.95, at_least=True),
        ],
        note=f"{rounds} turns of {count:,} requests each, uvloop, the server on its own core",
    )


async def _turns(
    url: str, in_flight: int, count: int, rounds: int
) -> tuple[list[posting.Rate], list[posting.Rate]]:
    figures: tuple[list[posting.Rate], list[posting.Rate]] = ([], [])
    async with posting.raw(url) as raw, posting.ours(url) as ours:
        for post in (raw, ours):
            await posting.turn(post, in_flight, count // 4)  # opens the connections
        for _ in range(rounds):
            for post, rates in zip((raw, ours), figures, strict=True):
                rates.append(await posting.turn(post, in_flight, count))
    return figures
