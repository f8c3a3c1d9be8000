import base64
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.errors import StartError, Unauthenticated
from hookseal_sender.keyfile import key_file, load_key
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import APPLICATION_LIFETIME, ORGANISATION_LIFETIME, TokenKey

KEY = TokenKey(b"k" * 32)
NOW = 1_800_000_000
ORG = Scope(org_id=DEFAULT_ORGANISATION)
APP = Scope(org_id=DEFAULT_ORGANISATION, app_id="app_" + "A" * 27)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forge(header, claims):
    content = f"{header}.{claims}"
    return f"{content}.{KEY._sign(content)}"


@pytest.mark.parametrize("scope", [ORG, APP])
def test_a_token_says_its_scope(scope):
    assert KEY.read(KEY.issue(scope, now=NOW), now=NOW) == scope


@pytest.mark.parametrize(
    ("scope", "lifetime"), [(ORG, ORGANISATION_LIFETIME), (APP, APPLICATION_LIFETIME)]
)
def test_a_token_expires(scope, lifetime):
    token = KEY.issue(scope, now=NOW)
    assert KEY.read(token, now=NOW + lifetime - 1) == scope
    for now in (NOW + lifetime, NOW - 1):
        with pytest.raises(Unauthenticated, match="expired"):
            KEY.read(token, now=now)


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


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path):
    path = key_file(tmp_path / "hookseal.db")
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["hookseal.db.token-key"]


def test_another_process_may_have_made_the_key_first(tmp_path, monkeypatch):
    path = tmp_path / "key"
    load_key(path)
    first = path.read_text()
    monkeypatch.setattr("pathlib.Path.exists", lambda _path: False)
    load_key(path)
    assert path.read_text() == first


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "00" * 31, "é"])
def test_a_file_that_holds_no_key_stops_the_start(tmp_path, content):
    path = tmp_path / "key"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StartError, match="does not hold a key"):
        load_key(path)


def test_a_folder_that_is_missing_stops_the_start(tmp_path):
    with pytest.raises(StartError, match="is the folder writable"):
        load_key(tmp_path / "nowhere" / "key")
