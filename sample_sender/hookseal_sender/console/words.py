"""What the pages say: states, codes, reasons and times, in words that people read.

Knows what each outcome of an attempt means to whoever runs the endpoint, and what to do about it.
Must not know pages or the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from hookseal_receiver.look.words import iso, span_words
from hookseal_sender.model import DeliveryState, Disabled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CODES", "FILTERS", "STATES", "StateWords", "advice", "code_words", "sentence"]


@dataclass(frozen=True, kw_only=True, slots=True)
class StateWords:
    """A delivery's state: its name in a query, on a badge, the badge's kind and icon."""

    query: str
    label: str
    kind: str = ""
    icon: str = "skip"
    meaning: str = ""


STATES = {
    DeliveryState.SUCCEEDED: StateWords(
        query="delivered",
        label="Delivered",
        kind="ok",
        icon="ok",
        meaning="The endpoint answered 2xx.",
    ),
    DeliveryState.WAITING: StateWords(
        query="retrying",
        label="Retrying",
        kind="warn",
        icon="repeat",
        meaning="It failed and will be tried again.",
    ),
    DeliveryState.FAILED: StateWords(
        query="failed",
        label="Failed",
        kind="bad",
        icon="bad",
        meaning="The last attempt of the schedule failed. Only a replay tries again.",
    ),
    DeliveryState.READY: StateWords(
        query="queued",
        label="Queued",
        kind="info",
        icon="play",
        meaning="It is due and waits for its turn.",
    ),
    DeliveryState.SENDING: StateWords(
        query="sending",
        label="Sending",
        kind="info",
        icon="play",
        meaning="A request is under way.",
    ),
    DeliveryState.HELD: StateWords(
        query="held",
        label="Held",
        kind="warn",
        icon="pause",
        meaning="The webhook is disabled. Enabling it sends this.",
    ),
    DeliveryState.CANCELLED: StateWords(
        query="cancelled",
        label="Cancelled",
        meaning="It was cancelled and will not be sent.",
    ),
}

DISABLED = {
    Disabled.BY_CALLER: "It was disabled by hand.",
    Disabled.GONE: "The endpoint answered 410 Gone, which asks for no more.",
    Disabled.FAILING: "It failed for too long without one success.",
}

CODES = (("2xx", 200), ("3xx", 300), ("4xx", 400), ("5xx", 500), ("none", 0))
"""Classes of answers as a query names them; ``none`` is no answer at all."""

_SERVER_ERROR = 500
_BY_STATUS = {
    400: "Your endpoint refused the request as malformed. If it checks signatures, compare it with "
    "the reason it logs.",
    401: "Your endpoint refused the signature or wants credentials. Check that it has this "
    "webhook's secret and verifies the raw body, before any parsing.",
    403: "Something in front of your endpoint refused the request, often a firewall, a login or "
    "CSRF protection. Exempt this path from it.",
    404: "There is nothing at this path. Check the URL.",
    405: "The path exists but does not take POST. Check the URL and the route's methods.",
    408: "Your endpoint gave up waiting for the body. Look at what stands in front of it.",
    410: "Your endpoint said that it is gone, so the webhook was disabled. Enable it once the "
    "endpoint is back.",
    413: "The body is larger than your endpoint takes. Raise its limit.",
    415: "Your endpoint does not take application/json. Let it.",
    429: "Your endpoint asked for less. The webhook rests for a while; set a rate limit on it to "
    "prevent this.",
    502: "A proxy in front of your endpoint got no answer from it. Look whether the app runs.",
    503: "Your endpoint said that it is not available now.",
    504: "A proxy in front of your endpoint waited too long. Answer first and work afterwards.",
}
_BY_CLAUSE = {
    "timed out": "Your endpoint did not answer in time. Answer 2xx as soon as the event is stored, "
    "and do the work afterwards.",
    "address not allowed": "The host leads to an address that is not public. Use a public one.",
    "the host name does not resolve": "The host name is not known. Check the spelling and the DNS "
    "record.",
    "the host name was not resolved in time": "The name's servers did not answer in time. Look at "
    "the DNS of the host.",
    "the TLS certificate was not accepted": "The certificate has expired, names another host or "
    "lacks its chain. Renew it, and send the intermediate certificates too.",
    "the TLS handshake failed": "The server speaks no TLS that is accepted. Allow 1.2 or newer.",
    "connection refused": "Nothing listens at that address and port. Look whether the app runs and "
    "the port is right.",
    "connection reset": "The connection was cut while the request was under way. Look at the logs "
    "of the app and of the proxy.",
    "closed": "The connection was closed before the answer was complete. Look for a crash in the "
    "app's log.",
    "the host could not be reached": "No way leads to the host. Look at its network and firewall.",
    "the answer was not valid HTTP": "What answered speaks no HTTP, or HTTPS where the URL says "
    "http. Check scheme and port.",
    "a header cannot be used": "One of the custom headers cannot be sent. Change it.",
    "the URL cannot be used": "The URL cannot be called. Change it.",
    "cannot sign": "The secret cannot sign. Rotate it.",
}
"""By how the reason begins, where no answer came."""


def advice(status: int, reason: str) -> str:
    """Return what the outcome of an attempt means and what to do, as sentences."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if status == 0:
        return next(
            (words for clause, words in _BY_CLAUSE.items() if reason.startswith(clause)), ""
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return (
            "Your endpoint redirects, and redirects are not followed: the body would go to "
            "somebody you did not name. Enter the final URL."
        )
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= _SERVER_ERROR:
        return "Your endpoint failed. Its own log says why."
    return "Your endpoint refused the request. Its own log says why."


def code_words(status: int | None) -> str:
    """Return an answer's code with its name: ``"503 Service Unavailable"``, ``"no answer"``."""
    if status is None:
        return "not tried yet"
    if status == 0:
        return "no answer"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def sentence(clause: str) -> str:
    """Return a clause with a capital at its start and a full stop at its end."""
    return f"{clause[:1].upper()}{clause[1:]}{'' if clause.endswith(('.', '!', '?')) else '.'}"


def ahead(then_ms: int, now_ms: int) -> str:
    """Return how long after ``now_ms`` the moment ``then_ms`` is: ``"in 4 min"``, ``"now"``."""
    seconds = (then_ms - now_ms) / 1000
    return f"in {span_words(seconds)}" if seconds >= 1 else "now"


def minute(then_ms: int) -> str:
    """Return unix milliseconds as a date and a time to the second, in UTC."""
    return iso(then_ms)[:19].replace("T", " ")


def duration(milliseconds: int) -> str:
    """Return a length of time: ``"87 ms"``, ``"1.25 s"``."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"  # noqa: PLR2004 # ms in a second


FILTERS: dict[str, Callable[..., str]] = {
    "ahead": ahead,
    "minute": minute,
    "duration": duration,
    "code_words": code_words,
    "sentence": sentence,
}
"""What templates may use."""
