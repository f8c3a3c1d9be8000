"""The console as it is used: a real sender, its customers, and endpoints that do as they are told.

Knows the sender's command and its API. Must not know pages.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import re
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from hookseal import Verifier
from tests.acceptance.sender_process import PATIENCE, run, running
from tests.ports import free_port

__all__ = [
    "CATALOGUE",
    "CONTACT",
    "Bench",
    "Endpoints",
    "Place",
    "Webhook",
    "Workspace",
    "benches",
]

CONTACT = "sales@acme.example"
_SETTINGS = {"allow_networks": "127.0.0.0/8", "retry_schedule": "3600", "contact": CONTACT}
_FLAGS = {"httpOnly": True, "sameSite": "Lax"}
_HOUR_MS = 3_600_000
_TALLY_COLUMNS = "app_id, endpoint_id, hour_ms, shard, succeeded, failed"
_AMOUNT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "examples": ["in_4821"]},
        "amount": {"type": "integer", "examples": [1999]},
        "currency": {"type": "string", "examples": ["EUR"]},
    },
    "required": ["id", "amount", "currency"],
}
CATALOGUE = {
    "export.finished": "An export can be downloaded.",
    "invoice.paid": "An invoice was paid in full.",
    "invoice.payment_failed": "A card was declined, or a debit came back.",
    "invoice.voided": "An invoice was taken back.",
    "order.created": "Somebody ordered.",
    "order.shipped": "The parcel left the warehouse.",
    "user.created": "Somebody signed up.",
    "user.deleted": "Somebody left, and took their data along.",
}


@dataclass
class Place:
    """A customer's endpoint: what it answers, and what came."""

    url: str
    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """From now on answer so; underscores in names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.status, self.body, self.headers = status, body, named

    def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        """Return what came, once it is so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.received) >= count, PATIENCE)
        return self.received

    def verified(self, count: int, *secrets: str) -> list[str]:
        """Return the ids of the first ``count`` requests, each of which every secret verifies."""
        events = [
            [Verifier(secret).verify(headers, body).id for secret in secrets]
            for headers, body in self.wait_for(count)[:count]
        ]
        return [ids[0] for ids in events]


class Endpoints:
    """A server of endpoints, each at a path of its own, and of ``pages`` of other sites."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self._numbers = itertools.count(1)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def port(self) -> int:
        """Where they are, on 127.0.0.1."""
        return self._server.server_address[1]

    def place(self, path: str | None = None) -> Place:
        """Return a new endpoint that answers 204."""
        path = path or f"/webhooks/{next(self._numbers)}"
        self._places[path] = Place(f"http://127.0.0.1:{self.port}{path}")
        return self._places[path]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        places, pages = self._places, self.pages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # likewise
                page = f"<!doctype html><title>Elsewhere</title>{pages.get(self.path, '')}"
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def do_POST(self) -> None:  # the name that http.server asks for
                place = places.get(self.path) or Place("", status=404)
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response_only(place.status)
                for name, value in place.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):  # the sender stops reading a long answer
                    self.wfile.write(place.body)
                with place.came:
                    place.received.append((dict(self.headers.items()), body))
                    place.came.notify_all()

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler

    @contextlib.contextmanager
    def serving(self):
        """Serve while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@dataclass(kw_only=True)
