"""Why a signature does not match: the usual mistakes, tried one by one.

Knows how senders and proxies get Standard Webhooks wrong. Must not decide whether a request is
genuine: that is the verifier's, and whatever is found here is still refused.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from hookseal import KeyRing, Verifier, WebhookError
from hookseal.secrets import HmacKey, PublicKey

if TYPE_CHECKING:
    from hookseal.schemes import Envelope

__all__ = ["likely_causes"]

_REWRITTEN_LIMIT = 256 * 1024
"""Bytes of a body that is written anew to see whether that is what was signed."""
_HEX_MAC = re.compile(rb"(?:[a-z0-9]+[,=])?[0-9a-fA-F]{64}")

_DEEPEST = 32
"""Levels of nesting that are written anew: indented, a body of deeper ones grows a hundredfold."""
_GROWTH_BYTES = 64 * 1024

_WRITERS: tuple[tuple[str, json.JSONEncoder], ...] = (
    ("compact JSON", json.JSONEncoder(separators=(",", ":"))),
    (
        "compact JSON with letters unescaped",
        json.JSONEncoder(separators=(",", ":"), ensure_ascii=False),
    ),
    ("JSON as Python writes it", json.JSONEncoder()),
    ("JSON indented by 2", json.JSONEncoder(indent=2, ensure_ascii=False)),
    ("JSON with sorted keys", json.JSONEncoder(sort_keys=True)),
    (
        "compact JSON with sorted keys",
        json.JSONEncoder(sort_keys=True, separators=(",", ":")),
    ),
)


def likely_causes(
    secrets: tuple[str, ...], envelope: Envelope, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[str, ...]:
    """Return what may have gone wrong, in sentences; what was found by trying comes alone."""
    ring = KeyRing.parse(secrets)
    found = (
        _another_kind(ring, envelope)
        or _another_spelling(envelope)
        or _key_as_text(secrets, envelope, body)
        or _only_body(ring, envelope, body)
        or _rewritten(ring, envelope, headers, body)
    )
    return (found,) if found else _guesses(body)


def _guesses(body: bytes) -> tuple[str, ...]:
    empty = () if body else ("The body is empty: was it lost on its way, by a redirect perhaps?",)
    return (
        *empty,
        "The secret of another endpoint: each has its own. Copy it from this one's page again.",
        "The secret was rotated, and the sender has stopped signing with this one.",
        "A proxy or code on the way changed the body, perhaps by writing its JSON anew.",
    )


def _another_kind(ring: KeyRing, envelope: Envelope) -> str | None:
    versions = {token.partition(b",")[0] for token in envelope.tokens if b"," in token}
    if versions == {b"v1a"} and not ring.public_keys:
        return (
            "The signature is asymmetric (v1a), and only shared secrets (whsec_) are known here. "
            "Add the sender's public key, whpk_..."
        )
    if versions == {b"v1"} and not ring.hmac_keys:
        return (
            "The signature is made with a shared secret (v1), and only public keys (whpk_) are "
            "known here. Add the endpoint's secret, whsec_..."
        )
    return None


def _another_spelling(envelope: Envelope) -> str | None:
    if any(_HEX_MAC.fullmatch(token) for token in envelope.tokens):
        return "The signature is written in hexadecimal. Write it in base64, as v1,..."
    if not any(b"," in token for token in envelope.tokens):
        return "The signature lacks its version. Write it as v1, followed by base64."
    return None


def _key_as_text(secrets: tuple[str, ...], envelope: Envelope, body: bytes) -> str | None:
    for secret in secrets:
        prefix, _, rest = secret.partition("_")
        if prefix != "whsec":
            continue
        for text in (secret, rest):
            if _mac_is_given(HmacKey(text.encode()), envelope, envelope.prefix, body):
                return (
                    "The sender used the text of the secret as its key. The key is what the part "
                    "after whsec_ decodes to from base64."
                )
    return None


def _only_body(ring: KeyRing, envelope: Envelope, body: bytes) -> str | None:
    for key in ring.hmac_keys:
        if _mac_is_given(key, envelope, b"", body):
            return "The signature covers the body alone. Sign id.timestamp.body, with the dots."
    return None


def _mac_is_given(key: HmacKey, envelope: Envelope, prefix: bytes, body: bytes) -> bool:
    running = key.begin(prefix)
    running.update(body)
    expected = b"v1," + b2a_base64(key.end(running), newline=False)
    return expected in envelope.tokens


def _rewritten(
    ring: KeyRing, envelope: Envelope, headers: list[tuple[bytes, bytes]], body: bytes
) -> str | None:
    if len(body) > _REWRITTEN_LIMIT:
        return None
    verifier = Verifier(ring)
    for how, text in _rewritings(body):
        if verifies(verifier, headers, text, envelope.timestamp):
            return (
                f"The signature is right for the same body as {how}. Sign exactly the bytes "
                "that are sent, and verify exactly the bytes that are received."
            )
    return None


def _rewritings(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "without its last line break", body.rstrip(b"\r\n")
    yield "with a line break at its end", body + b"\n"
    yield "with the line breaks of Unix", body.replace(b"\r\n", b"\n")
    try:
        value = json.loads(body)
        writers = _WRITERS if _shallow(value) else ()
        for how, writer in writers:
            text = _written(writer, value, 2 * len(body) + _GROWTH_BYTES)
            if text is not None:
                yield how, text.encode()
    except (ValueError, RecursionError):
        return


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return True
    return False


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("Iterable[Any]", value) if isinstance(value, list) else ()


def _written(writer: json.JSONEncoder, value: Any, most: int) -> str | None:
    """Return the value as JSON, None where that takes over ``most`` characters."""
    if not writer.indent:  # in C, and at most a few times as long as what was read
        text = writer.encode(value)
        return text if len(text) <= most else None
    pieces: list[str] = []
    left = most
    for piece in writer.iterencode(value):
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            return None
    return "".join(pieces)


def verifies(
    verifier: Verifier, headers: list[tuple[bytes, bytes]], body: bytes, now: float | None
) -> bool:
    """Tell whether ``verifier`` accepts the request as of ``now``."""
    try:
        verifier.verify(headers, body, now=now)
    except WebhookError:
        return False
    return True


def key_words(ring: KeyRing, headers: list[tuple[bytes, bytes]], body: bytes, at: float) -> str:
    """Return which key of ``ring`` the request is signed with, or nothing, the clock aside."""
    for place, key in enumerate(ring.keys, 1):
        if verifies(Verifier(KeyRing([key])), headers, body, at):
            asymmetric = isinstance(key, PublicKey)
            kind = "v1a, public key" if asymmetric else "v1, shared secret"
            which = "the only key" if len(ring.keys) == 1 else f"key {place} of {len(ring.keys)}"
            return f"{kind}: matches {which}, {key.fingerprint}"
    return ""
