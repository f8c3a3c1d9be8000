"""The list of webhooks, making one, and the page of each."""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import text

from hookseal_sender.api.secrets import new_secret, public_key
from hookseal_sender.console import webhooks
from hookseal_sender.console.snippets import snippets
from hookseal_sender.model import Disabled, EndpointDraft
from hookseal_sender.store import PageRequest
from tests.sample_sender.console.conftest import ENDPOINT_URL, PUBLIC_URL, SETTINGS

pytestmark = pytest.mark.anyio
PLAY_URL = re.compile(rf"{re.escape(PUBLIC_URL)}/play/in/[\w-]{{20,64}}")
VIEW_URL = re.compile(rf"{re.escape(PUBLIC_URL)}/play/view/([\w-]+)")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def path(app):
    return f"/app/{app.id}/webhooks"


@pytest.fixture
def made(store, app):
    """Return the endpoints that there are."""

    async def made():
        return (await store.endpoints(app.id, PageRequest())).items

    return made


# --- the list ----------------------------------------------------------------------------------


async def test_an_empty_list_says_what_to_do(customer, path):
    page = await customer.get(path)
    assert page.status == 200
    assert f'href="/console{path}/new"' in page.text


async def test_a_list_has_each_with_its_state_and_its_day(
    customer, path, make_endpoint, app, store, send, work, clock
):
    for name, status in {"Good": 200, "Bad": 500, "Silent": None}.items():
        endpoint = await make_endpoint(app.id, name=name, url=f"https://{name}.example/")
        clock.advance(1)
        if status:
            await send(endpoint)
            await work(status)
    off = await make_endpoint(app.id, name="Off", event_types=("a", "b", "c.*", "d", "e"))
    draft = EndpointDraft(url=off.url, name=off.name, event_types=off.event_types, disabled=True)
    await store.change_endpoint(app.id, off.id, lambda _: draft)
    page = await customer.get(path)
    rows = dict(re.findall(r'<a class="hook-name"[^>]*>(\w+)</a>(.*?)</tr>', page.text, re.DOTALL))
    assert list(rows) == ["Off", "Silent", "Bad", "Good"]  # newest first
    assert "100 %" in rows["Good"]
    assert "Enabled" in rows["Good"]
    assert "1 succeeded, 0 failed" in rows["Good"]
    assert "0 %" in rows["Bad"]
    assert "Failing" in rows["Bad"]
    assert "Enabled" in rows["Silent"]
    assert "<rect" not in rows["Silent"]
    assert "Disabled" in rows["Off"]
    assert "c.*" in rows["Off"]
    assert "and 2 more" in " ".join(re.sub("<[^>]+>", " ", rows["Off"]).split())
    live = await customer.get(f"{path}/list")
    assert live.text.strip() in page.text
    assert "<html" not in live.text


async def test_a_long_list_has_pages(customer, path, make_endpoint, app, clock, monkeypatch):
    monkeypatch.setattr(webhooks, "_LISTED", 2)
    for name in "abc":
        await make_endpoint(app.id, name=f"hook-{name}")
        clock.advance(1)
    first = await customer.get(path)
    assert re.findall(r"hook-[abc](?=<)", first.text) == ["hook-c", "hook-b"]
    (older,) = re.findall(r'href="/console([^"]+behind=[^"]+)"', first.text)
    last = await customer.get(older)
    assert re.findall(r"hook-[abc](?=<)", last.text) == ["hook-a"]
    assert "behind=" in last.text  # live updates stay there
    assert re.findall(r'href="[^"]+behind=', last.text) == []


# --- making one --------------------------------------------------------------------------------


async def test_a_webhook_is_made_and_its_secret_shown_once(customer, path, made):
    form = await customer.get(f"{path}/new")
    fields = {"csrf": form.csrf, "once": form.once, "name": " Orders ", "url": f" {ENDPOINT_URL} "}
    page = await customer.post(f"{path}/new", fields)
    (endpoint,) = await made()
    assert page.status == 200
    assert SECRET.findall(page.text)[0] == endpoint.secrets[0].key
    for framework in ("FastAPI", "Django", "Flask", "Express"):
        assert framework in page.text
    assert (endpoint.name, endpoint.url, endpoint.event_types) == ("Orders", ENDPOINT_URL, None)
    shown = await customer.get(f"{path}/{endpoint.id}")
    assert endpoint.secrets[0].key not in shown.text
    assert page.answer.headers["cache-control"] == "no-store"


