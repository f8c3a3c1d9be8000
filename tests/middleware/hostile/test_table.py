import base64
import json
import logging
from collections import Counter

import pytest

from .case import (
    BAD_LENGTH,
    COMPRESSED,
    DUPLICATE,
    FORGED,
    INSECURE,
    MALFORMED,
    METHOD,
    MISSING,
    TOO_LONG,
)
from .delivery import KEY, OLD_KEY, OTHER_KEY, SIGNATURE, baseline
from .drivers import DRIVERS, HANDLER_BODY, drive
from .profiles import NAMES
from .table import CASES

BEFORE_THE_BODY = {
    METHOD,
    INSECURE,
    MISSING,
    DUPLICATE,
    MALFORMED,
    TOO_LONG,
    COMPRESSED,
    BAD_LENGTH,
}
FACES = tuple(DRIVERS)
LEAST_TELLING_BYTES = 20
"""A shorter piece of a signature header is junk that may well stand elsewhere."""


def delivered(case, now):
    if case.needs_cryptography:
        pytest.importorskip("cryptography")
    return case.make(baseline(now))


def answer_on(face, case):
    return case.on_wsgi if face == "wsgi" and case.on_wsgi is not None else case.answer


def secrets_in(delivery):
    """What must not be seen outside: every key, and every signature that was given or is right."""
    for key in (KEY, OLD_KEY, OTHER_KEY):
        yield base64.b64encode(key)
        if dict(delivery.headers).keys() >= {b"webhook-id", b"webhook-timestamp"}:
            yield base64.b64encode(delivery.mac(key))
    given = dict(delivery.headers).get(SIGNATURE, b"").replace(b",", b" ")
    yield from (piece for piece in given.split(b" ") if len(piece) >= LEAST_TELLING_BYTES)


def assert_told_nothing(delivery, exchange, logged):
    shown = "".join([repr(exchange.headers), exchange.body.decode("latin-1"), logged])
    assert not [text for text in secrets_in(delivery) if text.decode("latin-1") in shown]


def assert_problem(exchange, method, code):
    assert exchange.headers["content-type"] == "application/problem+json"
    assert exchange.headers["cache-control"] == "no-store"
    if method == "HEAD":
        assert exchange.body == b""
        return
    problem = json.loads(exchange.body)
    assert problem["code"] == code
    assert problem["status"] == exchange.status
    assert problem["title"]
    assert problem["detail"].isprintable()
    assert int(exchange.headers["content-length"]) == len(exchange.body)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_request_has_its_answer(case, face, stopped_clock, caplog):
    caplog.set_level(logging.DEBUG)
    delivery, answer = delivered(case, stopped_clock), answer_on(face, case)

    exchange = drive(face, delivery, case.profile)

    assert exchange.status == answer.status
    if answer.handled:
        assert exchange.seen == [delivery.body]
        assert exchange.body == HANDLER_BODY
    else:
        assert exchange.seen == []
    rejections = [line for line in caplog.messages if line.startswith("rejected ")]
    if answer.refused:
        assert_problem(exchange, delivery.method, answer.code)
        assert len(rejections) == 1
        assert f"code={answer.code!r}" in rejections[0]
    else:
        assert rejections == []
    if answer in BEFORE_THE_BODY:
        assert exchange.reads == 0
    assert_told_nothing(delivery, exchange, caplog.text)


@pytest.mark.parametrize("case", [case for case in CASES if case.on_wsgi is None], ids=str)
def test_both_faces_answer_alike(case, stopped_clock):
    delivery = delivered(case, stopped_clock)
    answers = []
    for face in FACES:
        exchange = drive(face, delivery, case.profile)
        headers = {k: v for k, v in exchange.headers.items() if k != "connection"}
        answers.append((exchange.status, headers, exchange.body))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("face", FACES)
def test_one_answer_to_every_forgery(face, stopped_clock):
    forged = [case for case in CASES if answer_on(face, case) == FORGED]
    answers = {
        drive(face, case.make(baseline(stopped_clock)), case.profile).body
        for case in forged
        if not case.needs_cryptography
    }
    assert len(answers) == 1


def test_plain_http_that_is_let_through_is_logged_as_a_warning(stopped_clock, caplog):
    drive("asgi", baseline(stopped_clock).without(b"x-forwarded-proto"), "insecure-loopback")
    assert [r.levelname for r in caplog.records if "insecure_allowed" in r.getMessage()] == [
        "WARNING"
    ]


def test_the_table_names_each_case_once_and_uses_every_profile():
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
    assert {case.profile for case in CASES} == set(NAMES) - {"impatient"}
