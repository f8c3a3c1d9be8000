"""Verifier and Signer: shapes of headers, the clock, and what may be raised."""

import pytest

from hookseal import ConfigError, Signer, Verifier, WebhookEvent
from hookseal.errors import (
    HeaderDuplicate,
    HeaderMalformed,
    HeaderMissing,
    HeaderTooLong,
    PayloadMalformed,
    SignatureInvalid,
    TimestampTooNew,
    TimestampTooOld,
    WebhookError,
)
from hookseal.headers import find_header
from hookseal.schemes import StandardScheme

from .support import BODY, OTHER_SECRET, PRIVATE_KEY, PUBLIC_KEY, SECRET

NOW = 1_700_000_000
SIGNED = Signer(SECRET).headers("evt_1", NOW, BODY)


def verify(headers, body=BODY, *, secrets=SECRET, now=NOW, **settings):
    return Verifier(secrets, **settings).verify(headers, body, now=now)


class FrameworkHeaders:
    """As Starlette, Werkzeug and Django have them: not a Mapping, but with items()."""

    def __init__(self, headers):
        self._headers = headers

    def items(self):
        return list(self._headers.items())


SHAPES = {
    "a dict": SIGNED,
    "a dict in another case": {name.title(): value for name, value in SIGNED.items()},
    "a dict of bytes": {name.encode(): value.encode() for name, value in SIGNED.items()},
    "pairs of text": list(SIGNED.items()),
    "pairs of bytes": [(name.encode(), value.encode()) for name, value in SIGNED.items()],
    "pairs of bytes in upper case": [
        (name.upper().encode(), value.encode()) for name, value in SIGNED.items()
    ],
    "an iterator": iter(list(SIGNED.items())),
    "a framework's object": FrameworkHeaders(SIGNED),
    "among others": {"host": "example.com", **SIGNED, "x": "é", "y": "☃"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_headers_may_have_any_shape(shape):
    assert verify(SHAPES[shape]) == WebhookEvent("evt_1", NOW, BODY, "standard", "default")


def test_an_empty_list_of_headers_lacks_the_first():
    with pytest.raises(HeaderMissing, match="webhook-id is missing"):
        verify([])


def test_text_that_never_came_over_http_is_malformed():
    with pytest.raises(HeaderMalformed):
        verify({**SIGNED, "webhook-id": "☃"})


def test_a_header_is_found_in_any_case():
    assert find_header([(b"X-Tenant", b"acme")], "x-TENANT") == "acme"
    assert find_header([(b"X-Tenant", b"acme")], "x-other") is None


def test_the_source_is_named_in_the_event():
    assert verify(SIGNED, source="acme").source == "acme"


# --- the clock -------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-300, -1, 0, 1, 300])
def test_within_the_tolerance_either_way_is_accepted(offset):
    assert verify(SIGNED, now=NOW + offset).timestamp == NOW


@pytest.mark.parametrize(
    ("offset", "error"),
    [(300.5, TimestampTooOld), (10**6, TimestampTooOld), (-300.5, TimestampTooNew)],
)
def test_outside_the_tolerance_is_refused(offset, error):
    with pytest.raises(error):
        verify(SIGNED, now=NOW + offset)


def test_the_tolerance_can_be_chosen():
    assert verify(SIGNED, now=NOW + 5, tolerance=5)
    with pytest.raises(TimestampTooOld):
        verify(SIGNED, now=NOW + 6, tolerance=5)


@pytest.mark.parametrize("tolerance", [0, -1, float("nan")])
def test_a_tolerance_that_lets_nothing_or_everything_through_is_refused(tolerance):
    with pytest.raises(ConfigError, match=r"^tolerance: .* above 0\. Try 300"):
        Verifier(SECRET, tolerance=tolerance)


def test_the_clock_is_read_where_no_time_is_given(monkeypatch):
    monkeypatch.setattr("time.time", lambda: NOW + 400.0)
    with pytest.raises(TimestampTooOld):
        Verifier(SECRET).verify(SIGNED, BODY)


def test_only_who_signs_learns_anything_about_the_clock():
    with pytest.raises(SignatureInvalid):
        verify(SIGNED, secrets=OTHER_SECRET, now=NOW + 10**6)


# --- the body --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["text", bytearray(BODY), None])
def test_a_body_that_is_not_bytes_is_the_callers_mistake(body):
    with pytest.raises(TypeError, match="expected the raw bytes as received"):
        verify(SIGNED, body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000, b"nope"])
def test_a_body_that_is_no_json_is_a_422_when_asked_for(body):
    event = WebhookEvent("evt_1", NOW, body, "standard", "default")
    with pytest.raises(PayloadMalformed) as caught:
        event.json()
    assert caught.value.status_hint == 422


def test_an_event_does_not_show_its_body():
    assert repr(verify(SIGNED)) == "<WebhookEvent 'evt_1' from 'default', attempt 1, 23 bytes>"


# --- signatures ------------------------------------------------------------------------------


def test_the_keys_of_another_kind_do_not_match():
    pytest.importorskip("cryptography")
    for secrets, signer in ((SECRET, PRIVATE_KEY), (PUBLIC_KEY, SECRET)):
        with pytest.raises(SignatureInvalid):
            verify(Signer(signer).headers("evt_1", NOW, BODY), secrets=secrets)


def test_an_ed25519_signature_that_is_wrong_or_junk_does_not_match():
    pytest.importorskip("cryptography")
    headers = Signer(PRIVATE_KEY).headers("evt_1", NOW, BODY)
    good = headers["webhook-signature"]
    junk = "v1a,???? v1a, v1a,AAAA v1a," + "A" * 86 + "== v2,x"
    assert verify({**headers, "webhook-signature": f"{junk} {good}"}, secrets=PUBLIC_KEY)
    with pytest.raises(SignatureInvalid):
        verify({**headers, "webhook-signature": junk}, secrets=PUBLIC_KEY)
    with pytest.raises(SignatureInvalid):
        verify(headers, BODY + b" ", secrets=PUBLIC_KEY)


def test_a_second_spelling_of_an_ed25519_signature_does_not_match():
    pytest.importorskip("cryptography")
    headers = Signer(PRIVATE_KEY).headers("evt_1", NOW, BODY)
    good = headers["webhook-signature"]
    assert good.endswith("w==") or good[-3] in "AQgw"
    stray = good[:-3] + chr(ord(good[-3]) + 1) + "=="
    for spelling in (stray, good[:-2], good + "=", good.replace("v1a,", "v1a, ")):
        with pytest.raises(SignatureInvalid):
            verify({**headers, "webhook-signature": spelling}, secrets=PUBLIC_KEY)


class Timeless(StandardScheme):
    """A scheme without a clock, as GitHub's."""

    name = "timeless"

    def read(self, fields):
        envelope = super().read(fields)
        envelope.timestamp = None
        return envelope


def test_a_scheme_without_a_clock_has_no_window():
    headers = Signer(SECRET, scheme=Timeless()).headers("evt_1", NOW, BODY)
    event = verify(headers, now=NOW * 2, scheme=Timeless())
    assert event == WebhookEvent("evt_1", None, BODY, "timeless", "default")


# --- the standard scheme's headers -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"webhook-id": ""}, HeaderMissing, "webhook-id is empty"),
        ({"webhook-id": "a,b"}, HeaderDuplicate, "webhook-id was sent twice"),
        ({"webhook-id": "a.b"}, HeaderMalformed, "webhook-id is not an id"),
        ({"webhook-id": "a b"}, HeaderMalformed, "webhook-id is not an id"),
        ({"webhook-id": "x" * 257}, HeaderTooLong, "webhook-id is longer than 256"),
        ({"webhook-timestamp": ""}, HeaderMissing, "webhook-timestamp is empty"),
        ({"webhook-timestamp": "1,1"}, HeaderDuplicate, "webhook-timestamp was sent twice"),
        ({"webhook-timestamp": "1.5"}, HeaderMalformed, "not a plain number of seconds"),
        ({"webhook-timestamp": "-1"}, HeaderMalformed, "not a plain number of seconds"),
        ({"webhook-timestamp": "01"}, HeaderMalformed, "not a plain number of seconds"),
        ({"webhook-timestamp": "1" * 13}, HeaderMalformed, "not a plain number of seconds"),
        ({"webhook-timestamp": "1" * 257}, HeaderTooLong, "longer than 256"),
        ({"webhook-signature": "v1,x " * 17}, HeaderTooLong, "Over 16 signatures"),
        ({"webhook-signature": "v1," + "x" * 4096}, HeaderTooLong, "4096 bytes"),
        ({"webhook-signature": ""}, SignatureInvalid, "No webhook signature"),
    ],
)
def test_a_header_out_of_form_is_named(changes, error, says):
    with pytest.raises(error) as caught:
        verify({**SIGNED, **changes})
    assert says in caught.value.detail
    assert caught.value.counts_as_failure


