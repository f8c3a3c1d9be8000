import contextlib
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hookseal import Verifier, WebhookError
from hookseal.errors import InsecureTransport
from hookseal.headers import header_pairs, pick
from hookseal.transport import Transport

from .case import HANDLED
from .delivery import BODY, ID, KEY, LOOPBACK, PROTO, SIGNATURE, TIMESTAMP, baseline, secret
from .drivers import DRIVERS, drive

properties = settings(max_examples=200)
NOW = 1_800_000_000
FACES = tuple(DRIVERS)

# --- what a client may send ------------------------------------------------------------------

_SVIX = (b"svix-id", b"svix-timestamp", b"svix-signature")
known_names = st.sampled_from(
    [
        *(ID, TIMESTAMP, SIGNATURE, PROTO, *_SVIX),
        *(b"WEBHOOK-ID", b"webhook_id", b"forwarded", b"x-forwarded-for", b"content-encoding"),
    ]
)
names = known_names | st.binary(min_size=1, max_size=12)
plausible_values = st.sampled_from(
    [
        *(b"", b",", b" ", b"v1,", b"v1a,", b"0", b"-1", b"nan", b"1e9", b"\x00", b"\xff"),
        *(b"%d" % NOW, b"evt_1", b"https", b'proto="', b"identity", b"9" * 5_000, b"v1," * 20),
    ]
)
values = st.binary(max_size=64) | plausible_values | st.lists(plausible_values).map(b" ".join)
header_lists = st.lists(st.tuples(names, values), max_size=12)
"""As a face hands them over: a server need not have stopped any byte of it."""

bodies = st.binary(max_size=200)
texts = st.text(max_size=40)


def honest_at(now):
    return replace(baseline(now), now=int(now)).signed()


# --- the verifier ----------------------------------------------------------------------------

verifier = Verifier(secret(KEY))


def outcome_of(headers, body, now=NOW):
    try:
        return verifier.verify(headers, body, now=now)
    except WebhookError as error:
        return error


@properties
@given(header_lists, bodies, st.floats(-1e18, 1e18) | st.integers())
def test_the_verifier_raises_nothing_but_webhook_errors(headers, body, now):
    error = outcome_of(headers, body, now)
    assert isinstance(error, WebhookError)
    assert 400 <= error.status_hint < 500


@properties
@given(values, values, bodies, st.integers(-400, 400))
def test_only_plain_recent_timestamps_of_plain_ids_verify(event_id, timestamp, body, age):
    delivery = baseline(NOW).send(body).signed(event_id=event_id, timestamp=timestamp)
    plain = delivery.signed(event_id=b"evt_1", timestamp=NOW - age)

    assert isinstance(outcome_of(plain.headers, body), WebhookError) == (abs(age) > 300)

    outcome = outcome_of(delivery.headers, body)
    if not isinstance(outcome, WebhookError):
        assert outcome.id.encode() == event_id
        assert b"%d" % outcome.timestamp == timestamp


@properties
@given(st.data())
def test_no_changed_byte_verifies(data):
    delivery = honest_at(NOW)
    part = data.draw(st.sampled_from([ID, TIMESTAMP, SIGNATURE, "body"]))
    before = delivery.body if part == "body" else delivery.get(part)
    place = data.draw(st.integers(0, len(before) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != before[place]))
    after = before[:place] + bytes([byte]) + before[place + 1 :]
    changed = delivery.send(after) if part == "body" else delivery.set(part, after)
    assert isinstance(outcome_of(changed.headers, changed.body), WebhookError)


@properties
@given(st.lists(st.binary(max_size=30).filter(lambda junk: b" " not in junk), max_size=15))
def test_a_valid_signature_verifies_after_any_junk(junk):
    delivery = honest_at(NOW)
    listed = delivery.signature(b" ".join([*junk, delivery.token()]))
    assert outcome_of(listed.headers, BODY).body == BODY


@properties
@given(st.lists(st.tuples(texts, texts), max_size=6))
def test_headers_may_hold_any_text(pairs):
    for shape in (pairs, tuple(pairs), iter(pairs), dict(pairs)):
        assert isinstance(outcome_of(shape, BODY), WebhookError)


@properties
@given(
    st.lists(st.tuples(texts, texts), max_size=6)
    | st.lists(st.tuples(st.binary(), st.binary()), max_size=6)
)
def test_header_pairs_are_bytes_in_order_whatever_their_shape(pairs):
    for shape in (pairs, tuple(pairs), iter(pairs)):
        found = list(header_pairs(shape))
        assert len(found) == len(pairs)
        for pair, given_pair in zip(found, pairs, strict=True):
            for part, given_part in zip(pair, given_pair, strict=True):
                assert isinstance(part, bytes)
                assert part == given_part or not isinstance(given_part, bytes)


@properties
@given(st.dictionaries(known_names, values, max_size=8))
def test_every_shape_of_the_same_headers_reads_alike(headers):
    wanted = frozenset({ID, TIMESTAMP, SIGNATURE})
    as_text = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    read = [
        pick(header_pairs(shape), wanted)
        for shape in (headers, list(headers.items()), as_text, list(as_text.items()))
    ]
    assert read[1:] == read[:-1]


# --- the gate, through both faces ------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
@settings(properties, max_examples=150)
@given(headers=header_lists, body=bodies, https=st.booleans())
def test_nothing_unsigned_reaches_the_handler(face, headers, body, https):
    delivery = replace(
        baseline(time.time()), headers=((PROTO, b"https"),) * https + tuple(headers), chunks=(body,)
    )
    exchange = drive(face, delivery, "proxied")
    assert exchange.seen == []
    assert 400 <= exchange.status < 500


