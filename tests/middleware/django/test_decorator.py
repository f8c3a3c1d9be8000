"""The decorator for one view: sync, async and class-based."""

import json

import pytest

pytest.importorskip("django", reason="Django is not installed")

from django.db import connection
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views import View

from hookseal import ConfigError
from hookseal.django import webhook
from tests.middleware.support import SECRET, AsyncLedger, CountingLedger, forged, signed


def views(act, **settings):
    """One view in each form, that answers with ``act(request)``."""

    @webhook(SECRET, **settings)
    def sync_view(request):
        return act(request)

    @webhook(SECRET, **settings)
    async def async_view(request):
        return act(request)

    @method_decorator(webhook(SECRET, **settings), name="dispatch")
    class SyncClass(View):
        def post(self, request):
            return act(request)

    @method_decorator(webhook(SECRET, **settings), name="dispatch")
    class AsyncClass(View):
        async def post(self, request):
            return act(request)

    around = webhook(SECRET, **settings)(AsyncClass.__base__.as_view())
    assert around.csrf_exempt
    return [sync_view, async_view, SyncClass.as_view(), AsyncClass.as_view()]


@pytest.fixture(params=range(4), ids=["sync", "async", "sync class", "async class"])
def make(request):
    return lambda act, **settings: views(act, **settings)[request.param]


def test_a_delivery_is_handled_once_without_a_csrf_token(project, make):
    runs = []

    def act(request):
        runs.append(request.hookseal_event)
        return JsonResponse({"got": request.body.decode()})

    site = project(make(act))
    first, again = site.send(), site.send()
    assert (first.status, again.status, len(runs)) == (200, 200, 1)
    assert again.body == first.body
    assert again.headers["webhook-replayed"] == "true"
    assert site.send(forged(path="/hooks")).status == 401


def test_a_view_that_raises_is_run_again(project, make):
    failures = [RuntimeError("away")]

    def act(request):
        if failures:
            raise failures.pop()
        return HttpResponse(b"done")

    site = project(make(act))
    assert [site.send().status, site.send().status] == [500, 200]


def test_a_payload_that_is_not_json_is_a_422(project, make):
    site = project(make(lambda request: JsonResponse(request.hookseal_event.json())))
    answer = site.send(signed(body=b"no", path="/hooks"))
    assert (answer.status, json.loads(answer.body)["code"]) == (422, "payload_malformed")


def test_a_template_is_rendered_before_the_reply_is_stored(project, make, configured):
    configured(
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": []}]
    )
    template = engines["django"].from_string("event {{ id }}")
    act = lambda request: TemplateResponse(  # noqa: E731
        request, template, {"id": request.hookseal_event.id}
    )
    site = project(make(act))
    assert [site.send().body, site.send().body] == [b"event evt_1"] * 2


def test_report_mode_runs_the_view_on_anything(project, make):
    site = project(make(lambda request: HttpResponse(request.body), mode="report"), MIDDLEWARE=[])
    assert site.send(forged(path="/hooks")).status == 200


def test_no_login_is_asked_for(configured):
    assert views(lambda request: None)[0].login_required is False


@pytest.mark.parametrize("kind", [0, 2], ids=["sync", "sync class"])
def test_the_transaction_ends_before_the_event_counts_as_handled(project, configured, kind):
    seen = []

    class Watched(CountingLedger):
        def complete(self, *arguments):
            seen.append(("completed", connection.in_atomic_block))
            return super().complete(*arguments)

    def act(request):
        seen.append(("handled", connection.in_atomic_block))
        return HttpResponse(b"done")

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        site = project(views(act, ledger=Watched())[kind])
        if site.face == "asgi":
            pytest.skip("connections are a thread's own, and this test's is not the view's")
        site.send()
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert seen == [("handled", True), ("completed", False)]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_streamed_reply_is_settled_when_it_ends(project):
    def act(request):
        return StreamingHttpResponse(iter([b"one ", b"two"]))

    site = project(views(act)[0])
    assert [site.send().body, site.send().body] == [b"one two"] * 2


def test_wrong_settings_are_told_where_they_are_written(configured):
    with pytest.raises(ConfigError, match="secrets: none given"):
        webhook()
    with pytest.raises(ConfigError, match="ledger: the store is async"):
        webhook(SECRET, ledger=AsyncLedger())(lambda request: None)
