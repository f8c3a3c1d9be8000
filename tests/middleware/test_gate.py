"""Methods, HTTPS, paths, encodings and handshakes, on both faces."""

import json

import pytest

from hookseal import ConfigError
from hookseal.handshakes import CloudEventsHandshake, GraphHandshake, HubHandshake

from .support import PEER, Call, forged, signed

# --- methods ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "post", "TRACE"])
def test_another_method_is_refused_and_told_which(endpoint, method):
    one = endpoint()
    answer = one.send(signed(method=method))
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert one.handler.runs == 0


def test_a_head_request_is_answered_without_a_body(endpoint):
    answer = endpoint().send(Call(method="HEAD"))
    assert (answer.status, answer.body) == (405, b"")
    assert int(answer.headers["content-length"]) > 0


def test_the_methods_may_be_named(endpoint):
    one = endpoint(methods=["put", "POST"])
    assert one.send(signed(method="PUT")).status == 200
    assert one.send(signed(method="GET")).headers["allow"] == "POST, PUT"


# --- refusals --------------------------------------------------------------------------------


def test_a_refusal_is_problem_json(endpoint):
    answer = endpoint().send(forged())
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert json.loads(answer.body) == {
        "title": "No webhook signature matches.",
        "status": 401,
        "detail": "No webhook signature matches.",
        "code": "signature_invalid",
    }


def test_a_compressed_body_is_refused_unless_allowed(endpoint):
    gzip = signed(headers={"content-encoding": "gzip"})
    assert endpoint().send(gzip).code == "content_encoding_refused"
    assert endpoint(allow_content_encoding=True).send(gzip).status == 200
    assert endpoint().send(signed(headers={"content-encoding": " Identity "})).status == 200


def test_a_body_over_the_cap_is_refused(endpoint):
    assert endpoint(max_body=9).send(signed(body=b"x" * 10)).code == "body_too_large"
    assert endpoint(max_body=10).send(signed(body=b"x" * 10)).status == 200


# --- HTTPS -----------------------------------------------------------------------------------


def test_plain_http_is_refused_and_never_redirected(endpoint):
    one = endpoint()
    answer = one.send(signed(scheme="http"))
    assert (answer.status, answer.code) == (403, "insecure_transport")
    assert "location" not in answer.headers
    assert one.notes[0].peer == PEER


def test_an_insecure_peer_is_let_through_and_noted(endpoint):
    one = endpoint(allow_insecure_peers=[PEER])
    assert one.send(signed(scheme="http")).status == 200
    assert one.noted == ["insecure_allowed", "accepted"]


def test_a_proxy_is_believed_only_if_it_is_trusted(endpoint):
    proxied = signed(scheme="http", headers={"x-forwarded-proto": "https"})
    assert endpoint(trusted_proxies=["198.51.100.0/24"]).send(proxied).status == 200
    assert endpoint(trusted_proxies=["10.0.0.0/8"]).send(proxied).status == 403
    assert endpoint().send(proxied).status == 403


def test_a_proxy_may_say_forwarded(endpoint):
    proxied = signed(scheme="http", headers={"forwarded": "for=192.0.2.1;proto=https"})
    one = endpoint(trusted_proxies=[PEER], proxy_header="forwarded")
    assert one.send(proxied).status == 200


# --- paths -----------------------------------------------------------------------------------

GUARDED = ["/hooks", "/hooks/", "/hooks/a", "/HOOKS", "//hooks", "/x/../hooks", "/hooks;x",
           "/hooks%2f", "/./hooks", "", "/é"]  # fmt: skip
NOT_OURS = ["/", "/hooksy", "/other/hooks", "/health", "/a.b/c~d"]


@pytest.mark.parametrize("path", GUARDED)
def test_a_path_that_could_be_ours_is_guarded(endpoint, path):
    one = endpoint(paths=["/hooks"])
    assert one.send(forged(path=path)).status == 401
    assert one.handler.runs == 0


@pytest.mark.parametrize("path", NOT_OURS)
def test_a_path_that_is_not_ours_goes_straight_to_the_app(endpoint, path):
    one = endpoint(paths=["/hooks/"])
    assert one.send(forged(path=path, scheme="http", method="DELETE")).body == b"done"
    assert one.handler.events == [None]
    assert one.noted == []


def test_an_exempt_path_is_exact(endpoint):
    one = endpoint(exempt_paths=["/health"])
    assert one.send(Call(method="GET", path="/health")).body == b"done"
    for path in ("/health/", "/healthy", "//health", "/HEALTH"):
        assert one.send(Call(method="GET", path=path)).status == 405