@pytest.mark.parametrize("face", FACES)
@settings(properties, max_examples=150)
@given(headers=header_lists)
def test_headers_beside_an_honest_delivery_cannot_break_it_open(face, headers):
    delivery = honest_at(time.time())
    delivery = replace(delivery, headers=delivery.headers + tuple(headers))
    exchange = drive(face, delivery, "proxied")
    if exchange.status == HANDLED.status:
        assert exchange.seen == [delivery.body]
    else:
        assert exchange.seen == []
        assert 400 <= exchange.status < 500


@pytest.mark.parametrize("face", FACES)
@settings(properties, max_examples=150)
@given(
    method=st.text(min_size=1, max_size=8),
    path=st.binary(max_size=20).map(lambda path: b"/" + path),
    peer=st.none() | texts.filter(bool),
    scheme=st.sampled_from(["http", "https", "HTTPS", ""]),
)
def test_nothing_of_the_request_line_breaks_a_face(face, method, path, peer, scheme):
    delivery = baseline(time.time()).without(SIGNATURE)
    delivery = replace(delivery, method=method, path=path, peer=peer, scheme=scheme)
    exchange = drive(face, delivery, "proxied")
    assert exchange.seen == []
    assert 400 <= exchange.status < 500


@pytest.mark.parametrize("face", FACES)
@settings(properties, max_examples=150)
@given(declared=st.binary(max_size=24) | st.integers(-5, 10**19).map(lambda n: b"%d" % n))
@example(declared=b"\xb2")
def test_any_length_is_understood_or_refused(face, declared):
    delivery = replace(honest_at(time.time()), declared=declared)
    exchange = drive(face, delivery, "proxied")
    honest = declared.isdigit() and int(declared) == len(BODY)
    if not honest and not (face == "asgi" and declared == b""):
        assert exchange.seen == []
        assert exchange.status is None or 400 <= exchange.status < 500


# --- proxies' words --------------------------------------------------------------------------

_forwarded_text = st.lists(
    st.sampled_from(
        [*'=;,"\\ \t', "proto", "for", "https", "http", "HTTPS", "[::1]:80", "1.2.3.4", "unknown"]
    )
    | st.characters(max_codepoint=255),
    max_size=20,
).map(lambda parts: "".join(parts).encode("latin-1"))


def request_with(fields, peer=LOOPBACK):
    return SimpleNamespace(scheme="http", peer=peer, fields=fields)


def is_https(transport, request):
    with contextlib.suppress(InsecureTransport):
        return transport.require_https(request)
    return False


@properties
@given(_forwarded_text, st.integers(1, 3), st.sampled_from(["x-forwarded-proto", "forwarded"]))
def test_a_proxy_header_of_any_text_is_read_or_refused(text, hops, header):
    transport = Transport(trusted_proxies=[LOOPBACK], hops=hops, header=header)
    fields = {b"forwarded": text, b"x-forwarded-proto": text, b"x-forwarded-for": text}
    secure = is_https(transport, request_with(fields))
    client = transport.client(request_with(fields))
    assert not secure or text.lower().count(b"https") >= hops
    assert client is None or "/" not in client


@properties
@given(_forwarded_text, st.sampled_from(["x-forwarded-proto", "forwarded"]))
def test_what_a_client_wrote_ahead_of_a_plain_proxy_never_makes_https(text, header):
    transport = Transport(trusted_proxies=[LOOPBACK], header=header)
    appended = b", http" if header == "x-forwarded-proto" else b", for=192.0.2.1;proto=http"
    assert not is_https(transport, request_with({header.encode(): text + appended}))


@properties
@given(_forwarded_text)
@example(b"for=192.0.2.2;for=192.0.2.3;proto=https")
def test_what_a_client_wrote_ahead_never_changes_whose_budget_it_spends(text):
    address = "192.0.2.1"
    listing = Transport(trusted_proxies=[LOOPBACK])
    own = listing.client(request_with({}, peer=address))
    assert own is not None
    listed = request_with({b"x-forwarded-for": text + b", 192.0.2.1"})
    assert listing.client(listed) == own

    describing = Transport(trusted_proxies=[LOOPBACK], header="forwarded")
    described = request_with({b"forwarded": text + b", for=192.0.2.1;proto=https"})
    if is_https(describing, described):
        assert describing.client(described) == own


@properties
@given(_forwarded_text, texts)
def test_a_stranger_is_believed_nothing(text, peer):
    transport = Transport(trusted_proxies=["10.0.0.0/8"])
    fields = {b"x-forwarded-proto": text, b"x-forwarded-for": text}
    assert not is_https(transport, request_with(fields, peer="192.0.2.9"))
    transport.client(request_with(fields, peer=peer))


@properties
@given(st.ip_addresses(), st.integers(0, 65_535))
def test_a_client_counts_alike_with_and_without_its_port(address, port):
    transport = Transport(trusted_proxies=[LOOPBACK])
    host = f"[{address}]" if address.version == 6 else str(address)
    keys = {
        transport.client(request_with({b"x-forwarded-for": text.encode()}))
        for text in (str(address), host, f"{host}:{port}", f"192.0.2.1, {host}")
    }
    assert len(keys) == 1
    assert keys != {None}
