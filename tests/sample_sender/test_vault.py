"""Secrets at rest: what opens, what does not, and what the errors leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.errors import SealBroken, StartError
from hookseal_sender.vault import Vault

NEW, OLD = b"n" * 32, b"o" * 40
VAULT = Vault([NEW, OLD])
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ROW = "app_1/ep_1"


ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT, ANY_TEXT)
def test_what_was_sealed_opens_in_its_context(plain, context):
    assert VAULT.open(VAULT.seal(plain, context), context) == plain


def test_a_sealed_text_shows_nothing_and_never_repeats():
    first, second = VAULT.seal(SECRET, ROW), VAULT.seal(SECRET, ROW)
    assert first != second
    assert "whsec_" not in first
    assert first.isascii()


def test_a_value_moved_to_another_row_does_not_open():
    sealed = VAULT.seal(SECRET, ROW)
    with pytest.raises(SealBroken, match="moved from another row"):
        VAULT.open(sealed, "app_1/ep_2")


def test_an_older_key_opens_and_the_newest_seals():
    sealed = Vault([OLD]).seal(SECRET, ROW)
    assert VAULT.open(sealed, ROW) == SECRET
    assert not VAULT.is_current(sealed)
    renewed = VAULT.seal(SECRET, ROW)
    assert VAULT.is_current(renewed)
    assert Vault([NEW]).open(renewed, ROW) == SECRET


def test_a_key_that_is_gone_is_named_by_its_fingerprint():
    sealed = Vault([OLD]).seal(SECRET, ROW)
    with pytest.raises(SealBroken, match=r"key [0-9a-f]{12}, .*HOOKSEAL_ENCRYPTION_KEY") as caught:
        Vault([NEW]).open(sealed, ROW)
    assert OLD.decode() not in str(caught.value)


@given(ANY_TEXT | st.from_regex(r"v1\.[0-9a-f]{12}\.[0-9A-Za-z_-]*"))
def test_any_other_text_is_refused_without_being_shown(text):
    with pytest.raises(SealBroken) as caught:
        VAULT.open(text, ROW)
    assert len(text) < 20 or text not in str(caught.value)


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_changed_text_is_refused(position, character):
    sealed = VAULT.seal(SECRET, ROW)
    position %= len(sealed) - 1  # the last character of base64 carries padding bits
    changed = sealed[:position] + character + sealed[position + 1 :]
    if changed != sealed:
        with pytest.raises(SealBroken):
            VAULT.open(changed, ROW)


def test_a_known_key_with_data_that_is_too_short_is_refused():
    prefix = VAULT.seal("", ROW)[:16]
    for data in ("A", "AA", "A" * 16):
        with pytest.raises(SealBroken):
            VAULT.open(prefix + data, ROW)


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b"x" * 31]])
def test_without_a_good_key_there_is_no_vault(keys):
    with pytest.raises(StartError, match="at least 32 bytes"):
        Vault(keys)


def test_the_repr_holds_fingerprints_only():
    assert repr(VAULT).count(",") == 1
    assert "nnn" not in repr(VAULT)


def test_a_vector_opens_for_good():
    """What is stored must open with every later version."""
    sealed = "v1.d40d7060bf63.QL8PWIdVeLFWVgsbdg8p9nKo4ShJRbJP_V3VW_U3DtT-mWWnqJSVmw"
    assert Vault([b"k" * 32]).open(sealed, "app_1/ep_1") == "whsec_vector"
