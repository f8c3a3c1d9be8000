"""Bearer tokens, and the key files."""

import base64
import dataclasses
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.errors import StartError, Unauthenticated
from hookseal_sender.keyfile import KeyKind, key_file, load_key
from hookseal_sender.model import DEFAULT_ORGANISATION, OPERATIONS_ORGANISATION, Scope
from hookseal_sender.tokens import (
    APPLICATION_LIFETIME,
    ORGANISATION_LIFETIME,
    TokenKey,
    _sign,
)

KEY = TokenKey(b"k" * 32)
NOW = 1_800_000_000
TOKEN_ID = "tok_" + "t" * 27
ORG = Scope(org_id=DEFAULT_ORGANISATION, token_id=TOKEN_ID)
APP = Scope(org_id=DEFAULT_ORGANISATION, app_id="app_" + "A" * 27, token_id=TOKEN_ID)
OPERATIONS = Scope(org_id=OPERATIONS_ORGANISATION, token_id=TOKEN_ID)
FIRST_CUT = {
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJpc3MiOiJob29rc2VhbC1zZW5kZXIiLCJpYXQiOjE4MDAwMDAwMDAsIm5iZiI6MTgwMDAwMDAwMCwiZXhwIjoyMTE1"
    "MzYwMDAwLCJzdWIiOiJvcmdfMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAxIn0"
    ".keAzp4n20iYA2YhBkIdJWDbyGRz6w5YOVTME-mLR7IE": dataclasses.replace(ORG, token_id=None),
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJpc3MiOiJob29rc2VhbC1zZW5kZXIiLCJpYXQiOjE4MDAwMDAwMDAsIm5iZiI6MTgwMDAwMDAwMCwiZXhwIjoxODAy"
    "NDE5MjAwLCJzdWIiOiJhcHBfQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwib3JnIjoib3JnXzAwMDAwMDAwMDAwMD"
    "AwMDAwMDAwMDAwMDAwMSJ9"
    ".NE249tnkZw1ltPJgzRU7EF0JlwckvSOu2Y7TWF3_P18": dataclasses.replace(APP, token_id=None),
}
"""Made with KEY at NOW by the first version, whose tokens had no id."""


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forge(header, claims):
    content = f"{header}.{claims}"
    return f"{content}.{_sign(b'k' * 32, content)}"


@pytest.mark.parametrize(
    "scope", [ORG, APP, OPERATIONS, dataclasses.replace(APP, feature_flags=("a", "b"))]
)
def test_a_token_says_its_scope(scope):
    assert KEY.read(KEY.issue(scope, now=NOW), now=NOW) == scope


@pytest.mark.parametrize(("token", "scope"), FIRST_CUT.items())
def test_a_token_of_the_first_version_stays_valid(token, scope):
    assert KEY.read(token, now=NOW) == scope


def test_every_token_has_an_id_of_its_own():
    without = dataclasses.replace(ORG, token_id=None)
    first, second = (KEY.read(KEY.issue(without, now=NOW), now=NOW) for _ in range(2))
    assert first.token_id != second.token_id
    assert first.token_id.startswith("tok_")


@pytest.mark.parametrize(
    ("scope", "lifetime"), [(ORG, ORGANISATION_LIFETIME), (APP, APPLICATION_LIFETIME)]
)
def test_a_token_expires(scope, lifetime):
    token = KEY.issue(scope, now=NOW)
    assert KEY.read(token, now=NOW + lifetime - 1) == scope
    for now in (NOW + lifetime, NOW - 1):
        with pytest.raises(Unauthenticated, match="expired"):
            KEY.read(token, now=now)


@pytest.mark.parametrize("scope", [ORG, APP])
def test_a_token_can_be_given_its_own_lifetime(scope):
    token = KEY.issue(scope, now=NOW, expires_in=60)
    assert KEY.expiry(token) == NOW + 60
    assert KEY.read(token, now=NOW + 59) == scope
    with pytest.raises(Unauthenticated, match="expired"):
        KEY.read(token, now=NOW + 60)
    assert KEY.expiry(token), "an ended token still says when"


