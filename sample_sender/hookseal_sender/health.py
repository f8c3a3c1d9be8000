"""Whether this process lives, and whether it should get work.

Knows the reasons not to and the routes that tell them. Must not know how the database is asked,
nor who stops the process.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookseal_sender.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

__all__ = ["Health", "Reason", "State", "health_routes", "reasons_against"]

Reason: TypeAlias = Literal[
    "starting",  # not everything runs yet
    "draining",  # it stops: what is under way ends, nothing new is begun
    "database_away",  # the database does not answer in time
    "schema_old",  # the database waits for 'hookseal-sender migrate'
]

_WAIT = 2.0
_NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What readiness is decided from."""

    started: bool
    draining: bool
    database_answers: bool
    schema_fits: bool


def reasons_against(state: State) -> tuple[Reason, ...]:
    """Return why the process should get no work; none: it is ready."""
    reasons: list[Reason] = []
    if not state.started:
        reasons.append("starting")
    if state.draining:
        reasons.append("draining")
    if not state.database_answers:
        reasons.append("database_away")
    elif not state.schema_fits:
        reasons.append("schema_old")
    return tuple(reasons)


class Health:
    """The health of one process: set ``started`` and ``draining`` as it goes.

    ``ping`` returns if the database answers. ``check_schema`` raises
    :class:`~hookseal_sender.errors.StartError` when the schema is not the code's. Whatever else
    they raise, and silence for ``wait`` seconds, counts as a database that is away.
    """

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        check_schema: Callable[[], Awaitable[None]],
        *,
        wait: float = _WAIT,
    ) -> None:
        self._ping = ping
        self._check_schema = check_schema
        self._wait = wait
        self._fits = False
        self.started = False
        self.draining = False

    async def reasons(self) -> tuple[Reason, ...]:
        """Return why this process should get no work now."""
        answers, fits = await self._ask()
        return reasons_against(
            State(
                started=self.started,
                draining=self.draining,
                database_answers=answers,
                schema_fits=fits,
            )
        )

    async def _ask(self) -> tuple[bool, bool]:
        """Return whether the database answers and fits; one that did fit is not asked again."""
        try:
            async with asyncio.timeout(self._wait):
                await self._ping()
                if not self._fits:
                    await self._check_schema()
        except StartError:
            return True, False
        except Exception:  # noqa: BLE001 # whatever it is, it is no answer
            return False, False
        self._fits = True
        return True, True


def health_routes(health: Health) -> list[Route]:
    """Return ``/health/live`` (204) and ``/health/ready`` (200, or 503 with the reasons)."""

    async def live(_request: Request) -> Response:
        return Response(status_code=204, headers=_NO_STORE)

    async def ready(_request: Request) -> Response:
        reasons = await health.reasons()
        body = {"status": "not_ready" if reasons else "ready", "reasons": list(reasons)}
        return JSONResponse(body, 503 if reasons else 200, headers=_NO_STORE)

    return [Route("/health/live", live), Route("/health/ready", ready)]
