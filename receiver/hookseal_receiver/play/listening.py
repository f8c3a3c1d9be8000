"""Serving Play on this machine, and printing what arrives.

Knows uvicorn and the words of the terminal. Must not know arguments.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Generator
from dataclasses import dataclass, field

import uvicorn

from hookseal_receiver.look.words import size_words
from hookseal_receiver.play import (
    Bin,
    Captured,
    PlaySettings,
    PlayStore,
    create_play,
    expiring,
    open_send,
)
from hookseal_receiver.play.exports import history
from hookseal_receiver.play.forwarding import Forwarder
from hookseal_receiver.play.present import visible
from hookseal_receiver.play.server import ClosableProtocol

__all__ = ["DEFAULT_PORT", "Options", "Printer", "listen"]

DEFAULT_PORT = 8075
_STOP_SECONDS = 2
_SHOWN_CHARACTERS = 200
_WORDS = {
    "verified": "verified",
    "refused": "REFUSED",
    "repeat": "repeat",
    "unchecked": "unchecked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to serve. ``port`` None is the default one or, where that is taken, any."""

    host: str = "127.0.0.1"
    port: int | None = None
    name: str = ""
    store: str = ":memory:"
    secrets: tuple[str, ...] = field(default=(), repr=False)
    forward: str = ""
    json: bool = False
    exit_after: int | None = None


class Printer:
    """Prints a line for each request, and calls ``stop`` after ``exit_after`` of them."""

    def __init__(self, options: Options, base: str, server: uvicorn.Server) -> None:
        self._options = options
        self._base = base
        self._server = server
        self._left = options.exit_after

    async def __call__(self, one: Bin, captured: Captured) -> None:
        """Print a request that was answered."""
        url = f"{self._base}/in/{one.capture_token}"
        if self._options.json:
            _say(json.dumps({**history(captured, url), "took_ms": captured.took_ms}))
        else:
            _say(line(captured))
        if self._left is not None:
            self._left -= 1
            self._server.should_exit = self._server.should_exit or self._left <= 0


def line(captured: Captured) -> str:
    """Return a request in one line: what it is, what was answered, and the verdict's reason."""
    draft, verdict = captured.draft, captured.verdict
    target = visible(f"{draft.method} {draft.target or '/'}")[:_SHOWN_CHARACTERS]
    words = [f"#{captured.number}", target, size_words(draft.size), f"-> {_answer(captured)}"]
    words += [f"{_WORDS[verdict.outcome]}:", visible(verdict.reason).replace("\n", " ")]
    return "  ".join(words[:4]) + "  " + " ".join(words[4:])


async def listen(options: Options) -> None:
    """Serve until SIGINT, SIGTERM or the last request asked for.

    Raises OSError where the port cannot be had, and ConfigError for a name, a secret or a file
    that cannot be used.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with _bind(options) as bound:
        store = PlayStore(options.store)
        try:
            await _serve(options, store, bound)
        finally:
            await store.close()


async def _serve(options: Options, store: PlayStore, bound: socket.socket) -> None:
    base = _base(options.host, bound)
    loopback = ("127.0.0.1", "localhost", "[::1]")
    shown = () if options.host in {"0.0.0.0", "::"} else (*loopback, options.host.lower())  # noqa: S104 # asked for
    forwarder = Forwarder(options.forward, open_send()) if options.forward else None
    watched: list[Printer] = []

    async def watch(one: Bin, captured: Captured) -> None:
        await watched[0](one, captured)

    play = create_play(
        store,
        # Whoever has a bin may send from this machine, and a tunnel leads anybody here.
        settings=PlaySettings(view_hosts=shown, anyone_may_make=False),
        send=open_send(),
        respond=forwarder,
        watch=watch,
    )
    one = await play.open_bin(options.name) if options.name else await play.make_bin()
    if options.secrets:
        one = await play.set_secrets(one, options.secrets)
    server = _Server(
        uvicorn.Config(
            play,
            http=ClosableProtocol,
            access_log=False,  # its lines hold the tokens
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            lifespan="off",
        )
    )
    watched.append(Printer(options, base, server))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop, server)
    _announce(options, play.capture_url(one, base), play.view_url(one, base))
    async with expiring(play, keep=one):
        await server.serve([bound])


class _Server(uvicorn.Server):
    """A server that leaves signals to :func:`listen`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _bind(options: Options) -> socket.socket:
    """Return a listening socket; with no port asked for, any where the default one is taken."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        wanted = DEFAULT_PORT if options.port is None else options.port
        return socket.create_server((options.host, wanted), family=family)
    except OSError:
        if options.port is not None:
            raise
    bound = socket.create_server((options.host, 0), family=family)
    if options.name:
        _tell(f"port {DEFAULT_PORT} is taken: the URL differs from last time. Or choose a --port.")
    return bound


def _base(host: str, bound: socket.socket) -> str:
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{bound.getsockname()[1]}"


def _announce(options: Options, capture_url: str, view_url: str) -> None:
    if options.json:
        _say(json.dumps({"listening": capture_url, "view": view_url}))
        return
    _say(f"send webhooks to   {capture_url}")
    _say(f"see them at        {view_url}")
    if options.forward:
        _say(f"passing them on to {options.forward}")
    if not options.secrets:
        _say("no secret is set:  signatures are not checked (set HOOKSEAL_SECRET)")


def _answer(captured: Captured) -> str:
    reply = captured.reply
    if reply is None or reply.status == 0:
        return "no answer"
    failed = f" ({visible(reply.note)})" if reply.note else ""
    return f"{reply.status} in {captured.took_ms} ms{failed}"


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _tell(words: str) -> None:
    sys.stderr.write(f"hookseal listen: {words}\n")
