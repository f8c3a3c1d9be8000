"""The pages and their forms, over HTTP."""

from __future__ import annotations

import itertools
import json
import re
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hookseal import generate_secret
from hookseal_receiver.play import PlaySettings
from tests.receiver.play.conftest import FORM, SECRET

MIB_LINE = b'{"a":"' + b"x" * (1024 * 1024 - 8) + b'"}'
HOSTILE_BODIES = {
    "script": b"<script>alert(1)</script><img src=x onerror=alert(1)>",
    "quotes": b"\"'><svg onload=alert(1)>",
    "invalid": b"\xff\xfe\x80\x00\xed\xa0\x80",
    "nul": b"a\x00b" * 100,
    "rtl": "\u202egnp.exe\u2066\u200f".encode(),
    "deep": b"[" * (1024 * 1024),
    "deep json": b"[" * 900 + b"]" * 900,
    "line": MIB_LINE,
    "many": b"[" + b"1," * 400_000 + b"1]",
    "keys": json.dumps({"<b>": "</pre><script>x</script>"}).encode(),
    "template": b"{{ 7*7 }}{% raw %}",
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_a_hostile_body_is_shown_inertly_in_every_form(site, name):
    body = HOSTILE_BODIES[name]
    site.http.post(site.url, content=body, headers={"x-h": "<b>h</b>"})

    for form in ("", "?as=raw", "?as=hex", "?as=pretty"):
        page = site.page(f"/1{form}")
        assert page.status_code == 200
        assert len(page.content) < 400_000
        assert "<script>" not in page.text
        assert "<img" not in page.text
        assert "<svg onload" not in page.text
        assert "<b>" not in page.text
        assert "\u202e" not in page.text
        assert "\x00" not in page.text
    download = site.page("/1/body")
    assert download.content == body
    assert download.headers["content-type"] == "application/octet-stream"
    assert download.headers["content-disposition"].startswith("attachment")
    assert download.headers["x-content-type-options"] == "nosniff"


def test_all_of_a_long_body_is_shown_on_demand(site):
    site.http.post(site.url, content=MIB_LINE)

    assert "Show all" in site.page("/1").text
    assert len(site.page("/1?show=all").text) > len(MIB_LINE)


@pytest.mark.parametrize("form", ["pretty", "hex"])
@pytest.mark.parametrize(
    ("body", "formed"),
    [
        (b"[" + b"1," * 40_000 + b"1]", True),
        (b"[" + b"1," * 200_000 + b"1]", False),
        (b"[" * 31 + b"1," * 120_000 + b"1" + b"]" * 31, None),
    ],
)
def test_what_gets_too_long_in_its_form_is_shown_raw(site, form, body, formed):
    site.http.post(site.url, content=body)
    page = site.page(f"/1?as={form}&show=all").text
    shown_raw = not (form == "hex" if formed is None else formed)

    assert ("so it is shown raw" in page) == shown_raw
    assert (body.decode() in page) == shown_raw
    assert "Show all" not in page
    assert len(page) < 2_000_000


@pytest.mark.parametrize("rest", ["", "/", "/1", "/setup", "/compare", "/list", "/detail"])
def test_every_page_is_guarded_by_headers(site, rest):
    site.send()
    page = site.page(rest)
    policy = page.headers["content-security-policy"]

    assert page.status_code == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page.text)


def test_static_files_are_versioned_and_lasting(site):
    link = re.search(r'href="(/static/hookseal\.css\?[0-9a-f]{10})"', site.page().text)[1]
    answer = site.http.get(site.base + link)

    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


def test_a_frame_is_allowed_to_named_origins_alone(serve):
    site = serve(PlaySettings(frame_origins=("https://app.example.com",)))
    page = site.page()

    assert "frame-ancestors https://app.example.com" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers


def test_one_click_makes_a_private_url(site):
    front = site.http.get(site.base + "/")
    made = site.http.post(site.base + "/", data={"csrf": FORM.search(front.text)[1]})

    assert made.status_code == 303
    assert site.http.get(site.base + made.headers["location"]).status_code == 200


