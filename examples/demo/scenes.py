"""The two scenes: deliveries that arrive, and deliveries that are stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from hookseal import Signer, generate_secret

from .client import Answer
from .screen import Screen
from .stage import Stage, wait_until

_EVENTS = ["order.created", "order.paid", "order.shipped", "invoice.paid"]
_OVERSIZED = 8 * 1024 * 1024
_AN_HOUR = 3600
_SUCCESS = range(200, 300)


def show_deliveries(screen: Screen, stage: Stage) -> bool:
    """Publish events; show how each was attempted, and that it was handled once."""
    screen.heading("1  The sender signs and delivers, the receiver verifies and handles once")
    messages = [_publish(stage, event_type) for event_type in _EVENTS]
    wait_until(
        "the delivery of every event",
        lambda: all(_delivered(_attempts(stage, one["id"])) for one in messages),
    )
    handled = stage.endpoint.handled("/handled")
    screen.header("event", "attempts", "handled")
    good = True
    for message in messages:
        attempts = _attempts(stage, message["id"])
        times = handled.count(message["id"])
        codes = " → ".join(str(one["responseStatusCode"]) for one in attempts)
        note = " (failed once, retried)" if len(attempts) > 1 else ""
        good &= screen.row(
            codes + note,
            _times(times),
            name=message["eventType"],
            good=times == 1 and _delivered(attempts),
        )
    retried = any(len(_attempts(stage, one["id"])) > 1 for one in messages)
    return good and retried


def show_refusals(screen: Screen, stage: Stage) -> bool:
    """Send deliveries that are wrong, each in one way; show that no handler runs."""
    screen.heading("2  What is not right does not reach the handler")
    screen.header("delivery", "answer", "handler")
    good = True
    for name, deliver, expected, runs in _cases(stage):
        before = len(stage.endpoint.handled("/handled"))
        said = _said(deliver())
        ran = len(stage.endpoint.handled("/handled")) - before
        good &= screen.row(said, _ran(ran), name=name, good=(said, ran) == (expected, runs))
    return good


def _cases(stage: Stage) -> list[tuple[str, Callable[[], Answer], str, int]]:
    """Return each delivery's name, how it is sent, and the answer and handler runs expected."""
    body = json.dumps({"type": "order.paid"}).encode()
    now = int(time.time())
    signer, forger = Signer(stage.secret), Signer(generate_secret())
    right = signer.headers("msg_demo", now, body)
    forged = forger.headers("msg_forged", now, body)
    stale = signer.headers("msg_stale", now - _AN_HOUR, body)
    large = signer.headers("msg_large", now, b"")
    plain = signer.headers("msg_plain", now, body)
    endpoint = stage.endpoint
    return [
        ("right", lambda: endpoint.deliver(right, body), "200 handled", 1),
        ("the same bytes again", lambda: endpoint.deliver(right, body), "200 stored reply", 0),
        ("forged: another key", lambda: endpoint.deliver(forged, body), "401 signature_invalid", 0),
        ("stale: an hour old", lambda: endpoint.deliver(stale, body), "401 timestamp_too_old", 0),
        (
            "oversized: 8 MiB declared",
            lambda: endpoint.announce(large, _OVERSIZED),
            "413 body_too_large",
            0,
        ),
        (
            "over plain HTTP",
            lambda: stage.plain_endpoint.deliver(plain, body),
            "403 insecure_transport",
            0,
        ),
    ]


def _publish(stage: Stage, event_type: str) -> Any:
    payload = {"type": event_type, "data": {"id": 17}}
    return stage.api.post(f"/app/{stage.app}/msg", {"eventType": event_type, "payload": payload})


def _attempts(stage: Stage, message: str) -> list[Any]:
    """Return the attempts of one message, oldest first."""
    listed = stage.api.get(f"/app/{stage.app}/attempt/msg/{message}")["data"]
    return sorted(listed, key=lambda one: one["timestamp"])


def _delivered(attempts: list[Any]) -> bool:
    return bool(attempts) and attempts[-1]["responseStatusCode"] in _SUCCESS


def _said(answer: Answer) -> str:
    said = answer.code or ("stored reply" if answer.replayed else "handled")
    return f"{answer.status} {said}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _ran(times: int) -> str:
    return f"ran {_times(times)}" if times else "did not run"
