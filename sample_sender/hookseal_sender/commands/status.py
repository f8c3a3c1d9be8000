"""``status``: the state of the whole sender on one screen.

Knows what is shown, and what counts as healthy. Must not know how it is counted.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookseal_sender.commands.base import Command, say, settings_from
from hookseal_sender.errors import StoreUnavailable, Unreachable
from hookseal_sender.model import DeliveryState

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from hookseal_sender.config import Settings
    from hookseal_sender.model import Overview
    from hookseal_sender.store.migrations import Migration

__all__ = ["STATUS"]

_UNHEALTHY = 1
_LATE_SECONDS = 60
_DESCRIPTION = f"""\
Show the state of the whole sender: database, schema, deliveries, endpoints. It asks the database,
so it works on any machine that reaches it, whether or not the sender runs.

exit status: 0 healthy; 1 not: the schema is older than the program, the database is out of reach,
or a delivery that is due has waited over {_LATE_SECONDS} s for a worker; 2 it could not be told.

examples:
  hookseal-sender status --config /etc/hookseal/sender.toml
  hookseal-sender status --json
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What could be found out; None is unknown. ``now_ms`` is this machine's time."""

    database: str
    now_ms: int
    schema: Migration | None = None
    overview: Overview | None = None
    trouble: str | None = None

    @property
    def waited(self) -> int:
        """The seconds that the oldest ready delivery has waited for a worker."""
        if self.overview is None or self.overview.oldest_ready_ms is None:
            return 0
        return max(0, self.now_ms - self.overview.oldest_ready_ms) // 1000

    @property
    def problems(self) -> list[str]:
        """Why the sender is not healthy, in sentences."""
        found = [self.trouble] if self.trouble else []
        if self.schema is not None and self.schema.before is None:
            found.append(
                "there is nothing in it yet: name the sender's database, "
                "or run 'hookseal-sender migrate' to make this one"
            )
        elif self.schema is not None and self.schema.before != self.schema.after:
            found.append("the schema is older than this program; run 'hookseal-sender migrate'")
        if self.waited > _LATE_SECONDS:
            found.append(
                f"a delivery that is due has waited {self.waited} s for a worker; "
                "do workers run, and enough of them? Or is its endpoint slow?"
            )
        return found


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _run(flags: Namespace) -> int:
    found = _look(settings_from(flags))
    say(json.dumps(_as_json(found)) if flags.json else _as_text(found))
    return _UNHEALTHY if found.problems else 0


def _look(settings: Settings) -> _Found:
    """Return what can be found out; raises StartError where the program cannot go on from it."""
    from hookseal_sender.store import migrations

    database, now_ms = settings.shown_database, round(time.time() * 1000)
    try:
        schema = migrations.plan(settings.database_url)
        current = schema.before == schema.after
        overview = asyncio.run(_overview(settings)) if current else None
    except (Unreachable, StoreUnavailable) as error:
        return _Found(database=database, now_ms=now_ms, trouble=str(error))
    return _Found(database=database, now_ms=now_ms, schema=schema, overview=overview)


async def _overview(settings: Settings) -> Overview:
    from hookseal_sender.keyless import stored_without_key

    async with stored_without_key(settings) as store:
        return await store.overview()


def _as_json(found: _Found) -> dict[str, object]:
    schema, overview = found.schema, found.overview
    return {
        "healthy": not found.problems,
        "problems": found.problems,
        "database": found.database,
        "schema": schema and {"found": schema.before, "needed": schema.after},
        "deliveries": overview and _by_state(overview),
        "oldest_ready_seconds": overview and found.waited,
        "endpoints": overview and overview.endpoints,
        "endpoints_disabled": overview and overview.endpoints_disabled,
    }


def _as_text(found: _Found) -> str:
    lines = [("database", found.database)]
    if found.schema is not None:
        lines.append(("schema", f"version {found.schema.before or 'none'}"))
    if found.overview is not None:
        lines += _overview_lines(found.overview, found.waited)
    lines.append(("status", "; ".join(found.problems) or "healthy"))
    return "\n".join(f"{name:<12}{value}" for name, value in lines)


def _overview_lines(overview: Overview, waited: int) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count} {state}" for state, count in _by_state(overview).items())
    oldest = "none" if overview.oldest_ready_ms is None else f"{waited} s ago"
    return [
        ("deliveries", counts),
        ("in flight", str(overview.deliveries.get(DeliveryState.SENDING, 0))),
        ("oldest due", oldest),
        ("endpoints", f"{overview.endpoints}, of them {overview.endpoints_disabled} disabled"),
    ]


def _by_state(overview: Overview) -> dict[str, int]:
    """Return the counts that there are: the store leaves out those that take long to make."""
    return {state.name.lower(): count for state, count in sorted(overview.deliveries.items())}


STATUS = Command(
    name="status",
    summary="show the state of the whole sender",
    description=_DESCRIPTION,
    add_arguments=_add_arguments,
    run=_run,
)
