"""Passing requests on: where to, and what of the answers."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from hookseal_receiver.play import PlayStore, create_play, open_send
from hookseal_receiver.play.forwarding import Forwarder
from tests.receiver.play.conftest import Server
from tests.receiver.play.test_capturing import raw


@pytest.fixture
def called():
    return []


@pytest.fixture
def app(called):
    """An app that says how it was called, or as many bytes as its query asks for."""

    async def handle(request: Request) -> Response:
        size = request.query_params.get("size")
        called.append(request.scope["raw_path"].decode())
        return Response(b"x" * int(size) if size else b"done")

    with Server(Starlette(routes=[Route("/{rest:path}", handle, methods=["GET", "POST"])])) as base:
        yield f"{base}/hooks"


@pytest.fixture
def forwarded(serve, app):
    return serve(respond=Forwarder(app, open_send()))


def get(site, target):
    """Send a request line as it is written, which no client leaves alone."""
    lines = b"GET URL%b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    return raw(site.url, lines.replace(b"%b", target.encode()))


@pytest.mark.parametrize(
    "path",
    [
        "/..",
        "/a/../../admin",
        "/../admin",
        "/./a",
        "/%2e%2e/admin",
        "/%2E./admin",
        "/..%2f..%2fadmin",
        "/..%5cadmin",
        "/..;x=1/admin",
        "/a/..?x=1",
    ],
)
def test_a_path_that_leads_out_of_the_url_goes_no_further(forwarded, called, path):
    answer = get(forwarded, path)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"leads out of the app's URL" in answer
    assert called == []
    (one,) = forwarded.history()["data"]
    assert one["response"]["status_code"] == 400


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("", "/hooks"),
        ("/", "/hooks/"),
        ("/a%2Fb", "/hooks/a%2Fb"),
        ("/...", "/hooks/..."),
        ("/a..b/.c", "/hooks/a..b/.c"),
        ("//evil.example/x", "/hooks//evil.example/x"),
        ("/x#y", "/hooks/x%23y"),
        ("/in/TOKEN.evil", "/hooks/in/TOKEN.evil"),
    ],
)
def test_all_else_goes_on_as_it_came(forwarded, called, path, reached):
    token = forwarded.bin.capture_token
    assert get(forwarded, path.replace("TOKEN", token)).startswith(b"HTTP/1.1 200")
    assert called == [reached.replace("TOKEN", token)]


def test_the_token_is_found_at_its_place_alone(forwarded, called):
    token = forwarded.bin.capture_token
    escaped = f"/in/%{ord(token[0]):02X}{token[1:]}"
    site = forwarded
    for before in (escaped, f"/api/v1{escaped}"):
        line = f"GET {before}/x/in/{token}.evil HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        assert raw(site.url, line.encode()).startswith(b"HTTP/1.1 200")
    assert called == [f"/hooks/x/in/{token}.evil"] * 2


PATHS = ["/in/{}", "/in/{}/a%20b", "/in/{}%2Fa%23b", "/in%2F{}/..%2f", "/api/v1/in/{}/x"]


@pytest.mark.parametrize("root", ["", "/play", "/in/x"])
@pytest.mark.parametrize("known", ["whole", "below", "nothing"])
@pytest.mark.parametrize("path", PATHS)
def test_servers_differ_in_what_they_tell_of_a_path(root, known, path):
    async def main():
        store = PlayStore()
        play = create_play(store)
        made = await play.make_bin()
        below = path.format(made.capture_token)
        app = Starlette(routes=[Mount(root, play)]) if root and known == "whole" else play
        sent = {"whole": root + below, "below": below, "nothing": None}[known]
        scope = {
            "type": "http",
            "method": "GET",
            "path": unquote(root + below),
            "raw_path": sent.encode() if sent else None,
            "root_path": "" if app is not play else root,
            "headers": [],
        }

        async def receive():
            return {"type": "http.request"}

        async def send(_):
            pass

        await app(scope, receive, send)
        (one,) = await store.newer(made.id, 0)
        await store.close()
        return one.draft.path

    kept = asyncio.run(main())
    assert unquote(kept) == unquote(path).partition("{}")[2]
    assert kept[:1] in {"", "/"}
    assert "#" not in kept


@pytest.mark.parametrize(("size", "status"), [(256 * 1024, 200), (256 * 1024 + 1, 502)])
def test_an_answer_is_passed_on_whole_or_not_at_all(forwarded, size, status):
    answer = forwarded.http.get(f"{forwarded.url}?size={size}")

    assert answer.status_code == status
    assert (len(answer.content) == size) == (status == 200)
    note = forwarded.history()["data"][0]["response"]["note"]
    assert ("longer than 256 KiB" in note) == (status == 502)
    assert ("longer than 256 KiB" in answer.text) == (status == 502)


def test_a_long_answer_to_what_was_sent_again_is_shown_in_part(site, app):
    site.send()
    page = site.submit("/1/replay", url=f"{app}?size={2**20}", timestamp="old")

    assert page.status_code == 200
    assert ">200<" in page.text
