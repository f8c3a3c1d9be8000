"""Secrets picked by request, on both faces."""

import functools

import pytest

from hookseal import ConfigError, KeyRing
from hookseal.ledger import MemoryLedger
from hookseal.sources import Source
from hookseal.wsgi import WebhookMiddleware

from .support import OTHER_SECRET, SECRET, AsyncLedger, Endpoint, Handler, forged, signed

TENANTS = {"acme": Source("acme", SECRET), "globex": Source("globex", [OTHER_SECRET])}


def by_header(request):
    return TENANTS.get(request.header("X-Tenant"))


async def by_header_async(request):
    return by_header(request)


class ByPath:
    """A picker that is an object."""

    async def __call__(self, request):
        return TENANTS.get(request.path.removeprefix("/"))


def acme(**parts):
    return signed(headers={"x-tenant": "acme"}, **parts)


def globex(**parts):
    return signed(secret=OTHER_SECRET, headers={"x-tenant": "globex"}, **parts)


@pytest.mark.parametrize("picker", [by_header, functools.partial(by_header)])
def test_a_tenant_is_checked_with_its_own_secrets(endpoint, picker):
    one = endpoint(secrets=picker)
    assert one.send(acme()).status == 200
    assert one.send(globex()).status == 200
    assert [event.source for event in one.handler.events] == ["acme", "globex"]
    assert one.send(signed(secret=OTHER_SECRET, headers={"x-tenant": "acme"})).status == 401


def test_the_picker_may_be_async_under_asgi():
    one = Endpoint("asgi", secrets=by_header_async)
    assert one.send(acme()).status == 200
    other = Endpoint("asgi", secrets=ByPath())
    assert other.send(signed(path="/acme")).status == 200
    assert other.send(signed(path="/nobody")).status == 401


@pytest.mark.parametrize("picker", [by_header_async, ByPath(), functools.partial(by_header_async)])
def test_an_async_picker_is_refused_under_wsgi(picker):
    with pytest.raises(ConfigError, match=r"^secrets: the callable is async, which a WSGI app"):
        WebhookMiddleware(None, picker)


def test_an_async_ledger_is_refused_under_wsgi():
    with pytest.raises(ConfigError, match=r"^ledger: the store is async, which a WSGI app"):
        WebhookMiddleware(None, SECRET, ledger=AsyncLedger())


def test_an_async_ledger_works_under_asgi():
    ledger = AsyncLedger()
    one = Endpoint("asgi", Handler(500, 200), ledger=ledger)
    assert one.send(signed()).status == 500
    assert len(ledger) == 0
    assert [one.send(signed()).replayed for _ in range(2)] == [False, True]


def test_unknown_and_forged_look_alike(endpoint):
    one = endpoint(secrets=by_header)
    unknown = one.send(signed(headers={"x-tenant": "nobody"}))
    fake = one.send(forged(headers={"x-tenant": "acme"}))
    assert unknown == fake
    assert (unknown.status, unknown.code) == (401, "signature_invalid")
    assert one.handler.runs == 0


@pytest.mark.parametrize(
    ("picked", "detail"),
    [
        (RuntimeError("password=hunter2"), "RuntimeError"),
        (ConfigError("tenants: no table"), "tenants: no table"),
        ("whsec_", "secrets: the whsec_ secret decodes to 0 bytes"),
        (5, "TypeError"),
        ([], "secrets: none given"),
        (Source("acme", ""), "secrets: the secret is empty"),
    ],
)
def test_a_picker_that_fails_closes(endpoint, picked, detail):
    def picker(request):
        if isinstance(picked, Exception):
            raise picked
        return picked

    one = endpoint(secrets=picker)
    answer = one.send(signed())
    assert (answer.status, answer.code) == (503, "secrets_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert one.noted == ["picker_failed", "rejected"]
    assert one.notes[0].detail.startswith(detail)
    assert b"hunter2" not in answer.body
    assert one.handler.runs == 0


def test_an_async_picker_that_raises_closes():
    async def picker(request):
        raise TimeoutError

    assert Endpoint("asgi", secrets=picker).send(signed()).code == "secrets_unavailable"


@pytest.mark.parametrize(
    "picked",
    [SECRET, [OTHER_SECRET, SECRET], (SECRET,), {SECRET: 1}.keys(), KeyRing.parse(SECRET)],
)
def test_a_picker_may_return_any_form_of_secrets(endpoint, picked):
    one = endpoint(secrets=lambda request: picked)
    assert one.send(signed()).status == 200
    assert one.send(signed()).replayed
    assert one.handler.events[0].source == "default"


# --- tenants apart ---------------------------------------------------------------------------


def test_one_tenant_cannot_use_up_the_event_ids_of_another(endpoint):
    ledger = MemoryLedger()
    one = endpoint(secrets=by_header, ledger=ledger)
    assert not one.send(acme()).replayed
    assert not one.send(globex()).replayed
    assert one.handler.runs == len(ledger) == 2


def test_secrets_without_a_name_are_kept_apart_too(endpoint):
    one = endpoint(secrets=lambda request: TENANTS[request.header("x-tenant")].secrets)
    assert not one.send(acme()).replayed
    assert not one.send(globex()).replayed
    assert one.handler.runs == 2


def test_a_named_source_stays_the_same_while_its_secrets_rotate(endpoint):
    ledger = MemoryLedger()
    before, after = Source("acme", SECRET), Source("acme", [OTHER_SECRET, SECRET])
    endpoint(secrets=before, ledger=ledger).send(signed())
    assert endpoint(secrets=after, ledger=ledger).send(signed(secret=OTHER_SECRET)).replayed
    assert endpoint(secrets=lambda request: after, ledger=ledger).send(signed()).replayed


def test_a_source_needs_a_name():
    with pytest.raises(ConfigError, match=r"^source: the name is empty"):
        Source("", SECRET)


def test_a_header_may_be_looked_up_in_any_case(endpoint):
    seen = []

    def picker(request):
        seen.extend([request.header("content-TYPE"), request.header("x-é"), request.header("x")])
        return SECRET

    one = endpoint(secrets=picker)
    assert one.send(signed(headers={"content-type": "application/json"})).status == 200
    assert seen == ["application/json", None, None]
