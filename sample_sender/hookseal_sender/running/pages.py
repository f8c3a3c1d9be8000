"""The console and Play, made from settings.

Knows which settings they need and where they are mounted. Must not know pages.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from hookseal import ConfigError
from hookseal_receiver.play import Play, PlaySettings, PlayStore, expiring, guarded_send
from hookseal_sender.addresses import AddressGuard
from hookseal_sender.console import ConsoleSettings, Playing, create_console
from hookseal_sender.errors import StartError
from hookseal_sender.inspectors import PLAY_PATH, Inspectors
from hookseal_sender.keys import form_key, page_keys, vault
from hookseal_sender.links import PATH, Links
from hookseal_sender.store import database_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from hookseal_sender.api import Services
    from hookseal_sender.config import Settings

__all__ = ["inspecting", "inspectors_of", "links_of", "page_routes"]


@asynccontextmanager
async def inspecting(settings: Settings) -> AsyncGenerator[Playing | None]:
    """Give Play while the block runs, None where there is none."""
    file = _play_file(settings)
    if file is None:
        yield None
        return
    store = _open(file, settings)
    guard = AddressGuard(settings.allow_networks)
    try:
        play = Play(
            store,
            settings=PlaySettings(
                public_url=settings.public_url + PLAY_PATH,
                anyone_may_make=False,
                made_at=f"{settings.public_url}{PATH}/",
                frame_origins=settings.frame_origins,
                trusted_proxies=tuple(str(network) for network in settings.trusted_proxies),
                form_key=form_key(settings),
            ),
            send=guarded_send(lambda address: guard.refusal(str(address)) is None),
        )
        async with expiring(play):
            yield Playing(play, settings.public_url)
    finally:
        await store.close()


def inspectors_of(settings: Settings) -> Inspectors:
    """Return the URLs of Play's inspectors; none where there is no Play."""
    return Inspectors(settings.public_url if _play_file(settings) else "")


def links_of(settings: Settings) -> Links | None:
    """Return what makes links into the console, None where there is none."""
    return Links(settings.public_url, page_keys(settings)) if settings.console else None


def page_routes(settings: Settings, services: Services, playing: Playing | None) -> list[BaseRoute]:
    """Return the routes of the console and of Play; none where the console is not wanted."""
    if services.links is None:
        return []
    console = create_console(
        services,
        ConsoleSettings(
            retry_schedule=settings.retry_schedule,
            request_timeout=settings.request_timeout,
            frame_origins=settings.frame_origins,
        ),
        keys=page_keys(settings),
        form_key=form_key(settings),
        links=services.links,
        playing=playing,
    )
    played = [] if playing is None else [Mount(PLAY_PATH, playing.play)]
    return [Route("/", _to_console), Mount(PATH, console), *played]


async def _to_console(_request: Request) -> Response:
    return RedirectResponse(f"{PATH}/", 303)


def _play_file(settings: Settings) -> Path | None:
    """Return where Play keeps its requests, None for no Play."""
    if not settings.console:
        return None
    if settings.play_store is None and settings.database_url.startswith("sqlite"):
        database = database_file(settings.database_url)
        return database.with_name(f"{database.name}.play")
    return settings.play_store


def _open(file: Path, settings: Settings) -> PlayStore:
    try:
        return PlayStore(file, sealer=vault(settings))
    except ConfigError as error:
        raise StartError(f"{error}; name another file in HOOKSEAL_PLAY_STORE") from None
