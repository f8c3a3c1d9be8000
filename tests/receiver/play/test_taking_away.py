"""Exports and sending again, against a real app."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hookseal.asgi import WebhookMiddleware
from hookseal_receiver.play import NotSent, Outgoing, guarded_send
from hookseal_receiver.play.exports import curl_command, end_to_end, har, history
from hookseal_receiver.play.forwarding import below
from hookseal_receiver.play.model import Captured, Draft, Reply, Verdict
from tests.receiver.play.conftest import SECRET, Server

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


async def taken(request):
    return Response(b"taken", 202, headers={"x-path": request.url.path})


@pytest.fixture
def app():
    inner = Starlette(
        routes=[
            Route("/hooks", taken, methods=["POST"]),
            Route("/away", lambda _: RedirectResponse("/hooks"), methods=["POST"]),
        ]
    )
    guarded = WebhookMiddleware(inner, secrets=SECRET, allow_insecure_peers=["127.0.0.1"])
    with Server(guarded) as base:
        yield base


PRINTS = """curl() { printf '%s\\0' $# "$@"; [ "${@: -1}" != @- ] || cat; }; """
"""A shell's function in place of curl: it prints its arguments, and its input behind them."""


@given(
    url=TEXT.map("https://example.com/{}".format),
    headers=st.lists(st.tuples(st.text("aB-", min_size=1), TEXT), max_size=3).map(tuple),
    body=st.text().map(str.encode) | st.binary(),
)
@settings(max_examples=50)
def test_a_shell_gives_curl_what_was_meant(url, headers, body):
    script = PRINTS + curl_command("PATCH", url, headers, body)
    printed = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    count, _, rest = printed.partition(b"\0")
    *found, read = rest.split(b"\0", int(count))
    words = [word.decode() for word in found]
    options = list(pairwise(words))
    assert ("--request", "PATCH") in options
    assert url in words
    named = [given_field for name, given_field in options if name == "--header"]
    assert named == [f"{name}: {value}" if value else f"{name};" for name, value in headers]
    raw = [given_text.encode() for name, given_text in options if name == "--data-raw"]
    assert (raw or [read]) == [body]


def test_curl_calls_the_url_as_it_is_written(site):
    for path in ("/a/../b", "/./b", "/[1-2]", "/{a,b}", "/a?b={c,d}&e[]=1"):
        command = curl_command("POST", site.url + path, (), b"x")
        subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, check=True)
        assert site.history()["data"][-1]["url"].endswith(path)
    assert len(site.history()["data"]) == 5


def archived(*requests):
    async def each():
        for one in requests:
            yield one

    async def whole():
        return "".join([piece async for piece in har(each(), "https://x/in/t")])

    return asyncio.run(whole())