def test_under_a_mount_point_paths_are_those_below_it(endpoint):
    one = endpoint(paths=["/hooks"], exempt_paths=["/hooks/health"])
    assert one.send(forged(mount="/api", path="/hooks")).status == 401
    assert one.send(forged(mount="/api", path="/other")).status == 200
    assert one.send(forged(mount="/api", path="/hooks/health")).status == 200
    assert one.send(forged(mount="/hooks", path="/other")).status == 200


# --- handshakes ------------------------------------------------------------------------------


def handshake(method="OPTIONS", query="", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(method=method, query=query, headers=named)


def answered(endpoint, agreed, call):
    one = endpoint(handshakes=[agreed])
    answer = one.send(call)
    assert one.handler.runs == 0
    assert (one.noted == ["handshake"]) == (answer.status == 200)
    return answer


@pytest.mark.parametrize(("rate", "said"), [(None, "*"), (120, "120")])
def test_cloudevents_agrees_to_a_known_origin(endpoint, rate, said):
    agreed = CloudEventsHandshake(["EventGrid.azure.net"], rate=rate)
    call = handshake(WebHook_Request_Origin="eventgrid.Azure.net", WebHook_Request_Rate="100")
    answer = answered(endpoint, agreed, call)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert answer.headers["webhook-allowed-rate"] == said
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "call",
    [
        handshake(webhook_request_origin="evil.example"),
        handshake(),
        handshake("GET", webhook_request_origin="eventgrid.azure.net"),
    ],
)
def test_cloudevents_agrees_to_nobody_else(endpoint, call):
    assert answered(endpoint, CloudEventsHandshake(["eventgrid.azure.net"]), call).status == 405


def test_hub_echoes_the_challenge_to_who_knows_the_token(endpoint):
    query = "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1158201444"
    answer = answered(endpoint, HubHandshake("verify-me"), handshake("GET", query))
    assert (answer.status, answer.body) == (200, b"1158201444")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"


TOKEN = "hub.verify_token=verify-me"


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", "hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1"),
        ("GET", "hub.mode=subscribe&hub.challenge=1"),
        ("GET", f"hub.mode=unsubscribe&{TOKEN}&hub.challenge=1"),
        ("GET", f"hub.mode=subscribe&{TOKEN}"),
        ("GET", f"hub.mode=subscribe&{TOKEN}&hub.challenge=%0d%0aSet-Cookie:x"),
        ("GET", f"hub.mode=subscribe&{TOKEN}&hub.challenge=%ff"),
        ("GET", f"hub.mode=subscribe&{TOKEN}&hub.challenge={'x' * 1025}"),
        ("GET", "hub.mode=subscribe&hub.verify_token=%ed%a0%80&hub.challenge=1"),
        ("GET", "&".join(f"a{number}=1" for number in range(17)) + f"&{TOKEN}"),
        ("PUT", f"hub.mode=subscribe&{TOKEN}&hub.challenge=1"),
    ],
)
def test_hub_echoes_nothing_else(endpoint, method, query):
    assert answered(endpoint, HubHandshake("verify-me"), handshake(method, query)).status == 405


def test_graph_echoes_the_token_of_a_post(endpoint):
    answer = answered(endpoint, GraphHandshake(), handshake("POST", "validationToken=a%20b%3C"))
    assert (answer.status, answer.body) == (200, b"a b<")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_graph_leaves_deliveries_alone(endpoint):
    one = endpoint(handshakes=[GraphHandshake()])
    assert one.send(signed()).status == 200
    assert one.send(handshake("GET", "validationToken=a")).status == 405
    assert one.handler.runs == 1


def test_handshakes_are_off_unless_named(endpoint):
    one = endpoint()
    assert one.send(handshake("POST", "validationToken=a")).status == 400
    assert one.send(handshake("GET", f"hub.mode=subscribe&{TOKEN}")).status == 405


def test_the_first_that_answers_does(endpoint):
    one = endpoint(handshakes=[HubHandshake("t"), GraphHandshake()])
    assert one.send(handshake("POST", "validationToken=a")).body == b"a"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: CloudEventsHandshake("eventgrid.azure.net"), "as a list of DNS names"),
        (lambda: CloudEventsHandshake(["bücher.example"]), "xn--"),
        (lambda: CloudEventsHandshake([]), "name the origins"),
        (lambda: HubHandshake(""), "the verify_token is empty"),
    ],
)
def test_a_handshake_set_up_wrongly_is_refused(make, says):
    with pytest.raises(ConfigError, match=says):
        make()
