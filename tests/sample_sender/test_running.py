"""Processes from the inside: serving, signals, and what an operator asks."""

import asyncio
import contextlib
import os
import signal

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from hookseal_receiver.play import Answer, Play, PlayStore
from hookseal_sender.errors import StartError
from hookseal_sender.running.listening import address_of, listen
from hookseal_sender.running.operations import operating
from hookseal_sender.running.server import _Server, loop_factory, serving
from hookseal_sender.running.stopping import stop_on_signals
from hookseal_sender.store import migrations

pytestmark = pytest.mark.anyio


@pytest.fixture
def listener():
    with listen("127.0.0.1", 0) as listener:
        yield listener


@pytest.fixture
def client():
    return httpx2.AsyncClient(trust_env=False, timeout=10)


async def test_a_request_under_way_is_finished(listener, client):
    asked, answers, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_request):
        asked.set()
        await answers.wait()
        return PlainTextResponse("done")

    address = address_of(listener)
    async with client:
        async with serving(Starlette(routes=[Route("/", slow)]), listener, stop):
            answer = asyncio.create_task(client.get(address))
            await asked.wait()
            asyncio.get_running_loop().call_later(0.01, answers.set)
        assert (await answer).text == "done"
        with pytest.raises(httpx2.ConnectError):
            await client.get(address)
    assert stop.is_set()


async def test_an_inspector_closes_without_an_answer(listener, tmp_path):
    stop = asyncio.Event()
    store = PlayStore(tmp_path / "play.db")
    play = Play(store)
    made = await play.make_bin(client="test")
    await store.set_answer(made, Answer(manner="close"))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        app = Starlette(routes=[Mount("/play", play)])
        await stack.enter_async_context(serving(app, listener, stop))
        path = play.capture_url(made, "/play")
        reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        writer.write(f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".encode())
        assert await reader.read() == b""
        writer.close()


async def test_a_server_that_breaks_stops_the_process(listener, monkeypatch):
    async def broken(_server):
        raise RuntimeError("broken")

    monkeypatch.setattr(_Server, "main_loop", broken)
    stop = asyncio.Event()
    with pytest.raises(RuntimeError, match="broken"):
        async with serving(Starlette(), listener, stop):
            await stop.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_stops_and_leaves_the_second_to_the_system(number):
    before = signal.getsignal(number)
    try:
        with stop_on_signals() as stop:
            assert not stop.is_set()
            os.kill(os.getpid(), number)
            await stop.wait()
            assert signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}
    finally:
        signal.signal(number, before)


async def test_readiness_follows_the_process_and_the_schema(store, database_url, monkeypatch):
    monkeypatch.setattr(migrations, "check", refuse)
    async with operating(store, database_url) as ours:
        transport = httpx2.ASGITransport(Starlette(routes=ours.routes))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            reasons = (await client.get("/health/ready")).json()["reasons"]
            assert reasons == ["starting", "schema_old"]
            monkeypatch.undo()
            stop = asyncio.Event()
            running = asyncio.create_task(ours.until(stop))
            await asyncio.sleep(0)
            assert (await client.get("/health/ready")).status_code == 200
            stop.set()
            await running
            assert (await client.get("/health/ready")).json()["reasons"] == ["draining"]
            assert (await client.get("/health/live")).status_code == 204
            assert "hookseal_sender" in (await client.get("/metrics")).text


def refuse(_url):
    raise StartError("the schema is not this program's")


async def test_the_loop_is_the_fastest_there_is():
    assert loop_factory() is not None
