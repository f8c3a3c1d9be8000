"""Magic links: a URL that stands for one scope, and can be taken back by what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.errors import Unauthenticated
from hookseal_sender.links import Links, new_scope
from hookseal_sender.model import DEFAULT_ORGANISATION, Application
from hookseal_sender.visits import VisitEnded

NOW = 1_800_000_000
LINKS = Links("https://hooks.example/base/", [b"n" * 32, b"o" * 32])
APP = Application(
    name="a", id="app_" + "1" * 27, org_id=DEFAULT_ORGANISATION, created_ms=0, updated_ms=0
)
BASE = "https://hooks.example/base/console/link/"


def test_a_link_leads_to_the_console_and_stands_for_its_scope():
    scope = new_scope(APP, NOW * 1000)
    link = LINKS.make(scope, expires=NOW + 60)
    assert link.startswith(BASE)
    assert LINKS.visit(link.removeprefix(BASE), now=NOW).scope == scope
    assert LINKS.made_for(f" {link}\n") == LINKS.made_for(link.removeprefix(BASE)) == scope


def test_each_link_can_be_taken_back_on_its_own():
    first, second = (new_scope(APP, NOW * 1000) for _ in range(2))
    assert (first.org_id, first.app_id) == (APP.org_id, APP.id)
    assert first.token_id != second.token_id
    assert first.token_id.startswith("tok_")


def test_a_link_that_has_ended_still_says_whose_it_was():
    link = LINKS.make(new_scope(APP, NOW * 1000), expires=NOW)
    with pytest.raises(VisitEnded):
        LINKS.visit(link.removeprefix(BASE), now=NOW)
    assert LINKS.made_for(link).app_id == APP.id


@given(st.text(st.characters(codec=None)) | st.text().map(BASE.__add__))
def test_no_other_text_is_a_link(text):
    for read in (LINKS.made_for, lambda given_text: LINKS.visit(given_text, now=NOW)):
        with pytest.raises(Unauthenticated):
            read(text)


def test_a_link_of_another_key_is_none():
    foreign = Links("https://hooks.example/base", [b"x" * 32]).make(
        new_scope(APP, NOW * 1000), expires=NOW
    )
    with pytest.raises(Unauthenticated):
        LINKS.made_for(foreign)