@pytest.mark.parametrize("missing", ["id", "timestamp", "signature"])
@pytest.mark.parametrize("prefix", ["webhook", "svix"])
def test_the_missing_header_of_the_set_that_was_meant_is_named(prefix, missing):
    headers = {name.replace("webhook", prefix): value for name, value in SIGNED.items()}
    del headers[f"{prefix}-{missing}"]
    with pytest.raises(HeaderMissing) as caught:
        verify(headers)
    assert caught.value.detail == f"The header {prefix}-{missing} is missing."


def test_the_two_sets_are_never_mixed():
    aliased = {name.replace("webhook", "svix"): value for name, value in SIGNED.items()}
    mixed = {**aliased, "webhook-signature": SIGNED["webhook-signature"]}
    with pytest.raises(HeaderMissing, match="webhook-id"):
        verify(mixed)


@pytest.mark.parametrize(
    ("event_id", "timestamp"),
    [("", NOW), ("a.b", NOW), ("a,b", NOW), ("a b", NOW), ("é", NOW), ("x" * 257, NOW),
     ("\ud800", NOW), ("evt", 0), ("evt", -1), ("evt", 10**12)],
)  # fmt: skip
def test_what_a_receiver_would_refuse_is_not_signed(event_id, timestamp):
    with pytest.raises(ConfigError, match="cannot be signed"):
        Signer(SECRET).headers(event_id, timestamp, BODY)


def test_an_error_says_its_code_and_status_and_may_carry_fields():
    plain, detailed = WebhookError(), WebhookError("why", fields={"retry-after": "1"})
    assert (str(plain), plain.fields) == (WebhookError.title, {})
    assert (str(detailed), detailed.detail, detailed.fields) == (
        "why",
        "why",
        {"retry-after": "1"},
    )
