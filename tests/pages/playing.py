"""Play as it is used: by who sends to a private URL, and by who looks at what came."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from hookseal import Signer, generate_secret
from hookseal_receiver.play import PlaySettings, PlayStore, create_play, open_send
from hookseal_receiver.play.server import ClosableProtocol
from tests.pages.browsing import apart
from tests.receiver.play.conftest import Server

__all__ = ["PAID", "SECRET", "Bench", "Sender", "benches"]

SECRET = generate_secret()
PAID = b'{"type":"invoice.paid","data":{"invoice":"in_4821","amount":1999,"currency":"EUR"}}'
_SETTINGS = PlaySettings(bins_per_client=1000)
_PATIENCE = 30


class Sender:
    """Sends webhooks to one URL, signed unless told otherwise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sent = 0

    def send(self, body=PAID, *, secret=SECRET, event_id=None, at=None, path="", **headers):
        self._sent += 1
        signed = Signer(secret).headers(
            event_id or f"msg_2Lk9q{self._sent:03}", int(at or time.time()), body
        )
        fields = {"content-type": "application/json", "user-agent": "Acme-Webhooks/2.1"}
        return self.post(body, path=path, **fields, **signed, **headers)

    def forge(self, **more):
        """Send what somebody else signed."""
        return self.send(secret=generate_secret(), **more)

    def post(self, body, *, path="", **headers):
        """Send a body with these headers only."""
        with httpx2.Client(timeout=_PATIENCE, trust_env=False) as http:
            return http.post(self.url + path, content=body, headers=headers)


@dataclass(frozen=True, slots=True)
class Bench:
    """A running Play."""

    play: Any
    base: str

    def make(self, secrets=SECRET):
        """Make a private URL; return its sender and the address of its page."""
        one = apart(self.play.make_bin(secrets=secrets))
        return Sender(self.play.capture_url(one, self.base)), self.play.view_url(one, self.base)


@contextmanager
def benches():
    """Serve Play by uvicorn on a thread."""
    store = PlayStore()
    play = create_play(store, settings=_SETTINGS, send=open_send())
    with Server(play, http=ClosableProtocol) as base:
        yield Bench(play, base)
    apart(store.close())
