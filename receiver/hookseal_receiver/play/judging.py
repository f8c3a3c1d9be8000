"""The verdict on a request, step by step, made of the middleware's own parts.

Knows which part answers which question, and how to say it to a person. Must not know a clock, a
store or a socket, and never decides by itself what the verifier decides.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from hookseal import KeyRing, Signer, Verifier, WebhookError, generate_secret
from hookseal.errors import InsecureTransport, TimestampTooNew, TimestampTooOld
from hookseal.headers import find_header, pick
from hookseal.request import Request
from hookseal.schemes import StandardScheme
from hookseal.transport import Transport
from hookseal_receiver.look.words import span_words
from hookseal_receiver.play.causes import key_words, likely_causes
from hookseal_receiver.play.model import Draft, Earlier, Outcome, Step, Verdict

if TYPE_CHECKING:
    from hookseal.schemes import Envelope

__all__ = ["Judge"]

_MILLISECONDS = re.compile(r"[0-9]{13}")


class Judge:
    """Says what the middleware would make of a request.

    ``transport`` decides about HTTPS; ``tolerance`` is the accepted age and lead of a timestamp in
    seconds.
    """

    def __init__(self, transport: Transport, tolerance: int) -> None:
        self._transport = transport
        self._tolerance = tolerance
        self._scheme = StandardScheme()
        trial = generate_secret()
        self._trial_signer = Signer(trial)
        self._trial_verifier = Verifier(trial, tolerance=tolerance)

    def judge(self, draft: Draft, secrets: tuple[str, ...], earlier: Earlier | None) -> Verdict:
        """Return the verdict as of the arrival; ``earlier`` came with the same event id.

        It may take a tenth of a second, where a wrong signature's cause is looked for.
        """
        headers = _encoded(draft)
        envelope, read = self._read(headers, expected=bool(secrets))
        if envelope is None:
            return _verdict([self._https(draft, headers), read], "")
        signature = self._signature(draft, secrets, headers, envelope)
        steps = [self._https(draft, headers), read, self._age(draft, envelope), signature]
        return _verdict([*steps, _repeat(draft, earlier)], envelope.event_id)

    @staticmethod
    def repeated(verdict: Verdict, draft: Draft, earlier: Earlier | None) -> Verdict:
        """Return the verdict on ``draft``, made without ``earlier``, as it is with it."""
        if earlier is None:
            return verdict
        return _verdict([*verdict.steps[:-1], _repeat(draft, earlier)], verdict.event_id)

    def _https(self, draft: Draft, headers: list[tuple[bytes, bytes]]) -> Step:
        fields = pick(headers, self._transport.headers)
        request = Request(
            draft.method,
            draft.scheme,
            draft.path,
            draft.query,
            draft.client or None,
            fields,
            draft.at_ms / 1000,
            lambda name: find_header(headers, name),
        )
        try:
            self._transport.require_https(request)
        except InsecureTransport:
            if _loopback(draft.client):
                words = "Plain HTTP from this machine: fine for a trial, refused elsewhere."
                return Step(name="HTTPS", state="skip", reason=words)
            words = "It came over plain HTTP. Anybody on the way could read and change it."
            return Step(name="HTTPS", state="fail", reason=words)
        return Step(name="HTTPS", state="pass", reason="It came over HTTPS.")

    def _read(
        self, headers: list[tuple[bytes, bytes]], *, expected: bool
    ) -> tuple[Envelope | None, Step]:
        fields = pick(headers, self._scheme.headers)
        if not fields and not expected:
            words = "Not a signed request: it has none of webhook-id, -timestamp and -signature."
            return None, Step(name="Headers", state="skip", reason=words)
        try:
            envelope = self._scheme.read(fields)
        except WebhookError as error:
            return None, Step(
                name="Headers", state="fail", reason=error.detail, causes=_header_causes(fields)
            )
        words = f"Id, timestamp and signature are there, once each: {envelope.event_id}."
        return envelope, Step(name="Headers", state="pass", reason=words)

    def _age(self, draft: Draft, envelope: Envelope) -> Step:
        now, signed_at = draft.at_ms / 1000, envelope.timestamp or 0
        words = f"Signed {_apart(now - signed_at)} it arrived; {self._tolerance} s are allowed."
        try:  # a request signed here at the same time: the verifier's own window decides
            trial = self._trial_signer.headers(envelope.event_id, signed_at, b"")
            self._trial_verifier.verify(trial, b"", now=now)
        except TimestampTooOld:
            causes: tuple[str, ...] = (
                "An old request was sent again: sign each attempt anew.",
                "The sender's clock is behind, or ours is ahead.",
            )
            return Step(name="Timestamp", state="fail", reason=words, causes=causes)
        except TimestampTooNew:
            causes = ("The sender's clock is ahead, or ours is behind.",)
            return Step(name="Timestamp", state="fail", reason=words, causes=causes)
        return Step(name="Timestamp", state="pass", reason=words)

    def _signature(
        self,
        draft: Draft,
        secrets: tuple[str, ...],
        headers: list[tuple[bytes, bytes]],
        envelope: Envelope,
    ) -> Step:
        if not secrets:
            words = "No secret is set for this URL, so the signature was not checked."
            return Step(name="Signature", state="skip", reason=words)
        if draft.cut:
            words = "The body is longer than what is kept, so the signature was not checked."
            return Step(name="Signature", state="skip", reason=words)
        ring = KeyRing.parse(secrets)
        matched = key_words(ring, headers, draft.body, float(envelope.timestamp or 0))
        if matched:
            return Step(name="Signature", state="pass", reason=f"{matched}.")
        tried = f"{len(ring.keys)} key" + ("s" if len(ring.keys) > 1 else "")
        given = len(envelope.tokens)
        words = (
            "The signature does not match" if given == 1 else f"None of {given} signatures matches"
        )
        causes = likely_causes(secrets, envelope, headers, draft.body)
        return Step(
            name="Signature", state="fail", reason=f"{words} ({tried} tried).", causes=causes
        )


def _verdict(steps: list[Step], event_id: str) -> Verdict:
    return Verdict(outcome=_outcome(steps), steps=tuple(steps), event_id=event_id)


def _outcome(steps: list[Step]) -> Outcome:
    states = {step.name: step.state for step in steps}
    if "fail" in states.values():
        return "refused"
    if states.get("Signature", "skip") == "skip":
        return "unchecked"
    return "repeat" if states["Duplicate"] == "repeat" else "verified"


def _repeat(draft: Draft, earlier: Earlier | None) -> Step:
    if earlier is None:
        words = "The first request here with this id."
        return Step(name="Duplicate", state="pass", reason=words)
    ago = span_words((draft.at_ms - earlier.at_ms) / 1000)
    words = (
        f"Request #{earlier.number} had this id, {ago} before. If that one was handled, the "
        "middleware answers this one from its ledger and your handler does not run again."
    )
    return Step(name="Duplicate", state="repeat", reason=words)


def _header_causes(fields: dict[bytes, bytes]) -> tuple[str, ...]:
    if not fields:
        return (
            "The request is not a webhook, or a proxy drops headers that it does not know.",
            "The sender signs in another way: its documentation names its headers.",
        )
    timestamp = fields.get(b"webhook-timestamp", fields.get(b"svix-timestamp", b""))
    if _MILLISECONDS.fullmatch(timestamp.decode("latin-1")):
        return ("The timestamp is in milliseconds. Send unix seconds.",)
    return ()


def _apart(seconds: float) -> str:
    words = span_words(abs(seconds))
    return f"{words} before" if seconds >= 0 else f"{words} after"


def _encoded(draft: Draft) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in draft.headers]


def _loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return not client  # a Unix socket has no address