async def test_sending_the_form_twice_makes_one(customer, path, made):
    form = await customer.get(f"{path}/new")
    fields = {"csrf": form.csrf, "once": form.once, "name": "n", "url": ENDPOINT_URL}
    pages = await asyncio.gather(*(customer.post(f"{path}/new", fields) for _ in range(3)))
    (endpoint,) = await made()
    assert sum(page.status == 200 for page in pages) == 1
    again = await customer.post(f"{path}/new", fields)
    assert again.to == f"{path}/{endpoint.id}?said=made-before"
    assert "its secret was shown once" in (await customer.get(again.to)).words
    other = await customer.get(f"{path}/new")
    await customer.post(f"{path}/new", {**fields, "once": other.once})
    assert len(await made()) == 2


async def test_a_form_that_was_in_vain_can_be_sent_again(customer, path, made, store, monkeypatch):
    form = await customer.get(f"{path}/new")
    fields = {"csrf": form.csrf, "once": form.once, "name": "", "url": ENDPOINT_URL}
    refused = await customer.post(f"{path}/new", fields)
    assert (refused.status, refused.once) == (422, form.once)
    create = store.create_endpoint

    async def fails(*_):
        monkeypatch.setattr(store, "create_endpoint", create)
        raise RuntimeError

    monkeypatch.setattr(store, "create_endpoint", fails)
    assert (await customer.post(f"{path}/new", {**fields, "name": "n"})).status == 500
    assert (await customer.post(f"{path}/new", {**fields, "name": "n"})).status == 200
    assert len(await made()) == 1


@pytest.mark.parametrize("once", [{}, {"once": ""}, {"once": "x" * 257}])
async def test_a_form_without_its_number_is_refused(customer, path, made, once):
    page = await customer.submit(f"{path}/new", name="n", url=ENDPOINT_URL, **once)
    assert (page.status, await made()) == (403, [])


GOOD = {"name": "n", "url": ENDPOINT_URL, "events": "some", "event": ["a"]}


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"name": " "}, {"name"}),
        ({"name": "x" * 257}, {"name"}),
        ({"name": "a\0b"}, {"name"}),
        ({"url": ""}, {"url"}),
        ({"url": "example.com"}, {"url"}),
        ({"url": "http://10.0.0.1/"}, {"url"}),
        ({"url": "https://user:pw@example.com/"}, {"url"}),
        ({"event": []}, {"events"}),
        ({"event": ["a", "b*c"]}, {"events"}),
        ({"event": [], "patterns": "a.*, b..*"}, {"events"}),
        ({"name": "", "url": "", "event": []}, {"name", "url", "events"}),
    ],
)
async def test_a_fault_is_beside_its_field_and_nothing_is_lost(
    customer, path, made, fields, faults
):
    given = {**GOOD, "once": "1", "signing": "v1a", **fields}
    page = await customer.submit(f"{path}/new", **given)
    assert (page.status, set(page.faults), await made()) == (422, faults, [])
    assert 'role="alert"' in page.text
    assert all(f'href="#{each}"' in page.text for each in faults)
    assert 'value="v1a" checked' in page.text
    assert "<details open><summary>Kind of signature" in page.text
    assert "<title>Error: Create Webhook" in page.text
    assert 'value="some" checked' in page.text
    if "\0" not in given["name"]:
        assert f'value="{given["name"]}"' in page.text
    assert f'value="{given["url"]}"' in page.text


async def test_events_are_chosen_by_box_and_by_pattern(customer, path, made, event_type):
    for name in ("invoice.paid", "invoice.voided", "user.created"):
        await event_type(name)
    form = await customer.get(f"{path}/new")
    boxes = re.findall(r'type="checkbox" name="event" value="([^"]+)"', form.text)
    assert boxes == ["invoice.*", "invoice.paid", "invoice.voided", "user.created"]
    given = {"name": "n", "url": ENDPOINT_URL, "once": "1", "events": "some"}
    await customer.submit(
        f"{path}/new",
        **given,
        event=["invoice.*", "user.created"],
        patterns="order.*\nuser.created",
    )
    (endpoint,) = await made()
    assert endpoint.event_types == ("invoice.*", "user.created", "order.*")


async def test_an_event_behind_a_flag_is_not_a_customers_to_see(
    customer, operator, path, event_type
):
    await event_type("beta.thing", feature_flag="beta")
    await event_type("old.thing", archived=True)
    for browser, sees in ((customer, False), (operator, True)):
        form = await browser.get(f"{path}/new")
        assert ("beta.thing" in form.text) is sees
        assert "old.thing" not in form.text


