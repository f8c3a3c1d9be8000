"""Run the benchmarks: ``python -m benchmarks [section ...] [--quick]``."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import (
    chain,
    console,
    deliver,
    engine,
    fairness,
    ledger,
    memory,
    publish,
    scale,
    server,
    signatures,
    transport,
)
from benchmarks.measure import pin, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.report import Table

_SECTIONS: dict[str, Callable[..., list[Table]]] = {
    "verify": signatures.verifying,
    "sign": signatures.signing,
    "chain": chain.run,
    "scale": scale.run,
    "memory": memory.run,
    "ledger": ledger.run,
    "server": server.run,
    "transport": transport.run,
    "deliver": deliver.run,
    "engine": engine.run,
    "publish": publish.run,
    "fairness": fairness.run,
    "console": console.run,
}

_DESCRIPTION = """\
Measures what Hookseal costs, beside the floor and the peers, in one run.

sections, all of them unless you name some; of the middleware:
  verify   one signature check; beside hmac.digest, standardwebhooks, svix and stripe
  sign     one delivery's headers; beside the same
  chain    the whole middleware in process, over a bare ASGI app; beside four BaseHTTPMiddleware
  scale    the chain, the ledger and the limiter with 100 to 1,000,000 keys held; bytes per key
  ledger   a claim and a completion on each store; beside bare round trips of the same client
  memory   the peak while a 1 MiB body comes in chunks
  server   requests a second under uvicorn on loopback, with and without the middleware
and of the sender, on SQLite and on PostgreSQL:
  transport  one request to an endpoint; beside a raw aiohttp client that posts the same bytes
  deliver    deliveries a second, from publish over HTTP to recorded attempt and by a worker alone,
             with and without 100,000 retries parked; beside the same client
  engine     a claim and a record, with 10,000 and with 1,000,000 deliveries stored
  publish    messages a second over HTTP, 64 clients, on SQLite; beside a bare ASGI app
  fairness   publish to attempt at the other endpoints, with and without some that hang
  console    the console's pages with 1,000,000 deliveries stored
"""

_EPILOG = """\
examples:
  make bench                                   everything, about half an hour
  make bench BENCH_ARGS=--quick                everything, shorter and rougher
  python -m benchmarks verify chain            two sections

Absolute figures belong to the machine: read the ratios. Progress goes to stderr, the tables to
stdout. The exit status is 0 whatever the figures: a busy machine is no fault of the code.
"""


def main() -> int:
    """Run the sections that were named and print their tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(_SECTIONS))
    parser.add_argument("--quick", action="store_true", help="measure for a shorter time")
    options = parser.parse_args()
    unknown = [name for name in options.sections if name not in _SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are: {', '.join(_SECTIONS)}")

    started = time.monotonic()
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    verdicts = []
    for name in options.sections or _SECTIONS:
        progress(f"{name} ...")
        pin(1)
        for table in _SECTIONS[name](quick=options.quick):
            print(f"\n{table}", flush=True)
            verdicts += table.wanted
    missed = sum(not one.ok for one in verdicts)
    print(f"\n{len(verdicts) - missed} of {len(verdicts)} wanted figures met", end="")
    print(f" in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
