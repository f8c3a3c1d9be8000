"""Methods, and handshakes that nobody may have without being named in the policy."""

from dataclasses import replace

from tests.middleware.hostile.case import GREETED, HANDLED, METHOD, MISSING, case
from tests.middleware.hostile.delivery import ID, SIGNATURE, TIMESTAMP


def _with(method, **parts):
    return lambda d: replace(d, method=method, **parts)


def _unsigned(**parts):
    return lambda d: replace(d.without(ID, TIMESTAMP, SIGNATURE), **parts)


def _options(origin):
    return lambda d: _unsigned(method="OPTIONS", chunks=(b"",))(d).add(
        b"webhook-request-origin", origin
    )


def _subscribe(token):
    query = b"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + token
    return _unsigned(method="GET", chunks=(b"",), path=b"/hooks?" + query)


CASES = [
    *(
        case(f"{method}, signed", METHOD, _with(method))
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")
    ),
    case("an unknown method, signed", METHOD, _with("FOO")),
    case("post in lower case, signed", METHOD, _with("post")),
    case("a method override, signed", METHOD,
         lambda d: replace(d, method="GET").add(b"x-http-method-override", b"POST")),
    case("an override of POST changes nothing", HANDLED,
         lambda d: d.add(b"x-http-method-override", b"GET")),
    case("CloudEvents OPTIONS, unsigned, not in the policy", METHOD,
         _options(b"eventgrid.azure.net")),
    case("hub.challenge, unsigned, not in the policy", METHOD, _subscribe(b"verify-me")),
    case("Slack url_verification, unsigned", MISSING,
         _unsigned(chunks=(b'{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRN"}',))),
    case("Zoom endpoint.url_validation, unsigned", MISSING,
         _unsigned(chunks=(b'{"event":"endpoint.url_validation"}',))),
    case("Discord PING, unsigned", MISSING, _unsigned(chunks=(b'{"type":1}',))),
    case("Graph validationToken, unsigned, not in the policy", MISSING,
         _unsigned(path=b"/hooks?validationToken=abc", chunks=(b"",))),
    case("CloudEvents OPTIONS of a named origin", GREETED, _options(b"eventgrid.azure.net"),
         profile="handshakes"),
    case("CloudEvents OPTIONS of another origin", METHOD, _options(b"evil.example"),
         profile="handshakes"),
    case("CloudEvents OPTIONS, bytes for an origin", METHOD, _options(b"\xff\x80"),
         profile="handshakes"),
    case("hub.challenge with the token", GREETED, _subscribe(b"verify-me"), profile="handshakes"),
    case("hub.challenge with another token", METHOD, _subscribe(b"guess"), profile="handshakes"),
    case("hub.challenge with bytes for a token", METHOD, _subscribe(b"%FF%00%80"),
         profile="handshakes"),
    case("hub.challenge without a token", METHOD, _subscribe(b""), profile="handshakes"),
    case("a handshake's query on a POST, unsigned", MISSING,
         lambda d: replace(_subscribe(b"verify-me")(d), method="POST"), profile="handshakes"),
]  # fmt: skip