async def test_a_key_pair_shows_its_public_half_alone(customer, path, made):
    page = await customer.submit(f"{path}/new", name="n", url=ENDPOINT_URL, once="1", signing="v1a")
    (endpoint,) = await made()
    assert endpoint.secrets[0].key.startswith("whsk_")
    for shown in (page, await customer.get(f"{path}/{endpoint.id}?said=made-before")):
        assert "whsk_" not in shown.text
        assert "whpk_" in shown.text
        assert "secret was shown" not in shown.text


async def test_the_examples_fit_the_kind_of_secret(customer, path):
    by_kind = {
        kind: await customer.submit(
            f"{path}/new", name="n", url=ENDPOINT_URL, once=kind, signing=kind
        )
        for kind in ("v1", "v1a")
    }
    for page in by_kind.values():
        assert "WEBHOOK_SECRET" in page.words.partition("What your endpoint looks like")[0]
        assert 'ROOT_URLCONF = "django_urls"' in page.text
    assert "npm install" in by_kind["v1"].text
    assert "ed25519" not in by_kind["v1"].text
    assert "npm install" not in by_kind["v1a"].text
    assert "There is none for Express" in by_kind["v1a"].words
    installed = re.findall(r"pip install [^<]+", by_kind["v1a"].text)
    assert installed == [
        "pip install 'hookseal[ed25519]' fastapi",
        "pip install 'hookseal[django,ed25519]'",
        "pip install 'hookseal[ed25519]' flask",
    ]


DJANGO_STARTS = """
import django
django.setup()
from django.urls import resolve
print(resolve("/webhooks").func.__module__)
"""