def test_tokens_of_an_older_key_stay_valid_until_it_is_taken_out():
    old, new = b"o" * 32, b"n" * 32
    token = TokenKey(old).issue(ORG, now=NOW)
    both = TokenKey(new, old)
    assert both.read(token, now=NOW) == ORG
    assert TokenKey(new).read(both.issue(ORG, now=NOW), now=NOW) == ORG
    with pytest.raises(Unauthenticated):
        TokenKey(new).read(token, now=NOW)


@pytest.mark.parametrize("given_as_token", ["k" * 32, (b"k" * 32).hex()])
def test_the_key_given_as_a_token_is_told_apart(given_as_token):
    with pytest.raises(Unauthenticated, match="make a token with 'hookseal-sender token'") as error:
        TokenKey(b"x" * 32, b"k" * 32).read(given_as_token, now=NOW)
    assert given_as_token not in str(error.value)


def test_another_key_makes_no_valid_token():
    with pytest.raises(Unauthenticated):
        KEY.read(TokenKey(b"x" * 32).issue(ORG, now=NOW), now=NOW)


HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"iss": "hookseal-sender", "nbf": NOW, "exp": NOW + 9, "sub": DEFAULT_ORGANISATION}


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (part({"alg": "none"}), part(CLAIMS)),
        (part({"alg": "HS512", "typ": "JWT"}), part(CLAIMS)),
        (part([]), part(CLAIMS)),
        ("!!", part(CLAIMS)),
        (part(HEADER), "?"),
        (part(HEADER), part("text")),
        (part(HEADER), part({**CLAIMS, "iss": "other"})),
        (part(HEADER), part({**CLAIMS, "exp": "late"})),
        (part(HEADER), part({**CLAIMS, "nbf": None})),
        (part(HEADER), part({**CLAIMS, "jti": 5})),
        (part(HEADER), part({**CLAIMS, "jti": DEFAULT_ORGANISATION})),
        (part(HEADER), part({**CLAIMS, "sub": 5})),
        (part(HEADER), part({**CLAIMS, "sub": "org_short"})),
        (part(HEADER), part({**CLAIMS, "sub": APP.app_id})),
        (part(HEADER), part({**CLAIMS, "org": "org_x", "sub": APP.app_id})),
        (part(HEADER), part({**CLAIMS, "org": DEFAULT_ORGANISATION})),
        (part(HEADER), "W" * 3000),
    ],
)
def test_even_a_signed_token_is_read_strictly(header, claims):
    with pytest.raises(Unauthenticated):
        KEY.read(forge(header, claims), now=NOW)


@given(st.text())
def test_junk_is_not_a_token(text):
    for token in (text, f"{text}.{text}.{text}", text * 1000):
        with pytest.raises(Unauthenticated):
            KEY.read(token, now=NOW)


@given(st.integers(0, 1000), st.characters(codec="ascii"))
def test_a_changed_token_is_refused(position, character):
    token = KEY.issue(APP, now=NOW)
    position %= len(token)
    changed = token[:position] + character + token[position + 1 :]
    if changed != token:
        with pytest.raises(Unauthenticated):
            KEY.read(changed, now=NOW)


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_file_is_made_once_for_its_owner_only(tmp_path, kind):
    path = key_file(tmp_path / "hookseal.db", kind)
    key = load_key(path, kind)
    assert len(key) == 32
    assert load_key(path, kind) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [f"hookseal.db.{kind.value}"]


def test_another_process_may_have_made_the_key_first(tmp_path, monkeypatch):
    path = tmp_path / "key"
    load_key(path, KeyKind.TOKEN)
    first = path.read_text()
    monkeypatch.setattr("pathlib.Path.exists", lambda _path: False)
    load_key(path, KeyKind.TOKEN)
    assert path.read_text() == first


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "00" * 31, "é"])
def test_a_file_that_holds_no_key_stops_the_start(tmp_path, content, kind):
    path = tmp_path / "key"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StartError, match="does not hold a key") as error:
        load_key(path, kind)
    assert kind.loss in str(error.value)


def test_a_folder_that_is_missing_stops_the_start(tmp_path):
    with pytest.raises(StartError, match="is the folder writable"):
        load_key(tmp_path / "nowhere" / "key", KeyKind.ENCRYPTION)
