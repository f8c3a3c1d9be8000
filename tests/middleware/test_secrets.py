"""Secrets: what is taken, what is refused and how, and that none is ever shown."""

import base64
import copy
import pickle
import sys

import pytest

import hookseal.asgi
import hookseal.wsgi
from hookseal import ConfigError, KeyRing, Signer, Verifier, generate_secret
from hookseal.secrets import HmacKey, parse_key
from hookseal.sources import Source

from .support import OTHER_SECRET, PRIVATE_KEY, PUBLIC_KEY, SECRET, THIRD_SECRET

NOW = 1_700_000_000


def encoded(prefix, size):
    return prefix + base64.b64encode(b"\xa5" * size).decode()


def takers():
    """Everything that a user hands secrets to."""
    return [
        Verifier,
        Signer,
        KeyRing.parse,
        lambda secrets: hookseal.asgi.WebhookMiddleware(None, secrets),
        lambda secrets: hookseal.wsgi.WebhookMiddleware(None, secrets),
    ]


TAKER_NAMES = ["Verifier", "Signer", "KeyRing", "asgi", "wsgi"]


@pytest.fixture(params=takers(), ids=TAKER_NAMES)
def taker(request):
    return request.param


REFUSED = {
    "empty": ("", "empty. Is the environment variable"),
    "blank": ("  \n", "empty. Is the environment variable"),
    "white space around": (SECRET + "\n", "Strip it"),
    "no prefix": (SECRET.removeprefix("whsec_"), "Expected 'whsec_'"),
    "unknown prefix": ("sk_" + SECRET.removeprefix("whsec_"), "Expected 'whsec_'"),
    "prefix in upper case": ("WHSEC_" + SECRET.removeprefix("whsec_"), "Expected 'whsec_'"),
    "nothing after the prefix": ("whsec_", "0 bytes; it must have 24 to 64"),
    "too short": (encoded("whsec_", 23), "23 bytes; it must have 24 to 64"),
    "too long": (encoded("whsec_", 65), "65 bytes; it must have 24 to 64"),
    "cut": (SECRET[:-1], "not base64. Copy the secret whole"),
    "url-safe base64": ("whsec_" + "-_-_" * 8, "not base64. Copy the secret whole"),
    "not ASCII": ("whsec_" + "é" * 32, "not base64. Copy the secret whole"),
    "public key too short": (encoded("whpk_", 31), "31 bytes; an ed25519 public key has 32"),
    "private key of an odd size": (encoded("whsk_", 33), "33 bytes; an ed25519 private key has 32"),
    "bytes": (SECRET.encode(), "expected text such as 'whsec_...', got bytes"),
    "a number": (12345, "expected text such as 'whsec_...', got int"),
    "none in a list": ([SECRET, None], "got NoneType. Is the environment variable"),
    "an empty one in a list": ([SECRET, ""], "empty. Is the environment variable"),
    "an empty list": ([], "none given. Pass the endpoint's secret"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_setting_and_fix_but_not_the_secret(case, taker):
    given, says = REFUSED[case]
    with pytest.raises(ConfigError, match=r"^secrets: ") as caught:
        taker(given)
    assert says in str(caught.value)
    texts = [text for text in (given if isinstance(given, list) else [given]) if text]
    for text in texts:
        shown = text.decode() if isinstance(text, bytes) else str(text)
        assert (
            shown.strip() == ""
            or shown.removeprefix("whsec_") in {"", "whsec_"}
            or (shown not in str(caught.value))
        )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_unset_environment_variable_is_named_as_the_likely_cause(taker):
    with pytest.raises(ConfigError, match=r"^secrets: .*[Ii]s the environment variable"):
        taker(None)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_every_allowed_size_is_taken(size):
    Verifier(generate_secret(size))
    Verifier(encoded("whsec_", size))


@pytest.mark.parametrize("size", [23, 65])
def test_a_secret_of_another_size_is_not_generated(size):
    with pytest.raises(ConfigError, match=f"size: {size} bytes; a secret has 24 to 64"):
        generate_secret(size)


def test_generated_secrets_are_random_text_of_32_bytes():
    one, two = generate_secret(), generate_secret()
    assert one != two
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32


def test_a_message_names_another_setting_where_it_is_one():
    with pytest.raises(ConfigError, match=r"^endpoint\.secret: "):
        parse_key("", setting="endpoint.secret")


# --- exposure --------------------------------------------------------------------------------


def shown(thing):
    texts = [
        repr(thing),
        str(thing),
        f"{thing}",
        f"{vars(thing) if hasattr(thing, '__dict__') else ''}",
    ]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            texts.append(pickle.dumps(thing, protocol).decode("latin-1"))
        except TypeError as error:
            texts.append(str(error))
    return "".join(texts)


def test_nothing_made_from_a_secret_shows_it():
    raw = base64.b64decode(SECRET.removeprefix("whsec_"))
    ring = KeyRing.parse(SECRET)
    for thing in (ring, *ring.keys, Verifier(ring), Signer(ring)):
        text = shown(thing)
        assert SECRET.removeprefix("whsec_") not in text
        assert raw.decode("latin-1") not in text


def test_a_source_does_not_show_its_secrets():
    assert repr(Source("acme", [SECRET])) == "Source('acme', secrets=...)"


def test_a_private_key_shows_only_its_fingerprint():
    pytest.importorskip("cryptography")
    ring = KeyRing.parse([PRIVATE_KEY, PUBLIC_KEY])
    private, public = ring.keys
    assert repr(private) == f"<PrivateKey {private.fingerprint}>"
    assert repr(public) == f"<PublicKey {public.fingerprint}>"
    assert private.fingerprint == public.fingerprint
    assert private.public_text == PUBLIC_KEY
    assert "6Xb/" not in shown(ring)


def test_fingerprints_name_keys_apart():
    ring = KeyRing.parse([SECRET, OTHER_SECRET])
    assert len({key.fingerprint for key in ring.keys}) == 2
    assert all(key.fingerprint in repr(ring) for key in ring.keys)


# --- rings -----------------------------------------------------------------------------------


def headers(signer, body=b"{}"):
    return signer.headers("evt_1", NOW, body)


def verifies(secrets, signed, body=b"{}"):
    return Verifier(secrets).verify(signed, body, now=NOW).id == "evt_1"


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET, THIRD_SECRET])
def test_every_key_of_a_ring_verifies(secret):
    assert verifies([SECRET, OTHER_SECRET, THIRD_SECRET], headers(Signer(secret)))


