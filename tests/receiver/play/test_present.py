"""Bodies shown: bounded, escaped, and never rewritten."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookseal_receiver.look.words import long_span_words
from hookseal_receiver.play.present import as_hex, as_json, as_text, json_lines, visible

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)

ASCII = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


def plain(shown):
    return html.unescape(re.sub("<[^>]*>", "", str(shown.markup)))


@settings(max_examples=60)
@given(st.dictionaries(ASCII, JSON, max_size=4))
def test_pretty_json_means_the_same(value):
    text = json.dumps(value)  # escapes all that is not ASCII
    assert json.loads(plain(as_json(text.encode(), None))) == value
    assert "\n".join(json_lines(text.encode(), 10**6)) == plain(as_json(text.encode(), None))


@given(st.binary())
def test_no_bytes_break_any_form_or_escape_it(body):
    for shown in (as_text(body), as_hex(body), as_json(body)):
        if shown:
            left = re.sub(r'</?span(?: class="[ksnl]")?>', "", str(shown.markup))
            assert "<" not in left
            assert ">" not in left


@given(st.binary(max_size=600))
def test_hex_holds_every_byte(body):
    rows = str(as_hex(body).markup).splitlines()
    pairs = [row[10:58] for row in map(html.unescape, rows)]
    assert bytes.fromhex("".join(pairs)) == body


def test_numbers_repeated_keys_and_escapes_stay():
    body = b'{"a":1.50,"a":1e400,"b":"\\u00e9","n":-0,"l":[],"o":{}}'
    assert plain(as_json(body)) == (
        '{\n  "a": 1.50,\n  "a": 1e400,\n  "b": "\\u00e9",\n  "n": -0,\n  "l": [],\n  "o": {}\n}'
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        b"12",
        b"[NaN]",
        b'"x"',
        b"[",
        b"[1,]",
        b"\xff",
        b"[" * 1_000_000,
        b'{"a":"\xff"}',
    ],
)
def test_what_is_no_json_is_not_indented(body):
    assert as_json(body) is None
    assert json_lines(body, 5) is None


def test_deep_and_long_bodies_are_bounded():
    deep = b"[" * 500 + b"]" * 500
    line = b'{"a":"' + b"x" * 1_000_000 + b'"}'

    assert len(as_json(deep, None).markup) < 100_000
    assert as_json(line).cut
    assert len(as_json(line).markup) < 70_000
    assert not as_json(line, None).cut
    assert as_text(line).cut
    assert as_hex(line).cut
    assert len(as_hex(line).markup) < 100_000
    assert len(json_lines(b"[" + b"1," * 10_000 + b"1]", 50)) == 50
    assert as_json(b"[" + b" " * 2_000_000 + b"]") is None


def test_tricks_are_spelled_out():
    assert visible("a\u202eb\x00c\u200bd\r\ne\tf") == "a<U+202E>b<U+0000>c<U+200B>d\ne\tf"
    assert plain(as_text(b"\xff<b>")) == "\\xff<b>"


def test_a_cut_does_not_split_a_character():
    assert plain(as_text("é".encode() * 10, 3)) == "é"
    assert plain(as_text(b"\xff" * 4, 2)) == "\\xff\\xff"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (120, "2 minutes"), (3600, "1 hour"), (604_800, "7 days")],
)
def test_a_length_of_time_in_a_sentence(seconds, words):
    assert long_span_words(seconds) == words


def test_a_very_wide_body_is_shown_whole_and_coloured_in_part():
    body = json.dumps({f"k{number}": number for number in range(30_000)}).encode()
    shown = as_json(body, None)
    assert not shown.cut
    assert "29999" in shown.markup
    assert shown.markup.count("<span") < 30_000
