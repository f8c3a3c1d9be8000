"""What the pages say of outcomes: something of use for each that there can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.addresses import AddressGuard
from hookseal_sender.connections import AddressRefused
from hookseal_sender.console.words import (
    CODES,
    DISABLED,
    STATES,
    advice,
    ahead,
    code_words,
    duration,
    minute,
    sentence,
)
from hookseal_sender.model import DeliveryState, Disabled
from hookseal_sender.outcome import Reply, judge
from hookseal_sender.transport import _CLAUSES, _explain

ADVISED = sorted({clause.format(timeout=20) for _, _, clause in _CLAUSES})


@pytest.mark.parametrize("clause", [*ADVISED, "cannot sign: the secret is no secret"])
def test_every_reason_for_no_answer_has_advice(clause):
    assert advice(0, clause).endswith(".")


def test_an_address_that_is_refused_has_advice():
    refusal = AddressGuard().refusal("127.0.0.1")
    _, clause = _explain(AddressRefused(refusal), 20)
    assert "not public" in advice(0, clause)


def test_no_two_reasons_share_an_advice_by_mistake():
    told = {clause: advice(0, clause) for clause in ADVISED}
    assert told["closed before an answer came"] == told["closed in the middle of the answer"]
    assert len(set(told.values())) == len(told) - 1


@given(st.integers(100, 999))
def test_every_code_has_advice_unless_it_is_good(status):
    verdict = judge(Reply(status=status, body="", duration_ms=1))
    assert (advice(status, verdict.reason) == "") is verdict.succeeded
    assert code_words(status).startswith(str(status))


def test_advice_fits_its_code():
    assert "redirects are not followed" in advice(302, "")
    assert "firewall" in advice(403, "")
    assert advice(500, "") == advice(599, "") != advice(400, "")
    assert advice(418, "") not in {"", advice(500, "")}
    assert advice(0, "something new") == ""


def test_codes_in_words():
    shown = {503: "503 Service Unavailable", 599: "599", 0: "no answer", None: "not tried yet"}
    assert {code: code_words(code) for code in shown} == shown


def test_every_state_and_reason_has_words():
    assert set(STATES) == set(DeliveryState)
    assert len({words.query for words in STATES.values()}) == len(STATES)
    assert all(words.meaning and words.label for words in STATES.values())
    assert set(DISABLED) == set(Disabled)
    assert len(dict(CODES)) == 5


@given(st.text(min_size=1))
def test_a_sentence_ends(clause):
    said = sentence(clause)
    assert said.endswith((".", "!", "?"))
    assert said[1:].startswith(clause[1:]) or len(clause[:1].upper()) > 1


def test_a_sentence_begins_with_a_capital():
    assert sentence("timed out") == "Timed out."
    assert sentence("why?") == "Why?"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "now"), (0.9, "now"), (1, "in 1 s"), (240, "in 4 min")]
)
def test_how_far_ahead_a_moment_is(seconds, words):
    assert ahead(int(seconds * 1000), 0) == words


def test_times_in_words():
    assert minute(1_800_000_000_999) == "2027-01-15 08:00:00"
    assert [duration(each) for each in (0, 999, 1250)] == ["0 ms", "999 ms", "1.25 s"]