def test_the_limit_of_a_client_is_said_on_the_front_page(serve):
    site = serve(PlaySettings(bins_per_client=1))
    token = FORM.search(site.http.get(site.base + "/").text)[1]
    answers = [site.http.post(site.base + "/", data={"csrf": token}) for _ in range(2)]

    assert [one.status_code for one in answers] == [303, 429]
    assert "the most you may" in answers[1].text


def test_where_not_everybody_may_make_one_the_button_is_gone(serve):
    site = serve(PlaySettings(anyone_may_make=False))

    assert "<button" not in site.http.get(site.base + "/").text
    assert site.http.post(site.base + "/").status_code == 403
    assert site.http.post(site.base + "/api/v1/token/generate/").status_code == 403
    assert "where webhooks are made" in site.http.get(site.base + "/").text
    assert ">Webhooks<" not in site.page().text


def test_every_page_leads_back_to_where_webhooks_are_made(serve):
    console = "https://hooks.example.com/console/"
    site = serve(PlaySettings(anyone_may_make=False, made_at=console))
    for page in (site.http.get(site.base + "/"), site.page(), site.page("/setup")):
        assert f'href="{console}"' in page.text


FORMS = ["/setup", "/secrets", "/pause", "/clear", "/delete", "/1/delete", "/1/replay"]


@pytest.mark.parametrize("rest", FORMS)
@pytest.mark.parametrize("fault", ["no token", "junk", "cross-site", "same-site", "origin", "type"])
def test_a_form_from_elsewhere_is_refused(site, rest, fault):
    site.send()
    token = FORM.search(site.page("/setup").text)[1]
    fields = {"no token": {"a": "b"}, "junk": {"csrf": "9" * 12 + ".x"}}.get(fault, {"csrf": token})
    headers = {
        "cross-site": {"sec-fetch-site": "cross-site"},
        "same-site": {"sec-fetch-site": "same-site"},
        "origin": {"origin": "https://evil.example"},
        "type": {"content-type": "text/plain"},
    }.get(fault, {})
    answer = site.http.post(site.view + rest, data=fields, headers=headers)

    assert answer.status_code == (415 if fault == "type" else 403)
    assert len(site.history()["data"]) == 1


def test_a_token_of_another_bin_is_refused(site):
    made = site.http.post(f"{site.base}/api/v1/token/generate/").json()
    token = FORM.search(site.http.get(made["view_url"] + "/setup").text)[1]

    assert site.http.post(site.view + "/clear", data={"csrf": token}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin"}, {"origin": "http://HOST"}]
)
def test_our_own_forms_are_accepted(site, headers):
    host = site.base.removeprefix("http://")
    sent = {name: value.replace("HOST", host) for name, value in headers.items()}
    token = FORM.search(site.page("/setup").text)[1]

    assert (
        site.http.post(site.view + "/clear", data={"csrf": token}, headers=sent).status_code == 303
    )


def test_a_huge_form_is_refused(site):
    assert site.http.post(site.view + "/setup", data={"body": "x" * 300_000}).status_code == 413
    many = "&".join(["a=b"] * 2000)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert site.http.post(site.view + "/setup", content=many, headers=form).status_code == 413


def test_the_secret_is_set_by_form_and_never_shown(serve):
    site = serve(secrets=())
    secret = generate_secret()
    saved = site.submit("/secrets", secrets=f"{secret}\n{SECRET}")
    assert saved.status_code == 303
    assert "Saved" in site.http.get(site.base + saved.headers["location"]).text

    site.send()
    assert site.history()["data"][0]["verdict"]["outcome"] == "verified"
    for rest in ("", "/1", "/setup", "/list"):
        assert secret not in site.page(rest).text

    site.submit("/secrets", secrets="")
    assert "None" in site.page("/setup").text