@pytest.mark.parametrize("kind", ["v1", "v1a"])
def test_the_files_for_django_work_as_they_are_shown(tmp_path, kind):
    pytest.importorskip("django")
    (django,) = (each for each in snippets(kind) if each.id == "django")
    for name, content in django.files:
        (tmp_path / name).write_text(content)
    secret = new_secret(kind)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "django_settings",
        "WEBHOOK_SECRET": public_key(secret) or secret,
    }
    done = subprocess.run(
        [sys.executable, "-c", DJANGO_STARTS],
        cwd=tmp_path, env=environment, capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("django_urls\n", 0), done.stderr


# --- Test in Play ------------------------------------------------------------------------------


async def test_an_inspector_is_made_and_filled_in(customer, path, made, play):
    form = await customer.get(f"{path}/new")
    fields = {"csrf": form.csrf, "once": form.once, "name": "n", "url": "typed", "do": "play"}
    filled = await customer.post(f"{path}/new", fields)
    assert (filled.status, filled.once, filled.faults) == (200, form.once, {})
    assert 'name="name" type="text" class="" value="n"' in filled.text
    (url,) = set(PLAY_URL.findall(filled.text))
    assert "in place of typed" in filled.words
    assert await made() == []
    created = await customer.post(f"{path}/new", {**fields, "url": url, "do": "save"})
    (endpoint,) = await made()
    assert (created.status, endpoint.url) == (200, url)
    for page in (created, await customer.get(f"{path}/{endpoint.id}")):
        (token,) = VIEW_URL.findall(page.text)
        one = await play.store.bin_to_view(token, 0)
        assert one.secrets == (endpoint.secrets[0].key,)


async def test_of_a_key_pair_play_has_the_public_half(customer, path, made, play):
    filled = await customer.submit(f"{path}/new", do="play")
    url = PLAY_URL.search(filled.text)[0]
    page = await customer.submit(f"{path}/new", name="n", url=url, once="1", signing="v1a")
    one = await play.store.bin_to_view(VIEW_URL.search(page.text)[1], 0)
    assert [each[:5] for each in one.secrets] == ["whpk_"]


async def test_inspectors_have_a_limit(customer, path):
    for once in "12":
        filled = await customer.submit(f"{path}/new", do="play")
        url = PLAY_URL.search(filled.text)[0]
        await customer.submit(f"{path}/new", name="n", url=url, once=once)
    refused = await customer.submit(f"{path}/new", do="play", name="n")
    assert (refused.status, set(refused.faults)) == (422, {"url"})
    assert "You have 2 inspectors" in refused.faults["url"]


async def test_an_inspector_that_nobody_used_is_given_again(customer, path):
    pages = [await customer.submit(f"{path}/new", do="play", name="n") for _ in range(5)]
    assert {page.status for page in pages} == {200}
    assert len({PLAY_URL.search(page.text)[0] for page in pages}) == 1


async def test_who_asks_for_an_inspector_again_keeps_the_one_there_is(
    customer, let_in, path, make_application
):
    first = await customer.submit(f"{path}/new", do="play")
    url = PLAY_URL.search(first.text)[0]
    for _ in range(3):
        again = await customer.submit(f"{path}/new", do="play", url=f" {url} ")
        assert (again.status, set(PLAY_URL.findall(again.text))) == (200, {url})
    other = await make_application()
    elsewhere = await (await let_in(other)).submit(
        f"/app/{other.id}/webhooks/new", do="play", url=url
    )
    assert f'value="{url}"' not in elsewhere.text
    assert f"in place of {url}" in elsewhere.words


async def test_anothers_inspector_is_a_url_like_any_other(
    customer, let_in, path, make_application, made, play
):
    filled = await customer.submit(f"{path}/new", do="play")
    url = PLAY_URL.search(filled.text)[0]
    other = await make_application()
    browser = await let_in(other)
    page = await browser.submit(f"/app/{other.id}/webhooks/new", name="n", url=url, once="1")
    assert page.status == 200
    assert VIEW_URL.search(page.text) is None
    one = await play.store.bin_to_capture(url.rpartition("/")[2], 0)
    assert one.secrets == ()


async def test_a_webhook_whose_inspector_is_gone_says_so(
    customer, let_in, path, make_application, made, play
):
    filled = await customer.submit(f"{path}/new", do="play")
    url = PLAY_URL.search(filled.text)[0]
    await customer.submit(f"{path}/new", name="n", url=url, once="1")
    (endpoint,) = await made()
    other = await make_application()
    elsewhere = await let_in(other)
    await elsewhere.submit(f"/app/{other.id}/webhooks/new", name="n", url=url, once="1")
    listed = await elsewhere.get(f"/app/{other.id}/webhooks")
    (theirs,) = re.findall(r'class="hook-name" href="/console([^"]+)"', listed.text)
    for shown in (await customer.get(f"{path}/{endpoint.id}"), await elsewhere.get(theirs)):
        assert "is gone" not in shown.words
    one = await play.store.bin_to_capture(url.rpartition("/")[2], 0)
    await play.store.delete_bin(one.id)
    for where in (f"{path}/{endpoint.id}", f"{path}/{endpoint.id}/live"):
        assert "Its inspector in Play is gone" in (await customer.get(where)).words


async def test_without_play_there_is_no_inspector(sign_in, make_console, path, made):
    browser = await sign_in(make_console(playing=False))
    assert 'value="play"' not in (await browser.get(f"{path}/new")).text
    page = await browser.submit(f"{path}/new", do="play", name="n", url=ENDPOINT_URL, once="1")
    assert page.status == 200
    (endpoint,) = await made()
    assert (await browser.get(f"{path}/{endpoint.id}")).status == 200


# --- the page of one ---------------------------------------------------------------------------


async def test_the_page_of_a_webhook_tells_its_settings(
    customer, app, path, store, event_type, send, work, clock
):
    await event_type("invoice.paid", schemas={"1": {"type": "object"}})
    await event_type("user.created")
    draft = EndpointDraft(
        url=ENDPOINT_URL,
        name="Orders",
        description="for Ann",
        event_types=("a.*", "b"),
        channels=("eu", "us"),
        throttle_rate=17,
        timeout=2.5,
    )
    endpoint = await store.create_endpoint(app.id, draft, new_secret("v1"))
    await store.rotate_secret(app.id, endpoint.id, new_secret("v1"), overlap=3600)
    message = await send(endpoint, "x.y")
    await work(200)
    page = await customer.get(f"{path}/{endpoint.id}")
    for told in ("for Ann", "a.*", "eu, us", "17 a second", "2.5 s", "100 %", "x.y", endpoint.id):
        assert told in page.words, told
    assert f"/logs/{message.id}" in page.text
    examples = re.findall(r'<option value="([^"]+)"', page.text)
    assert examples == ["webhook.ping", "invoice.paid"]
    assert not SECRET.search(page.text)


async def test_a_webhooks_page_reads_no_tallies_but_its_own(
    customer, hook, endpoint, store, make_endpoint, send, work, monkeypatch
):
    for each in (endpoint, await make_endpoint(endpoint.app_id)):
        await send(each)
    await work(200)
    read, tallies = [], store.tallies

    async def reading(*args, **options):
        read.append(await tallies(*args, **options))
        return read[-1]

    monkeypatch.setattr(store, "tallies", reading)
    for page in (await customer.get(hook), await customer.get(f"{hook}/live")):
        assert "1 succeeded, 0 failed" in page.text
    assert [list(each) for each in read] == [[endpoint.id], [endpoint.id]]


async def test_a_webhook_is_live(customer, hook, endpoint, send, work):
    page = await customer.get(hook)
    assert f'hx-get="/console{hook}/live"' in page.text
    message = await send(endpoint, "x.y")
    await work(200)
    live = await customer.get(f"{hook}/live")
    assert message.id in live.text
    assert "1 succeeded, 0 failed" in live.words
    assert "<html" not in live.text
    assert live.text.strip() in (await customer.get(hook)).text


@pytest.fixture
async def unreadable(store, endpoint, send, work):
    """A message to an endpoint whose secret was sealed with a key that was lost."""
    message = await send(endpoint)
    await work(500)
    sealed = f"v1.{'0' * 12}.AAAA"
    lose = text("UPDATE endpoint SET secrets = :sealed").bindparams(sealed=sealed)
    await store.database.write(lambda connection, _now_ms: connection.execute(lose))
    return message


async def test_a_secret_that_cannot_be_read_is_told_as_each_can_use_it(
    customer, operator, hook, unreadable
):
    for place in ("", "/live", "/edit", "/logs", f"/logs/{unreadable.id}", "/rotate", "/delete"):
        page = await customer.get(f"{hook}{place}")
        assert page.status == 200
        assert "HOOKSEAL" not in page.text
        assert "sealed" not in page.words
    assert "Its secret cannot be read" in (await customer.get(hook)).words
    assert "HOOKSEAL_ENCRYPTION_KEY" in (await operator.get(hook)).words
    curl = await customer.get(f"{hook}/logs/{unreadable.id}/curl")
    assert curl.status == 500
    assert "cannot be read" in curl.words
    assert "HOOKSEAL" not in curl.text
    rotated = await customer.submit(f"{hook}/rotate", once="1")
    assert SECRET.search(rotated.text)
    assert "cannot be read" not in (await customer.get(hook)).words


async def test_headers_that_cannot_be_read_are_told_too(customer, hook, store, endpoint):
    lose = text(f"UPDATE endpoint SET headers = 'v1.{'0' * 12}.AAAA'")
    await store.database.write(lambda connection, _now_ms: connection.execute(lose))
    page = await customer.get(hook)
    assert "Its headers cannot be read" in page.words
    assert "HOOKSEAL" not in page.text


async def test_the_page_says_why_nothing_is_sent(
    customer, endpoint, hook, store, send, work, monkeypatch
):
    plain = await customer.get(hook)
    assert f"{SETTINGS.request_timeout:g} s" in plain.words
    assert plain.text.count('class="note') == 0
    await send(endpoint)
    await work(500)
    failing = await customer.get(hook)
    assert "Nothing has arrived since" in failing.words
    by_hand = await customer.submit(f"{hook}/disable")
    assert by_hand.to == f"{hook}?said=disabled"
    disabled = await customer.get(by_hand.to)
    assert re.findall(r'class="note (\w+)"( role="status")?', disabled.text) == [
        ("warn", ' role="status"')
    ]
    told = set()
    for reason in Disabled:
        find = store.endpoint

        async def found(*given, find=find, reason=reason):
            return replace(await find(*given), disabled=True, disabled_for=reason)

        monkeypatch.setattr(store, "endpoint", found)
        page = await customer.get(hook)
        monkeypatch.undo()
        told.add(webhooks.DISABLED[reason])
        assert webhooks.DISABLED[reason] in page.words
    assert len(told) == len(Disabled)


async def test_what_was_done_is_said_and_nothing_else_is(customer, hook):
    for said in ("saved", "enabled", "no-example", "made-before", "rotated-before"):
        assert 'role="status"' in (await customer.get(f"{hook}?said={said}")).text.replace(
            'id="said" class="sr-only" role="status"', ""
        )
    page = await customer.get(f"{hook}?said=Call+555-EVIL")
    assert "EVIL" not in page.text


async def test_a_page_shows_what_customers_write_as_text(customer, app, make_endpoint, path):
    evil = '"><script>alert(1)</script>'
    endpoint = await make_endpoint(app.id, name=evil, description=evil, event_types=("a",))
    for place in ("", f"/{endpoint.id}", f"/{endpoint.id}/edit", f"/{endpoint.id}/delete"):
        page = await customer.get(f"{path}{place}")
        assert "<script>alert" not in page.answer.text
        assert "&lt;script&gt;" in page.answer.text
