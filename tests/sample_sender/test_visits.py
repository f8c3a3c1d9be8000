"""Signed visits: sealed with the newest key, opened with any, good for one purpose and one time."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from hookseal_sender.errors import Unauthenticated
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.visits import Visit, VisitEnded, Visits

NOW = 1_800_000_000
NEW, OLD = b"n" * 32, b"o" * 32
APP_ID, TOKEN_ID = "app_" + "1" * 27, "tok_" + "2" * 27
VISITS = Visits([NEW, OLD], "link")
CUSTOMER = Visit(
    scope=Scope(org_id=DEFAULT_ORGANISATION, app_id=APP_ID, token_id=TOKEN_ID), expires=NOW + 60
)
OPERATOR = Visit(scope=Scope(org_id=DEFAULT_ORGANISATION), expires=NOW + 60)
SESSION_ID = "ses_" + "3" * 27
SESSION = replace(CUSTOMER, session_id=SESSION_ID)
FLAGGED = replace(
    SESSION, scope=replace(CUSTOMER.scope, feature_flags=tuple(f"{n:0>256}" for n in range(10)))
)


@pytest.mark.parametrize("visit", [CUSTOMER, OPERATOR, SESSION, FLAGGED])
def test_what_was_sealed_opens(visit):
    text = VISITS.seal(visit)
    assert VISITS.open(text, now=NOW) == visit
    assert visit.is_operators is (visit is OPERATOR)
    assert re.fullmatch(r"[\w.-]+", text, re.ASCII)


def test_a_visit_has_an_end():
    text = VISITS.seal(CUSTOMER)
    assert VISITS.open(text, now=NOW + 59.9)
    with pytest.raises(VisitEnded):
        VISITS.open(text, now=NOW + 60)
    assert VISITS.open_ended(text) == CUSTOMER


def test_keys_rotate():
    older, newer = Visits([OLD], "link"), Visits([NEW], "link")
    assert VISITS.open(older.seal(CUSTOMER), now=NOW) == CUSTOMER
    assert newer.open(VISITS.seal(CUSTOMER), now=NOW) == CUSTOMER
    with pytest.raises(Unauthenticated):
        older.open(VISITS.seal(CUSTOMER), now=NOW)


@pytest.mark.parametrize("purpose", ["operator", "customer", "", "link "])
def test_a_visit_is_for_one_purpose(purpose):
    other = Visits([NEW, OLD], purpose)
    for sealing, opening in ((VISITS, other), (other, VISITS)):
        with pytest.raises(Unauthenticated):
            opening.open(sealing.seal(CUSTOMER), now=NOW)


@given(st.text(st.characters(codec=None), max_size=60) | st.binary(max_size=60).map(bytes.hex))
@example("=")
@example("\n")
def test_no_other_text_opens(text):
    for given_text in (text, f"{text}.{text}", f"{VISITS.seal(CUSTOMER)}{text or 'x'}"):
        with pytest.raises(Unauthenticated):
            VISITS.open(given_text, now=NOW)


@given(st.integers(0), st.characters())
def test_no_character_of_it_can_be_another(place, character):
    text = VISITS.seal(CUSTOMER)
    at = place % len(text)
    changed = f"{text[:at]}{character}{text[at + 1 :]}"
    last_bits = at == len(text) - 1  # base64 has some to spare there
    if changed != text and not last_bits:
        with pytest.raises(Unauthenticated):
            VISITS.open(changed, now=NOW)


def test_a_long_text_is_not_read():
    with pytest.raises(Unauthenticated):
        VISITS.open("x" * 10_000_000, now=NOW)


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        "text",
        [],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [], NOW],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [], NOW, None, 1],
        [None, APP_ID, TOKEN_ID, [], NOW, None],
        [APP_ID, APP_ID, TOKEN_ID, [], NOW, None],
        [DEFAULT_ORGANISATION, "", TOKEN_ID, [], NOW, None],
        [DEFAULT_ORGANISATION, DEFAULT_ORGANISATION, TOKEN_ID, [], NOW, None],
        [DEFAULT_ORGANISATION, APP_ID, APP_ID, [], NOW, None],
        [DEFAULT_ORGANISATION, APP_ID + "\n", TOKEN_ID, [], NOW, None],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, None, NOW, None],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [1], NOW, None],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [], "9", None],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [], None, None],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [], NOW, TOKEN_ID],
        [DEFAULT_ORGANISATION, APP_ID, TOKEN_ID, [], NOW, 1],
    ],
)
def test_what_is_sealed_with_our_key_but_is_no_visit_is_none(content):
    serializer = VISITS._serializer
    assert isinstance(serializer, URLSafeSerializer)
    with pytest.raises(Unauthenticated):
        VISITS.open(serializer.dumps(content), now=0)