def test_the_newest_key_signs():
    assert headers(Signer([OTHER_SECRET, SECRET])) == headers(Signer(OTHER_SECRET))


def test_with_overlap_every_key_signs():
    signed = headers(Signer([OTHER_SECRET, SECRET], overlap=True))
    assert len(signed["webhook-signature"].split()) == 2
    assert verifies(SECRET, signed)
    assert verifies(OTHER_SECRET, signed)


def test_a_ring_is_taken_as_it_is_and_by_any_iterable():
    ring = KeyRing.parse(iter([SECRET, OTHER_SECRET]))
    assert KeyRing.parse(ring) is ring
    assert verifies(ring, headers(Signer(OTHER_SECRET)))
    assert KeyRing([HmacKey(b"k" * 32)]).hmac_keys


def test_keys_of_both_kinds_share_a_ring():
    pytest.importorskip("cryptography")
    signed = headers(Signer([SECRET, PRIVATE_KEY], overlap=True))
    assert [token.partition(",")[0] for token in signed["webhook-signature"].split()] == [
        "v1",
        "v1a",
    ]
    for secrets in (SECRET, PUBLIC_KEY, [OTHER_SECRET, PUBLIC_KEY]):
        assert verifies(secrets, signed)


# --- ed25519 ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        Verifier,
        lambda secrets: hookseal.asgi.WebhookMiddleware(None, secrets),
        lambda secrets: hookseal.wsgi.WebhookMiddleware(None, secrets),
    ],
    ids=["Verifier", "asgi", "wsgi"],
)
def test_a_private_key_on_a_receiver_is_refused_and_its_public_key_named(make):
    pytest.importorskip("cryptography")
    with pytest.raises(ConfigError) as caught:
        make([SECRET, PRIVATE_KEY])
    assert PUBLIC_KEY in str(caught.value)
    assert PRIVATE_KEY[5:40] not in str(caught.value)


def test_a_public_key_cannot_sign():
    pytest.importorskip("cryptography")
    with pytest.raises(ConfigError, match="whpk_ key can only verify"):
        Signer(PUBLIC_KEY)


def test_a_private_key_may_be_its_32_bytes_alone():
    pytest.importorskip("cryptography")
    seed = base64.b64decode(PRIVATE_KEY.removeprefix("whsk_"))[:32]
    short = "whsk_" + base64.b64encode(seed).decode()
    assert headers(Signer(short)) == headers(Signer(PRIVATE_KEY))


def test_the_halves_of_a_private_key_must_belong_together():
    pytest.importorskip("cryptography")
    seed = base64.b64decode(PRIVATE_KEY.removeprefix("whsk_"))[:32]
    with pytest.raises(ConfigError, match="two halves of the whsk_ key"):
        Signer("whsk_" + base64.b64encode(seed + bytes(32)).decode())


@pytest.mark.parametrize("secret", [PUBLIC_KEY, PRIVATE_KEY])
def test_without_the_extra_an_ed25519_key_names_it(secret, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(ConfigError, match=r"pip install 'hookseal\[ed25519\]'"):
        KeyRing.parse(secret)


def test_a_ring_cannot_be_copied_by_accident():
    with pytest.raises(TypeError):
        copy.deepcopy(KeyRing.parse(SECRET))
