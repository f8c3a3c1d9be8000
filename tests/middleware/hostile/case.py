"""What a case of the table is, and the answers it may have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .delivery import Delivery
from .profiles import NEED_CRYPTOGRAPHY, PROXIED


class Answer(NamedTuple):
    """The status of an answer and, for a refusal, the code of the problem."""

    status: int
    code: str = ""

    @property
    def handled(self) -> bool:
        """Whether the handler ran."""
        return self == HANDLED

    @property
    def refused(self) -> bool:
        """Whether the gate says no, and why."""
        return self not in {HANDLED, GREETED}


HANDLED = Answer(200)
GREETED = Answer(200, "handshake")
"""A handshake is answered by the gate itself."""

MISSING = Answer(400, "header_missing")
DUPLICATE = Answer(400, "header_duplicate")
MALFORMED = Answer(400, "header_malformed")
TOO_LONG = Answer(400, "header_too_long")
FORGED = Answer(401, "signature_invalid")
TOO_OLD = Answer(401, "timestamp_too_old")
TOO_NEW = Answer(401, "timestamp_too_new")
INSECURE = Answer(403, "insecure_transport")
METHOD = Answer(405, "method_not_allowed")
COMPRESSED = Answer(415, "content_encoding_refused")
BAD_LENGTH = Answer(400, "content_length_invalid")
TOO_LARGE = Answer(413, "body_too_large")
INCOMPLETE = Answer(400, "body_incomplete")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and its answer."""

    name: str
    answer: Answer
    make: Callable[[Delivery], Delivery]
    """Makes the request from an honest, signed one."""
    profile: str = PROXIED
    on_wsgi: Answer | None = None
    """The answer on WSGI, where HTTP reaches the two interfaces differently."""
    over_http: bool = True
    """Whether a client can send it over HTTP, from loopback."""
    server_decides: bool = False
    """Whether a real server may change it on its way, so that both ends are sound."""

    @property
    def needs_cryptography(self) -> bool:
        return self.profile in NEED_CRYPTOGRAPHY

    def __str__(self) -> str:
        return self.name


def case(name: str, answer: Answer, make: Callable[[Delivery], Delivery], **rest) -> Case:
    return Case(name=name, answer=answer, make=make, **rest)