def test_a_secret_that_cannot_verify_is_refused_beside_its_field(site):
    answer = site.submit("/secrets", secrets="whsec_short")

    assert answer.status_code == 422
    assert 'id="secrets-error"' in answer.text
    assert "whsec_short" not in answer.text


def test_a_bad_answer_keeps_what_was_typed(site):
    answer = site.submit(
        "/setup", statuses="700", headers="", body="kept", delay="0", manner="whole"
    )

    assert answer.status_code == 422
    assert "200 to 599" in answer.text
    assert "kept" in answer.text
    assert 'href="#statuses"' in answer.text


def test_search_and_filter(site):
    site.send(b'{"who":"\xc3\x84nne"}', event_id="msg_1")
    site.send(secret=generate_secret(), event_id="msg_2")
    site.http.get(site.url + "/ping")

    def found(**query):
        return re.findall(r'id="r(\d+)"', site.page("/list", params=query).text)

    assert found() == ["3", "2", "1"]
    assert found(q="änNE") == ["1"]
    assert found(q="get /ping") == ["3"]
    assert found(q="WEBHOOK-ID: msg_2") == ["2"]
    assert found(outcome="verified") == ["1"]
    assert found(outcome="refused", before="3") == ["2"]
    assert found(outcome="nonsense") == ["3", "2", "1"]
    assert found(q="%_\x00'\ud7ff") == []


def test_more_than_a_page_is_linked(site):
    for number in range(102):
        site.http.post(site.url, content=str(number))
    listed = site.page("/list").text

    assert len(re.findall(r'id="r(\d+)"', listed)) == 100
    assert "before=3" in listed


def test_deleting(site):
    for number in range(3):
        site.send(event_id=f"msg_{number}")
    site.submit("/2/delete")
    assert [one["id"] for one in site.history()["data"]] == ["1", "3"]
    assert site.page("/2").status_code == 404
    assert site.page(f"/{10**30}").status_code == 404

    site.submit("/clear")
    assert site.history()["data"] == []
    site.submit("/delete")
    assert site.page().status_code == 404
    assert site.send().status_code == 404


def test_comparing(site):
    site.send(b'{"a":1,"b":2}', event_id="msg_1")
    site.send(b'{"a":1,"b":3}', event_id="msg_2")
    site.send(b'{"a": 1, "b": 2}', event_id="msg_3")
    page = site.page("/compare?first=1&second=2").text

    assert "<del>" in page
    assert "&#34;b&#34;: 3" in page
    assert "white space alone" in site.page("/compare?first=1&second=3").text
    assert "the same, byte for byte" in site.page("/compare?first=1&second=1").text
    assert site.page("/compare?first=1&second=9").status_code == 404
    assert site.page("/compare?first=x").status_code == 200


def test_live_tells_of_arrivals(site):
    with site.http.stream("GET", f"{site.view}/live?after=0") as stream:
        assert stream.headers["x-accel-buffering"] == "no"
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        site.send()
        told = list(itertools.takewhile(lambda line: line != "id: 1-answered", lines))

    assert "event: arrived" in told


def current(page):
    return re.findall(r'<li id="r(\d+)"><a [^>]*aria-current', page.text)


def test_the_list_marks_what_is_shown(site):
    site.send(event_id="msg_1")
    site.send(event_id="msg_2")

    assert current(site.page()) == current(site.page("/list")) == ["2"]
    assert current(site.page("/1")) == current(site.page("/list?at=1")) == ["1"]
    assert current(site.page("?q=msg_1")) == ["1"]
    assert current(site.page("/list?q=msg_1")) == []  # the page asks with what it shows


def test_only_the_page_of_the_newest_follows_what_comes(site):
    site.send(event_id="msg_1")
    site.send(event_id="msg_2")

    assert "data-follows" in site.page().text
    for rest in ("/2", "?q=msg", "?outcome=verified", "?before=2"):
        page = site.page(rest).text
        assert "data-follows" not in page
    assert "before=2" in re.search(r'hx-get="[^"]*/list\?([^"]*)"', site.page("?before=2").text)[1]


