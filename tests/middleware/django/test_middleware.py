"""The class for MIDDLEWARE, under WSGI and under ASGI, through Django's own handlers."""

import asyncio
import json
import threading

import pytest

pytest.importorskip("django", reason="Django is not installed")

from asgiref.sync import markcoroutinefunction
from django.core.files.base import ContentFile
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory

from hookseal import ConfigError
from hookseal.django import WebhookMiddleware, webhook_event
from hookseal.ledger import MemoryLedger
from hookseal.policy import Policy
from hookseal.verify import WebhookEvent
from tests.middleware.django.project import CSRF, MIDDLEWARE, Project
from tests.middleware.support import (
    OTHER_SECRET,
    SECONDS,
    SECRET,
    AsyncLedger,
    Messages,
    asgi_scope,
    forged,
    signed,
)


def code(answer):
    return json.loads(answer.body)["code"]


class View:
    """A sync view that gives its replies in turn, the last one for ever."""

    def __init__(self, *replies):
        self.replies = list(replies) or [HttpResponse(b"done")]
        self.requests = []

    @property
    def runs(self):
        return len(self.requests)

    def __call__(self, request):
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply() if callable(reply) and not hasattr(reply, "status_code") else reply


class SyncOnly:
    """A middleware as many projects have one: under ASGI it puts what is above it on a thread."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


class AsyncOnly:
    """The other way round: under WSGI it puts what is above it on an event loop."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        return await self.get_response(request)


class Reader:
    """A middleware before ours that has a look at the body."""

    how = "body"

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        getattr(request, self.how)
        return self.get_response(request)


class Parser(Reader):
    how = "POST"


BELOW = [[], ["SyncOnly"], ["AsyncOnly"]]