@given(
    headers=st.lists(st.tuples(TEXT, TEXT)).map(tuple),
    body=st.binary(),
    query=TEXT,
    reply=st.none() | st.builds(Reply, status=st.integers(0, 599), body=st.binary()),
)
def test_every_har_is_valid_and_json(headers, body, query, reply):
    draft = Draft(
        at_ms=1_700_000_000_123,
        method="POST",
        path="/a",
        query=query,
        http_version="1.1",
        scheme="https",
        client="192.0.2.1",
        headers=headers,
        body=body,
        size=len(body),
    )
    one = Captured(
        number=1, draft=draft, verdict=Verdict(outcome="unchecked", steps=()), reply=reply
    )
    archive = json.loads(archived(one))
    (entry,) = archive["log"]["entries"]

    assert archive["log"]["version"] == "1.2"
    assert {"name", "version"} <= archive["log"]["creator"].keys()
    assert entry.keys() >= {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert entry["startedDateTime"] == "2023-11-14T22:13:20.123Z"
    assert entry["request"].keys() >= {
        "method",
        "url",
        "httpVersion",
        "cookies",
        "headers",
        "queryString",
        "headersSize",
        "bodySize",
    }
    assert entry["response"].keys() >= {
        "status",
        "statusText",
        "httpVersion",
        "cookies",
        "headers",
        "content",
        "redirectURL",
        "headersSize",
        "bodySize",
    }
    assert entry["response"]["content"].keys() >= {"size", "mimeType"}
    assert entry["timings"].keys() >= {"send", "wait", "receive"}
    assert ("postData" in entry["request"]) == bool(body)
    json.dumps(history(one, "https://x"))


def test_all_and_one_as_har(site):
    site.send(event_id="msg_1")
    site.send(b"\xff", event_id="msg_2")
    whole = site.page("/har").json()

    assert [one["request"]["bodySize"] for one in whole["log"]["entries"]] == [12, 1]
    assert len(site.page("/2/har").json()["log"]["entries"]) == 1
    assert json.loads(archived())["log"]["entries"] == []
    assert whole["log"]["entries"][0]["response"]["status"] == 200


def test_an_archive_is_sent_as_it_is_written_and_ends_with_what_came_before_it(site, monkeypatch):
    monkeypatch.setattr("hookseal_receiver.play.store._PAGE_BYTES", 1)
    for number in range(3):
        site.send(b"x" * 2**20, event_id=f"msg_{number}")
    site.submit("/2/delete")
    with site.http.stream("GET", f"{site.view}/har") as answer:
        assert "content-length" not in answer.headers
        assert (
            answer.headers["content-disposition"] == 'attachment; filename="hookseal-requests.har"'
        )
        entries = json.loads(answer.read())["log"]["entries"]

    assert [entry["comment"][:2] for entry in entries] == ["#1", "#3"]


@pytest.mark.parametrize(
    "body",
    [b"", b'{"a": "it\'s"}', b"@file", b"a\nb", b"\x00\xff\x01", b"x" * 100_000, b"'; rm -rf /"],
)
def test_the_curl_command_sends_the_same_again(site, body):
    site.http.post(site.url + "/p?q='1", content=body, headers={"x-q": "it's `x` $y", "x-e": ""})
    command = site.page("/1/curl").text
    done = subprocess.run(
        ["sh"], input=command.encode(), capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr

    first, second = site.history()["data"]
    assert second["body_base64"] == first["body_base64"]
    assert second["method"] == first["method"]
    assert second["url"] == first["url"]
    assert second["headers"]["x-q"] == "it's `x` $y"


def test_replayed_with_the_old_timestamp_and_with_a_fresh_one(site, app):
    site.send(at=time.time() - 1000)
    old = site.submit("/1/replay", url=f"{app}/hooks", timestamp="old")
    fresh = site.submit("/1/replay", url=f"{app}/hooks", timestamp="fresh")

    assert "timestamp_too_old" in old.text
    assert ">202<" in fresh.text
    assert "taken" in fresh.text


def test_no_redirect_is_followed(site, app):
    site.send()

    assert ">307<" in site.submit("/1/replay", url=f"{app}/away", timestamp="old").text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "http://"),
        ("ftp://x", "http://"),
        ("http://[", "cannot be read"),
        ("http://x:99999", "cannot be read"),
        ("http://u:p@x/", "user name"),
        ("http://no-such-name.invalid/", "not known"),
        ("http://127.0.0.1:9/", "No connection"),
        ("javascript:alert(1)", "http://"),
    ],
)
def test_a_url_that_cannot_be_called_is_explained(site, url, says):
    site.send()
    answer = site.submit("/1/replay", url=url, timestamp="old")

    assert answer.status_code == 422
    assert says in answer.text


def test_a_fresh_signature_needs_a_secret_that_signs(serve):
    site = serve(secrets=())
    site.http.post(site.url)
    page = site.submit("/1/replay", url="http://127.0.0.1:9/", timestamp="fresh").text
    assert "Set this URL" in page

    site.submit("/secrets", secrets="whpk_" + "A" * 43 + "=")
    page = site.submit("/1/replay", url="http://127.0.0.1:9/", timestamp="fresh").text
    assert "can only verify" in page


def test_there_is_no_replay_where_nothing_can_send(serve):
    site = serve(send=None)
    site.send()

    assert "Send it again" not in site.page("/1").text
    assert site.submit("/1/replay", url="http://x/").status_code in {404, 405}


def test_the_guard_is_asked_for_each_address(app):
    asked = []

    def permit(address):
        asked.append(str(address))
        return address.is_global

    outgoing = Outgoing(method="POST", url=f"{app}/hooks", headers=(), body=b"")
    with pytest.raises(NotSent, match="may not be called"):
        asyncio.run(guarded_send(permit)(outgoing))
    assert asked == ["127.0.0.1"]


def test_a_silent_app_is_given_up():
    async def silent(scope, receive, send):
        await asyncio.sleep(5)

    with Server(silent) as base:
        outgoing = Outgoing(method="GET", url=base, headers=(), body=b"")
        exchange = guarded_send(lambda _: True, seconds=0.3)(outgoing)
        with pytest.raises(NotSent, match="No answer within"):
            asyncio.run(exchange)


def test_fields_of_one_connection_are_not_sent_on():
    given_fields = (
        ("Host", "x"),
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("x-a", "1"),
        ("x-a", "2"),
    )

    assert end_to_end(given_fields) == (("x-a", "1"), ("x-a", "2"))


@pytest.mark.parametrize(
    ("url", "path", "query", "expected"),
    [
        ("http://h/w", "", "", "http://h/w"),
        ("http://h", "", "", "http://h/"),
        ("http://h/w/", "/a%2Fb", "x=1", "http://h/w/a%2Fb?x=1"),
        ("http://h/w?k=v", "/", "x=1", "http://h/w/?k=v&x=1"),
        ("http://h/w", "/a#b\xff", "x=#1", "http://h/w/a%23b%FF?x=%231"),
        ("http://h", "//evil.example/x", "", "http://h//evil.example/x"),
    ],
)
def test_where_a_request_goes_on_to(url, path, query, expected):
    assert below(url, path, query) == expected
