"""One call that was let in.

Knows what an operation may ask of its request: whose it is, the path, the query, the body. Must not
know any particular operation, nor HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hookseal_sender.api.body import MAX_BODY_BYTES, parse_exactly, parse_object
from hookseal_sender.errors import PlanRequired, Unauthenticated
from hookseal_sender.inspectors import Inspectors
from hookseal_sender.model import ENTERPRISE
from hookseal_sender.observe import NoObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hookseal_sender.addresses import AddressGuard
    from hookseal_sender.api.parameters import Parameter
    from hookseal_sender.api.tokens import Caller
    from hookseal_sender.links import Links
    from hookseal_sender.model import Application, Endpoint, Keyed, Scope
    from hookseal_sender.observe import Observer
    from hookseal_sender.store import Store
    from hookseal_sender.tokens import TokenKey

__all__ = ["Call", "Services"]

ValueT = TypeVar("ValueT")


async def _follow_nothing(_before: Endpoint | None, _after: Endpoint | None) -> None:
    """Take note of no endpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What the operations work with.

    ``clock`` returns unix seconds. ``public_url`` is where callers reach this server,
    ``rate_limit`` such as "5000/second" is for each token, "" for none; ``max_body`` is in bytes,
    ``contact`` is whom to ask for a plan with webhooks. ``inspectors`` are the URLs of Play's own;
    ``links`` makes links into the console, None where there is none. ``follow`` is told of every
    endpoint that was made, changed or deleted: how it was before and how it is after.
    """

    store: Store
    tokens: TokenKey
    guard: AddressGuard
    clock: Callable[[], float]
    default_plan: str = ENTERPRISE
    https_only: bool = False
    public_url: str = "http://127.0.0.1:8071"
    rate_limit: str = ""
    max_body: int = MAX_BODY_BYTES
    contact: str = ""
    inspectors: Inspectors = field(default_factory=Inspectors)
    links: Links | None = None
    follow: Callable[[Endpoint | None, Endpoint | None], Awaitable[None]] = _follow_nothing
    observer: Observer = field(default_factory=NoObserver)


@dataclass(kw_only=True, slots=True)
class Call:
    """A request to one operation. ``raw`` is its body, ``keyed`` its idempotency key."""

    services: Services
    path: Mapping[str, str]
    queried: Mapping[str, Any]
    caller: Caller | None = None
    raw: bytes = field(default=b"", repr=False)
    keyed: Keyed | None = None

    @property
    def store(self) -> Store:
        """The store."""
        return self.services.store

    @property
    def now_ms(self) -> int:
        """The time, in unix milliseconds."""
        return int(self.services.clock() * 1000)

    @property
    def authenticated(self) -> Caller:
        """Whoever calls. Raises Unauthenticated in an operation that asks for no token."""
        if self.caller is None:
            raise Unauthenticated("this operation asks for no token")
        return self.caller

    @property
    def scope(self) -> Scope:
        """What the caller may touch."""
        return self.authenticated.scope

    def query(self, parameter: Parameter[ValueT]) -> ValueT:
        """Return the value of a parameter that the operation declares."""
        return cast("ValueT", self.queried.get(parameter.name, parameter.default))

    def body(self) -> dict[str, object]:
        """Return the JSON object that was sent. Raises MalformedBody."""
        return parse_object(self.raw)

    def body_and(self, name: str) -> tuple[dict[str, object], bytes]:
        """Return the JSON object that was sent, and its member ``name`` exactly as it was."""
        return parse_exactly(self.raw, name)

    def optional_body(self) -> dict[str, object]:
        """Return the JSON object that was sent, an empty one if nothing was."""
        return parse_object(self.raw) if self.raw else {}

    async def application(self) -> Application:
        """Return the application that the path names, if the caller may touch it."""
        return await self.store.application(self.scope, self.path["app_id"])

    async def tenant(self) -> Application:
        """Return the application that the path names.

        Raises PlanRequired if its plan does not include webhooks.
        """
        found = await self.application()
        if found.plan != ENTERPRISE:
            raise PlanRequired(
                f"webhooks need the plan {ENTERPRISE!r}; the application is on {found.plan!r}"
            )
        return found

    async def endpoint(self) -> Endpoint:
        """Return the endpoint that the path names, of a :meth:`tenant`."""
        return await self.store.endpoint((await self.tenant()).id, self.path["endpoint_id"])
