"""Verifying and signing one request, beside the floor and the peers."""

from __future__ import annotations

import base64
import hmac
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import standardwebhooks
import stripe
import svix

from benchmarks.deliveries import SECRET, bodies, headers
from benchmarks.measure import best, progress
from benchmarks.report import Table, Wanted
from hookseal import Signer, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["signing", "verifying"]

_EVENT_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
_FLOOR = "floor: hmac.digest, base64"


def verifying(*, quick: bool) -> list[Table]:
    """Measure one check of a signature, an age and the headers."""
    return [_table("verify: one request of 8 headers, us", _verifiers, quick=quick)]


def signing(*, quick: bool) -> list[Table]:
    """Measure the signature headers of one delivery."""
    return [_table("sign: one delivery, us", _signers, quick=quick)]


def _table(
    title: str, variants: Callable[[bytes], dict[str, Callable[[], object]]], *, quick: bool
) -> Table:
    figures: dict[str, dict[str, float]] = {}
    for size, body in bodies.items():
        progress(f"  {size}")
        figures[size] = best(variants(body), seconds=1 if quick else 4)
    table = Table(title=f"{title} (x the floor)", columns=list(bodies))
    for name in figures["1 KiB"]:
        row = [f"{of[name]:.2f} ({of[name] / of[_FLOOR]:.2f})" for of in figures.values()]
        table.rows.append((name, row))
    if variants is _verifiers:
        of = figures["1 KiB"]
        ratio = of["hookseal"] / of[_FLOOR]
        what = "hookseal verify at 1 KiB, times the floor,"
        table.wanted.append(Wanted(what=what, measured=ratio, wanted=2.0))
    return table


def _verifiers(body: bytes) -> dict[str, Callable[[], object]]:
    pairs = headers(body)
    fields = {name.decode(): value.decode() for name, value in pairs}
    svix_fields = {name.replace("webhook-", "svix-"): value for name, value in fields.items()}
    prefix = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode()
    expected = fields["webhook-signature"].removeprefix("v1,").encode()
    ours, standard = Verifier(SECRET), standardwebhooks.Webhook(SECRET)
    theirs = svix.Webhook(SECRET)
    text = body.decode()
    stripe_header = _stripe_header(text)

    def floor() -> bool:
        mac = hmac.digest(_KEY, prefix + body, "sha256")
        return hmac.compare_digest(base64.b64encode(mac), expected)

    def standard_without_json() -> object:
        return standard.verify(body, fields, json_parse=False)

    return {
        _FLOOR: floor,
        "hookseal": lambda: ours.verify(pairs, body),
        "standardwebhooks, no JSON": standard_without_json,
        "svix": lambda: theirs.verify(body, svix_fields),
        "stripe verify_header": lambda: stripe.WebhookSignature.verify_header(
            text, stripe_header, SECRET, 300
        ),
    }


def _signers(body: bytes) -> dict[str, Callable[[], object]]:
    ours, standard, theirs = Signer(SECRET), standardwebhooks.Webhook(SECRET), svix.Webhook(SECRET)
    now = int(time.time())
    moment = datetime.fromtimestamp(now, UTC)
    prefix = f"{_EVENT_ID}.{now}.".encode()
    text = body.decode()

    def floor() -> str:
        mac = hmac.digest(_KEY, prefix + body, "sha256")
        return base64.b64encode(mac).decode()

    return {
        _FLOOR: floor,
        "hookseal": lambda: ours.headers(_EVENT_ID, now, body),
        "standardwebhooks": lambda: standard.sign(_EVENT_ID, moment, text),
        "svix": lambda: theirs.sign(_EVENT_ID, moment, text),
        "stripe": lambda: _stripe_header(text),
    }


def _stripe_header(text: str) -> str:
    now = int(time.time())
    mac = hmac.digest(SECRET.encode(), f"{now}.{text}".encode(), "sha256")
    return f"t={now},v1={mac.hex()}"
