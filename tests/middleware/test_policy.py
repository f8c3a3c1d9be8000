"""Settings: what is refused, and that a face takes what a policy has."""

import asyncio
import dataclasses

import pytest

from hookseal import ConfigError, asgi, wsgi
from hookseal.inprocess import call_asgi, call_wsgi
from hookseal.policy import Policy, Settings
from hookseal.sources import Source

from .support import FACES, SECRET, Endpoint, signed


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tolerance": 0}, "tolerance: 0; it must be above 0"),
        ({"tolerance": float("nan")}, "tolerance: nan; it must be above 0"),
        ({"tolerance": float("inf")}, "tolerance: inf; it must be above 0, and finite"),
        ({"retention": float("inf")}, "retention: inf; it must be above 0, and finite"),
        ({"lease": float("inf")}, "lease: inf; it must be above 0, and finite"),
        ({"in_flight_wait": float("inf")}, "in_flight_wait: inf; it must be 0 or more, and finite"),
        ({"in_flight_wait": float("nan")}, "in_flight_wait: nan; it must be 0 or more, and finite"),
        ({"max_reply": float("inf")}, "max_reply: inf; it must be 0 or more, and finite"),
        ({"max_body": -1}, "max_body: -1; it must be above 0"),
        ({"body_timeout": 0.0}, "body_timeout: 0.0; it must be above 0"),
        ({"lease": 0}, "lease: 0; it must be above 0"),
        ({"retention": 0}, "retention: 0; it must be above 0"),
        ({"retention": 600}, "retention: 600 seconds; it must exceed twice the tolerance (300)"),
        ({"in_flight_wait": -0.1}, "in_flight_wait: -0.1; it must be 0 or more"),
        ({"max_reply": -1}, "max_reply: -1; it must be 0 or more"),
        ({"in_flight_status": 425}, "in_flight_status: 425; write 503 or 409"),
        ({"methods": ()}, "methods: none given. Name those of deliveries"),
        ({"methods": "POST"}, "methods: expected a list, got text. Write ['POST']"),
        ({"reply_headers": "etag"}, "reply_headers: expected a list, got text"),
        ({"paths": "/hooks"}, "paths: expected a list, got text. Write ['/hooks']"),
        ({"paths": []}, "paths: empty, so nothing would be checked. Use None"),
        ({"paths": ["hooks"]}, "paths: 'hooks' must begin with '/'"),
        ({"exempt_paths": "/health"}, "exempt_paths: expected a list, got text"),
        ({"exempt_paths": ["health"]}, "exempt_paths: 'health' must begin with '/'"),
        ({"source": ""}, "source: the name is empty"),
        (
            {"source_budget": "100/second; 1000/hour"},
            "source_budget: '100/second; 1000/hour' holds 2 rates, and one is counted. Write",
        ),
        ({"failure_budget": "many"}, "failure_budget: 'many' is no rate"),
        ({"source_budget": "0/second"}, "source_budget: '0/second' lets nothing through"),
        ({"hops": 0}, "hops: 0; it is the number of proxies"),
        ({"proxy_header": "via"}, "proxy_header: 'via'; write"),
        ({"trusted_proxies": ["proxy"]}, "trusted_proxies: 'proxy' does not appear"),
        ({"allow_insecure_peers": "::1"}, "allow_insecure_peers: expected a list"),
        ({"secrets": "whsec_"}, "secrets: the whsec_ secret decodes to 0 bytes"),
        ({"secrets": None}, "secrets: expected text such as 'whsec_...', got NoneType"),
    ],
)
def test_a_wrong_setting_is_named_with_its_fix(settings, says):
    with pytest.raises(ConfigError) as caught:
        Policy(**{"secrets": SECRET, **settings})
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("face", FACES)
def test_a_face_refuses_a_wrong_setting_at_construction(face):
    with pytest.raises(ConfigError, match=r"^tolerance"):
        Endpoint(face, tolerance=0)
    with pytest.raises(ConfigError, match=r"^secrets: the secret is empty"):
        Endpoint(face, secrets=Source("acme", ""))


@pytest.mark.parametrize("middleware", [asgi.WebhookMiddleware, wsgi.WebhookMiddleware])
def test_a_face_takes_a_ready_policy(middleware):
    app = middleware(None, policy=Policy(secrets=SECRET, methods=["PUT"]))
    ask = call_asgi if middleware is asgi.WebhookMiddleware else call_wsgi
    answer = ask(app, "/", {}, b"")
    answer = asyncio.run(answer) if asyncio.iscoroutine(answer) else answer
    assert answer.headers["allow"] == "PUT"


@pytest.mark.parametrize("given", [{"secrets": SECRET}, {"tolerance": 60}])
def test_a_policy_and_settings_are_not_mixed(given):
    with pytest.raises(ConfigError, match=r"^policy: give either a policy or secrets and settings"):
        asgi.WebhookMiddleware(None, policy=Policy(secrets=SECRET), **given)


def test_settings_are_the_policys_fields_but_secrets():
    fields = {field.name: field.type for field in dataclasses.fields(Policy)}
    del fields["secrets"]
    assert Settings.__annotations__.keys() == fields.keys()
    assert not Settings.__required_keys__
    for name, annotation in Settings.__annotations__.items():
        assert annotation.__forward_arg__ == fields[name], name


def test_a_policy_does_not_show_its_secrets():
    assert SECRET not in repr(Policy(secrets=SECRET))
    assert SECRET not in repr(Policy(secrets=Source("acme", SECRET)))


def test_policies_share_nothing(endpoint):
    endpoint().send(signed())
    assert not endpoint().send(signed()).replayed