def test_a_search_that_finds_nothing_does_not_ask_for_a_first_request(site):
    page = site.page("?q=nothing").text

    assert "There is no request to show." in page
    assert "Send one now" not in page


@pytest.mark.parametrize(
    ("start", "ends"),
    [
        (b'{"pdf":"' + b"A" * 2500, (b'X"}', b'Y"}')),
        (b"[" + b"1," * 2000, (b"1]", b"2]")),
        (b"a" * (256 * 1024), (b"b", b"c")),
    ],
    ids=["long line", "many lines", "large"],
)
def test_a_comparison_says_what_it_did_not_look_at(site, start, ends):
    for end in ends:
        site.send(start + end)
    page = site.page("/compare?first=1&second=2").text

    assert "not in the beginning, which is compared" in page
    assert "white space alone" not in page


def test_a_comparison_begins_with_the_newest_others(site):
    for number in (1, 2, 3):
        site.send(event_id=f"msg_{number}")

    def selected(rest):
        return re.findall(r'value="(\d)" selected', site.page(f"/compare{rest}").text)

    assert selected("") == ["2", "3"]
    assert selected("?second=1") == ["3", "1"]
    assert selected("?first=3") == ["3", "2"]


def test_live_is_bounded(serve):
    site = serve(PlaySettings(live_pages=1))
    with site.http.stream("GET", f"{site.view}/live") as stream:
        lines = stream.iter_lines()
        next(lines)
        assert site.page("/live").status_code == 204


def test_mounted_below_a_path(serve):
    site = serve(mount=lambda play: Starlette(routes=[Mount("/play", play)]))
    view = f"{site.base}/play/view/{site.bin.view_token}"
    url = f"{site.base}/play/in/{site.bin.capture_token}"
    assert site.http.post(url + "/x%20y", content=b"{}").status_code == 200
    page = site.http.get(view)

    assert url in page.text
    assert 'href="/play/static/hookseal.css?' in page.text
    assert f'href="/play/view/{site.bin.view_token}/1"' in page.text
    assert "/x%20y" in page.text
    token = FORM.search(page.text)[1]
    answer = site.http.post(view + "/clear", data={"csrf": token})
    assert answer.headers["location"] == f"/play/view/{site.bin.view_token}"


def test_the_public_url_is_shown_where_it_is_set(serve):
    site = serve(PlaySettings(public_url="https://hooks.example.com/play/"))

    assert f"https://hooks.example.com/play/in/{site.bin.capture_token}" in site.page().text


def test_what_went_wrong_leads_back_to_the_requests(site):
    site.send()
    back = f'href="{urlsplit(site.view).path}"'
    for page, status, says in (
        (site.page("/9"), 404, "This request is gone"),
        (site.page("/pause"), 405, "This page cannot do that."),
        (site.http.post(f"{site.view}/pause", data={"csrf": "1.x"}), 403, "The form is too old"),
    ):
        assert page.status_code == status
        assert says in page.text
        assert back in page.text
    for path in ("/view/none", "/nothing"):
        page = site.http.get(site.base + path)
        assert page.status_code == 404
        assert 'href="/">To the front page' in page.text


def test_a_fault_of_ours_is_said_on_a_page(serve, monkeypatch):
    site = serve()

    async def fails(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(site.play.store, "bin_to_view", fails)
    page = site.page()
    assert page.status_code == 500
    assert "This failed here" in page.text
    assert "the disk is full" not in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("digits", ["9" * 19, "9" * 5000, "\u0663", "-1", "x"])
def test_a_number_that_none_can_be_is_no_page(site, digits):
    site.send()
    for rest in ("", "/har", "/curl", "/body"):
        assert site.page(f"/{digits}{rest}").status_code == 404
        assert site.http.get(f"{site.base}/view/none/{digits}{rest}").status_code == 404
    for rest in ("/delete", "/replay"):
        assert site.submit(f"/{digits}{rest}", url="http://127.0.0.1:9/").status_code == 404
    assert len(site.history()["data"]) == 1
