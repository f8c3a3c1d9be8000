"""Answers on purpose, as forms and queries describe them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_receiver.play.answers import AnswerRefused, parse_form, parse_query, planned
from hookseal_receiver.play.model import Answer

GOOD = {
    "statuses": "500, 500 200",
    "headers": "x-a: 1\r\nX-A:2",
    "body": "b",
    "delay": "1.5",
    "manner": "drip",
}


def test_a_form_is_read_whole():
    assert parse_form(GOOD) == (
        Answer(
            statuses=(500, 500, 200),
            headers=(("x-a", "1"), ("X-A", "2")),
            body="b",
            delay=1.5,
            manner="drip",
        ),
        {},
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("statuses", "", "1 to 50"),
        ("statuses", "200 " * 51, "1 to 50"),
        ("statuses", "100", "200 to 599"),
        ("statuses", "٢٠٠", "200 to 599"),
        ("headers", "no colon", "name: value"),
        ("headers", "a b: c", "name: value"),
        ("headers", "a: \x00", "name: value"),
        ("headers", "content-length: 3", "set by the server"),
        ("headers", "Set-Cookie: hookseal_operator=x", "all of this site"),
        ("headers", "clear-site-data: *", "all of this site"),
        ("headers", "Report-To: {}", "all of this site"),
        ("headers", "Content-Type: text/JavaScript", "not answered from here"),
        ("headers", "content-type: text/css", "not answered from here"),
        ("headers", "X-Accel-Redirect: /private", "gives orders"),
        ("headers", "x-accel-buffering: yes", "gives orders"),
        ("headers", "X-Sendfile: /etc/passwd", "gives orders"),
        ("headers", "x-sendfile2: /etc/passwd 0-9", "gives orders"),
        ("headers", "X-LIGHTTPD-send-file: /etc/passwd", "gives orders"),
        ("headers", "x-litespeed-location: /private", "gives orders"),
        ("headers", "x-reproxy-url: http://127.0.0.1/", "gives orders"),
        ("headers", "WWW-Authenticate: Basic realm=x", "gives orders"),
        ("headers", "accept-ch: sec-ch-ua-model", "gives orders"),
        ("headers", "refresh: 0;url=https://evil.example", "gives orders"),
        ("headers", "a: b\n" * 51, "at most 50"),
        ("body", "x" * 65_537, "longer"),
        ("delay", "31", "0 to 30"),
        ("delay", "-1", "0 to 30"),
        ("delay", "1e1", "0 to 30"),
        ("delay", "nan", "0 to 30"),
        ("manner", "explode", "whole, drip or close"),
    ],
)
def test_each_field_says_what_is_wrong_with_it(name, value, says):
    _, errors = parse_form({**GOOD, name: value})

    assert list(errors) == [name]
    assert says in errors[name]


@given(st.dictionaries(st.sampled_from(list(GOOD)), st.text()))
def test_no_form_breaks_the_parser(fields):
    parse_form(fields)


@given(st.text())
def test_no_query_breaks_the_parser(query):
    try:
        answer, _ = parse_query(query, Answer())
    except AnswerRefused:
        return
    assert all(200 <= status <= 599 for status in answer.statuses)
    assert 0 <= answer.delay <= 30


def test_a_query_forces_what_svix_play_forces():
    base = Answer(statuses=(200,), manner="close")

    assert parse_query("force_status_code=404", base) == (Answer(statuses=(404,)), False)
    assert parse_query("echo_body=true&force_delay=2", Answer()) == (Answer(delay=2.0), True)
    assert parse_query("a&" * 200, base) == (base, False)
    with pytest.raises(AnswerRefused):
        parse_query("force_status_code=9", base)


def test_statuses_come_in_turn_and_the_last_goes_on():
    answer = Answer(statuses=(500, 503, 204), body="x")

    assert [planned(answer, count).status for count in (1, 2, 3, 4)] == [500, 503, 204, 204]
    assert planned(answer, 3).body == b""
    assert planned(Answer(manner="close"), 1).status == 0