@pytest.mark.parametrize("below", BELOW, ids=str)
def test_a_signed_delivery_reaches_the_view_once(project, below):
    view = View(JsonResponse({"fine": True}))
    chain = [MIDDLEWARE, CSRF, *(f"{__name__}.{name}" for name in below)]
    site = project(view, {}, MIDDLEWARE=chain)
    first, again = site.send(signed(path="/hooks")), site.send(signed(path="/hooks"))

    assert (first.status, again.status, again.body) == (200, 200, b'{"fine": true}')
    assert again.headers["webhook-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    assert view.runs == 1
    assert view.requests[0].hookseal_event.id == "evt_1"
    assert webhook_event(view.requests[0]) is view.requests[0].hookseal_event


def test_the_view_finds_the_body_in_every_way_django_has(project):
    def view(request):
        form = {"raw": request.body.decode(), "form": request.POST.get("a")}
        return JsonResponse(form | {"read": request.read().decode()})

    call = signed(body=b"a=1", path="/hooks", headers={"content-type": FORM})
    found = json.loads(project(view, {}).send(call).body)
    assert found == {"raw": "a=1", "form": "1", "read": "a=1"}


FORM = "application/x-www-form-urlencoded"
MULTIPART = (
    b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--edge\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nfile\r\n--edge--\r\n'
)
MULTIPART_TYPE = {"content-type": "multipart/form-data; boundary=edge"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_with_files_can_be_parsed(project, chunked):
    def view(request):
        return JsonResponse({"a": request.POST["a"], "f": request.FILES["f"].read().decode()})

    call = signed(body=MULTIPART, path="/hooks", headers=MULTIPART_TYPE)
    answer = project(view, {}).send(call, chunked=chunked)
    assert json.loads(answer.body) == {"a": "1", "f": "file"}


def test_a_body_may_exceed_djangos_own_limit_but_not_ours(project):
    def view(request):
        return HttpResponse(str(len(request.body)))

    site = project(view, {"max_body": 2000}, DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
    assert site.send(signed(body=b"x" * 1500, path="/hooks")).body == b"1500"
    for chunked in (False, True):
        answer = site.send(signed("evt_2", body=b"x" * 2001, path="/hooks"), chunked=chunked)
        assert (answer.status, code(answer)) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (forged(path="/hooks"), (401, "signature_invalid")),
        (signed(path="/hooks", scheme="http"), (403, "insecure_transport")),
        (signed(path="/hooks", age=3600), (401, "timestamp_too_old")),
        (signed(path="/hooks", method="GET"), (405, "method_not_allowed")),
    ],
)
def test_what_is_not_right_is_refused(project, call, expected):
    view = View()
    answer = project(view, {}).send(call)
    assert (answer.status, code(answer)) == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert view.runs == 0


def test_a_head_request_is_answered_without_a_body(project):
    answer = project(View(), {}).send(signed(path="/hooks", method="HEAD"))
    assert (answer.status, answer.body) == (405, b"")
    assert int(answer.headers["content-length"]) > 0


def test_djangos_word_on_the_proxy_is_not_believed(project):
    header = {"x-forwarded-proto": "https"}
    call = signed(path="/hooks", scheme="http", headers=header)
    believing = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
    assert project(View(), {}, **believing).send(call).status == 403
    assert project(View(), {"trusted_proxies": [call.peer]}).send(call).status == 200


def test_other_paths_keep_their_csrf_check(project):
    view = View()
    site = project(view, {})
    assert site.send(signed(path="/open")).status == 403
    assert site.send(signed(path="/open", method="GET")).status == 200
    with pytest.raises(ConfigError, match="no verified webhook event at /open"):
        webhook_event(view.requests[0])


def test_no_csrf_token_is_missed_where_the_test_client_enforces_them(configured, project):
    call = signed(path="/hooks")
    project(View(), {})
    answer = Client(enforce_csrf_checks=True).post(
        "/hooks", call.body, "application/json", secure=True, headers=call.headers
    )
    assert answer.status_code == 200


def test_it_may_stand_anywhere_among_djangos_own(project):
    site = project(View(), {}, MIDDLEWARE=[CSRF, MIDDLEWARE])
    assert site.send().status == 200


def test_below_a_prefix_only_the_rest_counts(project):
    site = project(View(), {})
    assert site.send(signed(path="/hooks", mount="/site")).status == 200
    assert site.send(forged(path="/hooks", mount="/site")).status == 401


def test_what_read_the_body_before_does_no_harm(project):
    site = project(View(), {}, MIDDLEWARE=[f"{__name__}.Reader", MIDDLEWARE])
    assert site.send().status == 200
    assert site.send(forged(path="/hooks")).status == 401


def test_what_parsed_the_body_before_leaves_nothing_to_verify(project):
    site = project(View(), {}, MIDDLEWARE=[f"{__name__}.Parser", MIDDLEWARE])
    answer = site.send(signed(body=MULTIPART, path="/hooks", headers=MULTIPART_TYPE))
    assert (answer.status, code(answer)) == (400, "body_incomplete")


@pytest.mark.parametrize("failure", [RuntimeError("away"), HttpResponse(status=503)])
def test_a_view_that_fails_is_run_again(project, failure):
    view = View(failure, HttpResponse(b"done"))
    site = project(view, {}, DEBUG_PROPAGATE_EXCEPTIONS=False)
    first, again = site.send(), site.send()
    assert (first.status // 100, again.status, view.runs) == (5, 200, 2)


@pytest.mark.parametrize("below", BELOW, ids=str)
def test_an_error_that_django_lets_through_releases_the_claim(project, below):
    view = View(RuntimeError("away"), HttpResponse(b"done"))
    chain = [MIDDLEWARE, *(f"{__name__}.{name}" for name in below)]
    site = project(view, {}, MIDDLEWARE=chain, DEBUG_PROPAGATE_EXCEPTIONS=True)
    with pytest.raises(RuntimeError, match="away"):
        site.send()
    assert site.send().status == 200


def test_a_payload_that_is_not_json_is_a_422(project):
    def view(request):
        return JsonResponse(request.hookseal_event.json())

    answer = project(view, {}).send(signed(body=b"no", path="/hooks"))
    assert (answer.status, code(answer)) == (422, "payload_malformed")


def test_an_async_store_serves_async_django(configured, project, face):
    if face == "wsgi":
        with pytest.raises(ConfigError, match="ledger: the store is async"):
            project(View(), {"ledger": AsyncLedger()})
    else:
        site = project(View(), {"ledger": AsyncLedger()})
        assert "webhook-replayed" in [site.send(), site.send()][1].headers


# --- clients that go away --------------------------------------------------------------------


def asgi_request(call):
    request = AsyncRequestFactory().post(
        "/hooks", call.body, content_type="application/json", headers=call.headers
    )
    request.scope["scheme"] = "https"
    return request


class SlowView:
    """A view on a thread, or on the loop, that ends when it is told."""

    def __init__(self, ends):
        self._ends = ends
        self.runs = 0
        self.begun, self.go = threading.Event(), threading.Event()

    def _end(self):
        if isinstance(self._ends, Exception):
            raise self._ends
        return self._ends

    def sync(self, request):
        self.runs += 1
        self.begun.set()
        assert self.go.wait(SECONDS)
        return self._end()

    async def on_loop(self, request):
        self.runs += 1
        self.begun.set()
        assert await asyncio.to_thread(self.go.wait, SECONDS)
        return self._end()


class Caller(Messages):
    """A client that stays until it is ``gone``, which the app has been ``told`` then."""

    def __init__(self, call):
        super().__init__({"type": "http.request", "body": call.body})
        self._scope = asgi_scope(call)
        self._asked = False
        self.gone, self.told = asyncio.Event(), asyncio.Event()

    async def ask(self, app):
        await asyncio.wait_for(app(self._scope, self.receive, self.send), SECONDS)

    async def receive(self):
        if self._asked:
            await self.gone.wait()
            self.told.set()
        self._asked = True
        return await super().receive()


@pytest.mark.parametrize("kind", ["sync", "on_loop"])
@pytest.mark.parametrize(
    ("ends", "name", "retried"),
    [
        (HttpResponse(b"done"), "completed", 200),
        (HttpResponse(status=500), "released", 500),
        (RuntimeError("boom"), "released", None),
    ],
    ids=["good", "bad", "raises"],
)
def test_a_view_whose_client_has_gone_is_not_run_beside_itself(
    configured, kind, ends, name, retried
):
    view = SlowView(ends)
    site = Project("asgi", getattr(view, kind), {"in_flight_wait": 0})
    configured(**site.settings, DEBUG_PROPAGATE_EXCEPTIONS=retried is None)
    site.start()
    call = signed(path="/hooks")

    async def scenario():
        first, beside = Caller(call), Caller(call)
        running = asyncio.create_task(first.ask(site.app))
        assert await asyncio.to_thread(view.begun.wait, SECONDS)
        first.gone.set()
        await asyncio.wait_for(first.told.wait(), SECONDS)
        for _ in range(5):
            await asyncio.sleep(0)
        await beside.ask(site.app)
        view.go.set()
        await asyncio.wait_for(running, SECONDS)
        assert first.sent == []
        return beside.answer()

    assert code(asyncio.run(scenario())) == "delivery_in_flight"
    assert site.noted == ["accepted", "rejected", name]
    if retried is None:
        with pytest.raises(RuntimeError):
            site.send(call)
    else:
        assert site.send(call).status == retried
    assert view.runs == (1 if name == "completed" else 2)


def test_a_view_that_the_loop_ends_with_keeps_its_claim(configured):
    notes = []
    ledger = MemoryLedger()

    async def serve():
        begun = asyncio.Event()

        async def get_response(request):
            begun.set()
            await asyncio.Event().wait()

        guarded = WebhookMiddleware(get_response)
        task = asyncio.ensure_future(guarded(asgi_request(signed(path="/hooks"))))
        await asyncio.wait_for(begun.wait(), SECONDS)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        assert task.cancelled()

    configured(HOOKSEAL={"secrets": SECRET, "observer": notes.append, "ledger": ledger})
    asyncio.run(serve())
    assert [(note.name, note.detail) for note in notes] == [
        ("accepted", ""),
        ("settle_failed", "Cancelled"),
    ]
    assert len(ledger) == 1


def test_a_view_that_raises_a_cancellation_of_its_own_is_run_again(configured):
    notes = []
    ledger = MemoryLedger()

    async def get_response(request):
        helper = asyncio.ensure_future(asyncio.Event().wait())
        helper.cancel()
        await helper

    configured(HOOKSEAL={"secrets": SECRET, "observer": notes.append, "ledger": ledger})
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(WebhookMiddleware(get_response)(asgi_request(signed(path="/hooks"))))
    assert [note.name for note in notes] == ["accepted", "released"]
    assert len(ledger) == 0


# --- streams ---------------------------------------------------------------------------------


def sync_stream():
    return StreamingHttpResponse(iter([b"one ", b"two"]))


def async_stream():
    async def parts():
        yield b"one "
        yield b"two"

    return StreamingHttpResponse(parts())


def file():
    return FileResponse(ContentFile(b"one two"))


STREAMS = [sync_stream, async_stream, file]
OTHER_KIND = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")


@OTHER_KIND
@pytest.mark.parametrize("make", STREAMS)
@pytest.mark.parametrize("store", [MemoryLedger, AsyncLedger])
def test_a_streamed_reply_is_settled_when_it_ends(project, face, make, store):
    if face == "wsgi" and store is AsyncLedger:
        pytest.skip("refused at the start")
    view = View(make)
    site = project(view, {"ledger": store()})
    first, again = site.send(), site.send()
    assert (first.body, again.body, view.runs) == (b"one two", b"one two", 1)
    assert again.headers["webhook-replayed"] == "true"


def test_an_empty_reply_is_stored_as_one(project):
    site = project(View(HttpResponse(status=204)), {})
    first, again = site.send(), site.send()
    assert (first.status, again.status, again.body) == (204, 204, b"")
    assert "content-length" not in again.headers


@OTHER_KIND
@pytest.mark.parametrize("make", [sync_stream, async_stream])
def test_a_stream_that_is_given_up_releases_the_claim(project, make):
    def endless():
        while True:
            yield b"more"

    async def endless_async():
        while True:
            yield b"more"

    parts = endless if make is sync_stream else endless_async
    view = View(StreamingHttpResponse(parts()), HttpResponse(b"done"))
    site = project(view, {})
    if (site.face == "wsgi") is (make is async_stream):
        pytest.skip("Django collects it whole, to its end, before it sends any of it")
    site.send(hang_up_after=2)
    assert site.noted[-1] == "released"
    assert site.send().status == 200
    assert view.runs == 2


def test_a_stream_may_be_closed_on_the_loop_itself(configured):
    notes = []

    async def get_response(request):
        return async_stream()

    async def serve():
        response = await WebhookMiddleware(get_response)(asgi_request(signed(path="/hooks")))
        response.close()
        response.close()
        assert [part async for part in response] == [b"one ", b"two"]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    configured(HOOKSEAL={"secrets": SECRET, "observer": notes.append})
    asyncio.run(serve())
    assert [note.name for note in notes] == ["accepted", "released"]


# --- report mode -----------------------------------------------------------------------------


@pytest.mark.parametrize("below", BELOW, ids=str)
@pytest.mark.parametrize("chunked", [False, True])
def test_report_mode_lets_all_through_and_tells(project, below, chunked):
    view = View(lambda: HttpResponse(view.requests[-1].body))
    chain = [MIDDLEWARE, *(f"{__name__}.{name}" for name in below)]
    site = project(view, {"mode": "report"}, MIDDLEWARE=chain)
    for call in (signed(path="/hooks"), signed(path="/hooks"), forged(path="/hooks")):
        answer = site.send(call, chunked=chunked)
        assert answer.status == 200
        assert answer.body == call.body or chunked
    assert view.runs == 3
    assert {"accepted", "would_reply", "would_reject"} <= set(site.noted)


def test_report_mode_leaves_a_body_that_is_too_large_to_django(project):
    limit = {"DATA_UPLOAD_MAX_MEMORY_SIZE": 10}
    site = project(View(), {"mode": "report"}, MIDDLEWARE=[MIDDLEWARE], **limit)
    assert site.send().status == 200
    assert site.notes[-1].code == "body_too_large"


def test_report_mode_survives_a_parsed_body(project):
    chain = [f"{__name__}.Parser", MIDDLEWARE]
    site = project(View(), {"mode": "report"}, MIDDLEWARE=chain)
    call = signed(body=MULTIPART, path="/hooks", headers=MULTIPART_TYPE)
    assert site.send(call).status == 200
    assert site.notes[-1].code == "body_incomplete"


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hookseal", "says"),
    [
        (None, r"HOOKSEAL: write HOOKSEAL = .*found NoneType"),
        ("whsec_...", r"found str"),
        ({}, r"HOOKSEAL: secrets: none given"),
        ({"secrets": "short"}, r"HOOKSEAL: secrets: "),
        (
            {"secrets": SECRET, "tolerence": 3},
            r"no setting 'tolerence'. .* 'tolerance'\?",
        ),
        ({"secrets": SECRET, "zzz": 3}, r"no setting 'zzz'.$"),
    ],
)
def test_wrong_settings_stop_the_start(configured, hookseal, says):
    configured(HOOKSEAL=hookseal, MIDDLEWARE=[MIDDLEWARE])
    with pytest.raises(ConfigError, match=says):
        WSGIHandler()


def test_a_ready_policy_will_do(project):
    view = View()
    site = project(view, {})
    ready = {"HOOKSEAL": {"policy": Policy(secrets=OTHER_SECRET)}}
    site = project(view, {}, **ready)
    assert site.send(signed(path="/hooks", secret=OTHER_SECRET)).status == 200
    assert site.send(signed(path="/hooks")).status == 401


def test_a_face_around_django_gives_its_event_too(face):
    event = WebhookEvent("evt_1", 1, b"", "standard", "default")
    if face == "wsgi":
        request = RequestFactory().post("/", hookseal_event=event)
    else:
        request = AsyncRequestFactory().post("/")
        request.scope["state"] = {"hookseal_event": event}
    assert webhook_event(request) is event
