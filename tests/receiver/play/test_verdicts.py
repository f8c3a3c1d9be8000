"""The verdict step by step, and what is said of the usual mistakes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import tracemalloc

import pytest

from hookseal import Signer, generate_secret
from hookseal.secrets import parse_key
from hookseal.transport import Transport
from hookseal_receiver.play.judging import Judge
from hookseal_receiver.play.model import Draft, Earlier

NOW = 1_800_000_000
SECRET = generate_secret()
BODY = b'{"type": "invoice.paid", "amount": 1.50}'
JUDGE = Judge(Transport(), 300)


def draft(headers, body=BODY, *, scheme="https", client="203.0.113.9", size=None):
    return Draft(
        at_ms=NOW * 1000,
        method="POST",
        path="",
        query="",
        http_version="1.1",
        scheme=scheme,
        client=client,
        headers=tuple(headers.items()),
        body=body,
        size=len(body) if size is None else size,
    )


def signed(body=BODY, *, secret=SECRET, at=NOW, event_id="msg_1"):
    return Signer(secret).headers(event_id, at, body)


def judge(one, secrets=(SECRET,), earlier=None):
    return JUDGE.judge(one, secrets, earlier)


def states(verdict):
    return {step.name: step.state for step in verdict.steps}


def causes(verdict):
    return [cause for step in verdict.steps for cause in step.causes]


def token(key, content):
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def with_token(signature):
    return {**signed(), "webhook-signature": signature}


def test_a_good_request_passes_every_step():
    verdict = judge(draft(signed()))

    assert verdict.outcome == "verified"
    assert set(states(verdict).values()) == {"pass"}
    assert list(states(verdict)) == ["HTTPS", "Headers", "Timestamp", "Signature", "Duplicate"]
    assert verdict.reason == "Every check passed."
    assert verdict.event_id == "msg_1"


def test_the_key_of_the_ring_that_matches_is_named():
    verdict = judge(draft(signed()), (generate_secret(), SECRET))

    assert "v1, shared secret: matches key 2 of 2" in verdict.steps[3].reason


def test_an_asymmetric_signature_is_named_as_such():
    private = "whsk_" + base64.b64encode(bytes(range(32))).decode()
    public = parse_key(private).public_text

    assert "v1a, public key" in judge(draft(signed(secret=private)), (public,)).steps[3].reason
    assert "asymmetric (v1a)" in causes(judge(draft(signed(secret=private))))[0]
    assert "whpk_" in causes(judge(draft(signed()), (public,)))[0]


@pytest.mark.parametrize(
    ("at", "state", "words"),
    [
        (NOW - 300, "pass", "5 min before"),
        (NOW - 301, "fail", "5 min before"),
        (NOW + 300, "pass", "5 min after"),
        (NOW + 301, "fail", "5 min after"),
    ],
)
def test_the_timestamp_is_judged_by_the_verifiers_own_window(at, state, words):
    verdict = judge(draft(signed(at=at)))

    assert states(verdict)["Timestamp"] == state
    assert states(verdict)["Signature"] == "pass"
    assert words in verdict.steps[2].reason
    assert verdict.outcome == ("verified" if state == "pass" else "refused")


@pytest.mark.parametrize(
    ("scheme", "client", "state", "outcome"),
    [
        ("https", "203.0.113.9", "pass", "verified"),
        ("http", "203.0.113.9", "fail", "refused"),
        ("http", "127.0.0.1", "skip", "verified"),
        ("http", "::1", "skip", "verified"),
        ("http", "", "skip", "verified"),
        ("http", "testclient", "fail", "refused"),
    ],
)
def test_https_is_required_but_from_this_machine(scheme, client, state, outcome):
    verdict = judge(draft(signed(), scheme=scheme, client=client))

    assert states(verdict)["HTTPS"] == state
    assert verdict.outcome == outcome


def test_a_repeat_names_the_first():
    earlier = Earlier(number=4, at_ms=(NOW - 120) * 1000)
    verdict = judge(draft(signed()), earlier=earlier)

    assert verdict.outcome == "repeat"
    assert "#4 had this id, 2 min before" in verdict.reason


def test_without_a_secret_nothing_is_claimed():
    verdict = judge(draft(signed()), ())

    assert verdict.outcome == "unchecked"
    assert "No secret is set" in verdict.reason


def test_a_plain_request_without_a_secret_is_no_failure():
    verdict = judge(draft({}), ())

    assert verdict.outcome == "unchecked"
    assert "Not a signed request" in verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"webhook-id": ""}, "webhook-id is empty"),
        ({"webhook-timestamp": "soon"}, "plain number"),
        ({"webhook-timestamp": str(NOW * 1000)}, "plain number"),
        ({"webhook-signature": "v1,x " * 20}, "Over 16 signatures"),
        ({"webhook-id": "a.b"}, "without '.'"),
    ],
)
def test_a_bad_header_is_named(change, says):
    verdict = judge(draft({**signed(), **change}))

    assert verdict.outcome == "refused"
    assert says in verdict.reason


def test_milliseconds_and_missing_headers_have_their_causes():
    assert "milliseconds" in causes(judge(draft({**signed(), "webhook-timestamp": f"{NOW}000"})))[0]
    assert "not a webhook" in causes(judge(draft({})))[0]


def test_a_body_that_was_cut_is_not_checked():
    verdict = judge(draft(signed(), size=len(BODY) + 1))

    assert verdict.outcome == "unchecked"
    assert "longer than what is kept" in verdict.reason


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        (
            signed(json.dumps(json.loads(BODY), separators=(",", ":")).encode()),
            BODY,
            "compact JSON",
        ),
        (signed(BODY + b"\n"), BODY, "line break at its end"),
        (signed(BODY), BODY + b"\r\n", "without its last line break"),
        (signed(b"a\nb"), b"a\r\nb", "line breaks of Unix"),
        (with_token("0" * 64), BODY, "hexadecimal"),
        (with_token(base64.b64encode(b"x" * 32).decode()), BODY, "lacks its version"),
        (with_token(token(SECRET.encode(), b"msg_1.%d." % NOW + BODY)), BODY, "text of the secret"),
        (
            with_token(token(SECRET[6:].encode(), b"msg_1.%d." % NOW + BODY)),
            BODY,
            "text of the secret",
        ),
        (with_token(token(base64.b64decode(SECRET[6:]), BODY)), BODY, "body alone"),
        (signed(secret=generate_secret()), BODY, "another endpoint"),
        (signed(), b"", "body is empty"),
        (signed(secret=generate_secret()), b"[" * 300_000, "another endpoint"),
        (signed(secret=generate_secret()), b"[" * 200_000, "another endpoint"),
    ],
)
def test_the_usual_mistakes_are_recognised_and_still_refused(headers, body, says):
    verdict = judge(draft(headers, body))

    assert verdict.outcome == "refused"
    assert states(verdict)["Signature"] == "fail"
    assert says in causes(verdict)[0]


def nested(depth, size=150_000):
    """Return JSON of many small values at a depth: indented, each is on a line of its own."""
    return b"[" * depth + b"1," * (size // 2) + b"1" + b"]" * depth


@pytest.mark.parametrize("depth", [5, 32, 33, 900])
def test_looking_for_a_cause_takes_a_bounded_amount_of_memory(depth):
    tracemalloc.start()
    verdict = judge(draft(signed(secret=generate_secret()), nested(depth)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "another endpoint" in causes(verdict)[0]
    assert peak < 40 * 2**20


def test_a_body_rewritten_is_recognised_down_to_a_depth():
    for depth, recognised in ((32, True), (33, False)):
        body = nested(depth - 1, 10)
        other = json.dumps(json.loads(body), indent=2).encode()
        found = causes(judge(draft(signed(other), body)))[0]
        assert ("indented by 2" in found) == recognised


def test_no_form_is_written_that_is_much_longer():
    body = json.dumps(["\u00e9" * 100_000], ensure_ascii=False).encode()
    other = json.dumps(json.loads(body)).encode()
    assert "another endpoint" in causes(judge(draft(signed(other), body)))[0]
