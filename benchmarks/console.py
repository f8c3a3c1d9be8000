"""How long the console's pages take with a full log, asked in process, one at a time.

Knows the pages' paths and how a customer comes in. Must not know what is on a page.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

import uvloop
from starlette.applications import Starlette
from starlette.routing import Mount

from benchmarks.databases import ENGINES
from benchmarks.filling import EVENT_TYPES, VAULT, fill
from benchmarks.measure import progress
from benchmarks.report import Table, Wanted
from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services
from hookseal_sender.console import ConsoleSettings, create_console
from hookseal_sender.links import PATH, Links, new_scope
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.retry import DEFAULT_DELAYS
from hookseal_sender.store import open_store
from hookseal_sender.tokens import TokenKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from benchmarks.databases import Opening
    from benchmarks.filling import Filled
    from hookseal_sender.store import Store

__all__ = ["run"]

_LOGS = "/app/{app}/webhooks/{endpoint}/logs"
_PAGES = {
    "webhooks": "/app/{app}/webhooks",
    "one webhook": "/app/{app}/webhooks/{endpoint}",
    "logs": _LOGS,
    "logs, far back": f"{_LOGS}?behind={{message}}",
    "logs, state failed": f"{_LOGS}?state=failed",
    "logs, code 5xx": f"{_LOGS}?code=5xx",
    "logs, one event type": f"{_LOGS}?event={EVENT_TYPES[-1]}",
    "logs, a code that none has": f"{_LOGS}?code=404",
    "logs, an event type that none has": f"{_LOGS}?event=order.never",
    "one delivery": f"{_LOGS}/{{message}}",
}
"""The path of each page that is measured, and its query."""
_REQUESTS = 200
_WARM_UP = 20
_WANTED_MS = 100
_KEY = b"benchmark" * 4
_BASE = "http://127.0.0.1:8071"


def run(*, quick: bool) -> list[Table]:
    """Measure every page on both engines."""
    stored = 100_000 if quick else 1_000_000
    table = Table(
        title=f"console: ms for a page, one application with {stored:,} deliveries stored",
        columns=[f"{engine} {each}" for engine in ENGINES for each in ("p50", "p99")],
        note=f"{_REQUESTS} requests each, one at a time, in process: no server and no network; "
        "they go round 20 webhooks and messages of all times",
    )
    found = {engine: _measure(engine, opening, stored) for engine, opening in ENGINES.items()}
    for page in _PAGES:
        cells = [f"{each:.1f}" for engine in ENGINES for each in found[engine][page]]
        table.rows.append((page, cells))
    for engine, pages in found.items():
        slowest = max(pages, key=lambda page: pages[page][1])
        what = f"{engine}, p99 of the slowest ({slowest})"
        measured = pages[slowest][1]
        table.wanted.append(Wanted(what=what, measured=measured, wanted=_WANTED_MS, unit=" ms"))
    return [table]


def _measure(engine: str, opening: Opening, stored: int) -> dict[str, tuple[float, float]]:
    progress(f"  {engine}, storing {stored:,} deliveries")
    with opening() as database_url:
        filled = uvloop.run(fill(database_url, "https://example.com/hook", finished=stored))
        progress(f"  {engine}, asking for pages")
        gc.collect()
        gc.freeze()  # what storing left is not looked through while a page is made
        return uvloop.run(_ask(database_url, filled))


async def _ask(database_url: str, filled: Filled) -> dict[str, tuple[float, float]]:
    """Return p50 and p99 of each page in milliseconds."""
    store = open_store(database_url, VAULT)
    links = Links(_BASE, [_KEY])
    app = _console(store, links)
    cookie = await _come_in(app, store, links, filled.app_id)
    figures = {}
    for page, template in _PAGES.items():
        waits = []
        for path in _paths(template, filled):
            begun = time.perf_counter()
            await _get(app, path, cookie)
            waits.append((time.perf_counter() - begun) * 1e3)
        ordered = sorted(waits[_WARM_UP:])
        figures[page] = (ordered[_REQUESTS // 2], ordered[_REQUESTS * 99 // 100])
    await store.close()
    return figures


def _paths(template: str, filled: Filled) -> Iterator[str]:
    step = len(filled.msg_ids) // (_WARM_UP + _REQUESTS)
    for number in range(_WARM_UP + _REQUESTS):
        yield PATH + template.format(
            app=filled.app_id,
            endpoint=filled.endpoint_ids[number % len(filled.endpoint_ids)],
            message=filled.msg_ids[number * step],
        )


def _console(store: Store, links: Links) -> ASGIApp:
    services = Services(
        store=store,
        tokens=TokenKey(_KEY),
        guard=AddressGuard(),
        clock=time.time,
        public_url=_BASE,
        links=links,
    )
    settings = ConsoleSettings(retry_schedule=DEFAULT_DELAYS, request_timeout=20)
    console = create_console(services, settings, keys=[_KEY], form_key=_KEY, links=links)
    return Starlette(routes=[Mount(PATH, console)])


async def _come_in(app: ASGIApp, store: Store, links: Links, app_id: str) -> bytes:
    """Open a magic link, and return the cookie that it is answered with."""
    found = await store.application(Scope(org_id=DEFAULT_ORGANISATION), app_id)
    now = int(time.time())
    link = links.make(new_scope(found, now * 1000), expires=now + 3600)
    headers = await _get(app, link.removeprefix(_BASE), status=303)
    return headers[b"set-cookie"].partition(b";")[0]


async def _get(
    app: ASGIApp, target: str, cookie: bytes = b"", *, status: int = 200
) -> dict[bytes, bytes]:
    """Ask for a page, and return the headers of the answer, which must have this status."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8071),
        "client": ("127.0.0.1", 40000),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:8071"), (b"cookie", cookie)],
        "state": {},
    }
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    if messages[0]["status"] != status:
        raise RuntimeError(f"{target} was answered {messages[0]['status']}")
    return dict(messages[0]["headers"])
