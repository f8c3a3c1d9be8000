"""Play on a real server, and a client of it."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from dataclasses import dataclass

import httpx2
import pytest
import uvicorn

from hookseal import Signer, generate_secret
from hookseal_receiver.play import Play, PlaySettings, PlayStore, create_play, open_send
from hookseal_receiver.play.server import ClosableProtocol

SECRET = generate_secret()
FORM = re.compile(r'name="csrf" value="([^"]+)"')


class Server:
    """An app served by uvicorn on a thread of its own."""

    def __init__(self, app, **options) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                port=0,
                log_level="critical",
                lifespan="off",
                timeout_graceful_shutdown=1,
                **options,
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@dataclass
class Site:
    """A bin of a running Play, as a sender and as a person meet it."""

    play: Play
    base: str
    bin: object
    http: httpx2.Client

    @property
    def url(self) -> str:
        return self.play.capture_url(self.bin, self.base)

    @property
    def view(self) -> str:
        return self.play.view_url(self.bin, self.base)

    def send(
        self, body=b'{"type":"t"}', *, secret=SECRET, event_id="msg_1", at=None, path="", **more
    ):
        signed = Signer(secret).headers(event_id, int(at or time.time()), body)
        return self.http.post(self.url + path, content=body, headers=signed, **more)

    def page(self, rest="", **more):
        return self.http.get(self.view + rest, **more)

    def submit(self, rest, **fields):
        token = FORM.search(self.page("/setup").text)[1]
        return self.http.post(self.view + rest, data={"csrf": token, **fields})

    def history(self, iterator=""):
        address = f"{self.base}/api/v1/history/{self.bin.view_token}/"
        return self.http.get(address, params={"iterator": iterator}).json()


@pytest.fixture
def serve():
    """Serve Play with settings; return a Site whose bin checks with SECRET."""
    stack = []

    def start(settings=None, *, store=None, secrets=SECRET, mount=None, **more):
        store = store or PlayStore()
        play = create_play(
            store, settings=settings or PlaySettings(), **{"send": open_send(), **more}
        )
        server = Server(mount(play) if mount else play, http=ClosableProtocol)
        base = server.__enter__()
        http = httpx2.Client(timeout=20)
        stack.append((server, store, http))
        made = asyncio.run(play.make_bin(secrets=secrets))
        return Site(play, base, made, http)

    yield start
    for server, store, http in stack:
        http.close()
        server.__exit__()
        asyncio.run(store.close())


@pytest.fixture
def site(serve):
    return serve()