class Bench:
    """A running sender with an operator's token and cookie, and endpoints to send to."""

    base: str
    token: str
    api: httpx2.Client
    endpoints: Endpoints
    database: str
    process: Any

    @property
    def console(self) -> str:
        return f"{self.base}/console"

    def enter(self, page: Any) -> Any:
        """Make the page an operator's; return it."""
        page.context.add_cookies([self.cookie])
        return page

    @functools.cached_property
    def cookie(self) -> dict[str, Any]:
        """Return an operator's cookie, as a browser has it after signing in."""
        with httpx2.Client(base_url=self.console, trust_env=False) as http:
            token = re.search(r'name="csrf" value="([^"]+)"', http.get("/sign-in").text)[1]
            made = http.post("/sign-in", data={"csrf": token, "token": self.token})
            (name, value), *_ = made.cookies.items()
        return {"name": name, "value": value, "url": self.base, **_FLAGS}

    def workspace(self, name: str = "Acme GmbH", **more: Any) -> Workspace:
        """Make a workspace."""
        made = self.made("/app", {"name": name, **more})
        return Workspace(bench=self, id=made["id"])

    def made(self, path: str, body: Any) -> Any:
        """Post to the API; return what was made."""
        answer = self.api.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def stopped(self) -> str:
        """Stop the sender; return all that it said, which is its log."""
        self.process.process.terminate()
        _, errors = self.process.stopped()
        return "".join([*self.process.said, errors])

    def count(self, webhook: Webhook, hours: list[tuple[int, int]]) -> None:
        """Have the webhook look as if each of the last hours had so many good and bad attempts."""
        now = int(time.time() * 1000) // _HOUR_MS * _HOUR_MS
        for ago, (good, bad) in enumerate(reversed(hours)):
            row = (webhook.workspace.id, webhook.id, now - ago * _HOUR_MS, 9, good, bad)
            self.sql(f"INSERT INTO tally ({_TALLY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", *row)

    def sql(self, statement: str, *values: Any) -> None:
        """Change what is stored behind the sender's back."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=PATIENCE)) as connection:
            connection.execute(statement, values)
            connection.commit()


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A customer's workspace. ``url`` is its page, and the pages below it."""

    bench: Bench = field(repr=False)
    id: str

    def url(self, *rest: str) -> str:
        return "/".join([f"{self.bench.console}/app/{self.id}", *rest])

    def webhook(self, url: str, name: str = "Billing", **more: Any) -> Webhook:
        """Make a webhook."""
        made = self.bench.made(f"/app/{self.id}/endpoint", {"name": name, "url": url, **more})
        secret = self.bench.api.get(f"/app/{self.id}/endpoint/{made['id']}/secret").json()["key"]
        return Webhook(workspace=self, id=made["id"], secret=secret)

    def publish(self, event: str = "invoice.paid", payload: Any = None, **more: Any) -> str:
        """Publish an event; return its message's id."""
        payload = payload or {"id": "in_4821", "amount": 1999, "currency": "EUR"}
        body = {"eventType": event, "payload": payload, **more}
        message: str = self.bench.made(f"/app/{self.id}/msg", body)["id"]
        return message

    def publish_raw(self, body: str, event: str = "invoice.paid") -> str:
        """Publish an event with exactly this body."""
        return self.publish(event, {"raw": True}, transformationsParams={"rawPayload": body})

    def link(self, **body: Any) -> tuple[str, str]:
        """Return a magic link, and the token that revokes it."""
        made = self.bench.made(f"/auth/app-portal-access/{self.id}", body)
        return made["url"], made["token"]


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook. ``url`` is its page, and the pages below it."""

    workspace: Workspace
    id: str
    secret: str

    def url(self, *rest: str) -> str:
        return self.workspace.url("webhooks", self.id, *rest)

    def finish(self, count: int) -> None:
        """Return once so many attempts are recorded."""
        path = f"/app/{self.workspace.id}/attempt/endpoint/{self.id}"
        deadline = time.monotonic() + PATIENCE
        while len(self.workspace.bench.api.get(path).json()["data"]) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def change(self, **changes: Any) -> None:
        """Change it by the API."""
        path = f"/app/{self.workspace.id}/endpoint/{self.id}"
        self.workspace.bench.api.patch(path, json=changes).raise_for_status()


@contextlib.contextmanager
def benches(folder: Any, **settings: str):
    """Run ``hookseal-sender serve`` on a new SQLite database in ``folder``.

    ``{endpoints}`` in a setting stands for the port of the endpoints.
    """
    path = folder / "sender.db"
    settings = {"database_url": f"sqlite:///{path}", **_SETTINGS, **settings}
    with Endpoints().serving() as endpoints, _served(settings, endpoints) as process:
        token = run("token", database_url=settings["database_url"]).stdout.strip()
        headers = {"authorization": f"Bearer {token}"}
        base = f"{process.url}/api/v1"
        with httpx2.Client(base_url=base, headers=headers, trust_env=False, timeout=30) as api:
            bench = Bench(
                base=process.url,
                token=token,
                api=api,
                endpoints=endpoints,
                database=str(path),
                process=process,
            )
            for name, description in CATALOGUE.items():
                schemas = {"1": _AMOUNT} if name == "invoice.paid" else None
                body = {"name": name, "description": description, "schemas": schemas}
                bench.made("/event-type", body)
            yield bench


def _served(settings: dict[str, str], endpoints: Endpoints) -> Any:
    filled = {name: value.format(endpoints=endpoints.port) for name, value in settings.items()}
    return running("serve", **{"port": str(free_port()), **filled})
