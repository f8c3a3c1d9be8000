"""Who looks at a page, and what of it they may see.

Knows cookies and the two kinds of visitors: operators, who signed in with a token, and customers,
who opened a magic link. Must not know pages.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hookseal_sender.errors import NotFound, SenderError, Unauthenticated
from hookseal_sender.ids import fresh_id
from hookseal_sender.model import ENTERPRISE
from hookseal_sender.visits import Visit, Visits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from hookseal_sender.api import Services
    from hookseal_sender.model import Application, Endpoint

__all__ = ["Door", "PlanLacking", "SignInNeeded"]

_OPERATOR, _CUSTOMER = "hookseal_operator", "hookseal_customer"
OPERATOR_SECONDS = 12 * 3600
"""A session of an operator is at most so long."""


class SignInNeeded(Exception):  # a refusal is named for what it wants
    """Nobody is signed in, or their time is up, or they were shown out."""


class PlanLacking(SenderError):
    """The application's plan does not include webhooks: show what would."""

    def __init__(self, visit: Visit, app: Application) -> None:
        super().__init__("webhooks are not part of this plan")
        self.visit = visit
        self.app = app


class Door:
    """Lets visitors in. ``keys`` sign their cookies, newest first.

    ``public_url`` decides whether cookies are for HTTPS alone.
    """

    def __init__(self, services: Services, keys: Sequence[bytes]) -> None:
        self._services = services
        self._secure = services.public_url.startswith("https:")
        self._operators = Visits(keys, "operator")
        self._customers = Visits(keys, "customer")

    # --- coming and going ----------------------------------------------------------------------

    async def operator_by_token(self, token: str) -> Visit:
        """Return the visit that an organisation's API token is good for.

        Raises Unauthenticated for any other text, an application's token included.
        """
        now = int(self._services.clock())
        scope = self._services.tokens.read(token, now=now)
        if scope.app_id is not None:
            raise Unauthenticated("this token is for one application; use an organisation's")
        expires = min(self._services.tokens.expiry(token), now + OPERATOR_SECONDS)
        visit = Visit(scope=scope, expires=expires)
        if await self._is_revoked(visit):
            raise Unauthenticated("the token was revoked")
        return visit

    def admit(self, request: Request, response: Response, visit: Visit) -> None:
        """Have the browser remember the visit, as a session of its own.

        A page in a frame of another site gets a cookie for that frame alone, where the browser
        says that it is one: CHIPS, https://datatracker.ietf.org/doc/draft-cutler-httpbis-partitioned-cookies/
        """
        name, visits = (
            (_OPERATOR, self._operators) if visit.is_operators else (_CUSTOMER, self._customers)
        )
        now = self._services.clock()
        session_id = fresh_id("ses_", int(now * 1000))
        sealed = visits.seal(replace(visit, session_id=session_id))
        self._set_cookie(request, response, name, sealed, visit.expires - int(now))

    async def dismiss(self, request: Request, response: Response) -> None:
        """End the sessions of both kinds, and have the browser forget them.

        In a frame they are those of that frame. What began them, a token or a link, goes on.
        """
        for name, visits in ((_OPERATOR, self._operators), (_CUSTOMER, self._customers)):
            visit = await self._remembered(request, name, visits)
            if visit is not None and visit.session_id is not None:
                await self._services.store.revoke_token(visit.session_id, visit.expires * 1000)
            self._set_cookie(request, response, name, "", 0)

    def _set_cookie(
        self, request: Request, response: Response, name: str, value: str, seconds: int
    ) -> None:
        secure = self._secure or request.url.scheme == "https"
        framed = secure and request.headers.get("sec-fetch-dest") == "iframe"
        parts = [
            f"{name}={value}",
            f"Path={_root(request)}",
            f"Max-Age={seconds}",
            "HttpOnly",
            f"SameSite={'None' if framed else 'Lax'}",
            *(["Secure"] if secure else []),
            *(["Partitioned"] if framed else []),
        ]
        response.headers.append("set-cookie", "; ".join(parts))

    # --- on every page -------------------------------------------------------------------------

    async def operator(self, request: Request) -> Visit:
        """Return the operator's visit. Raises :class:`SignInNeeded`."""
        visit = await self._remembered(request, _OPERATOR, self._operators)
        if visit is None or not visit.is_operators:
            raise SignInNeeded
        return visit

    async def visitor(self, request: Request) -> Visit:
        """Return the visit, an operator's first where there are both.

        Raises :class:`SignInNeeded`.
        """
        return (await self._visits(request))[0]

    async def application(self, request: Request) -> tuple[Visit, Application]:
        """Return the application of the path, and the visit that covers it.

        Raises :class:`SignInNeeded`, and NotFound for an application that is somebody else's.
        """
        for visit in await self._visits(request):
            with suppress(NotFound):
                key = request.path_params["app_id"]
                return visit, await self._services.store.application(visit.scope, key)
        raise NotFound("there is no such application")

    async def tenant(self, request: Request) -> tuple[Visit, Application]:
        """Return likewise. Raises :class:`PlanLacking` where the plan lacks webhooks."""
        visit, app = await self.application(request)
        if app.plan != ENTERPRISE:
            raise PlanLacking(visit, app)
        return visit, app

    async def endpoint(self, request: Request) -> tuple[Visit, Application, Endpoint]:
        """Return the visit, the application and the endpoint of the path."""
        visit, app = await self.tenant(request)
        found = await self._services.store.endpoint(app.id, request.path_params["endpoint_id"])
        return visit, app, found

    async def _visits(self, request: Request) -> list[Visit]:
        """Return the visits that the browser remembers. Raises :class:`SignInNeeded` for none."""
        found = (
            await self._remembered(request, _OPERATOR, self._operators),
            await self._remembered(request, _CUSTOMER, self._customers),
        )
        visits = [visit for visit in found if visit is not None]
        if not visits:
            raise SignInNeeded
        return visits

    async def _remembered(self, request: Request, name: str, visits: Visits) -> Visit | None:
        text = request.cookies.get(name)
        if text is None:
            return None
        try:
            visit = visits.open(text, now=self._services.clock())
        except Unauthenticated:
            return None
        return None if await self._is_revoked(visit) else visit

    async def _is_revoked(self, visit: Visit) -> bool:
        """Tell whether the session has ended, or what began it was taken back."""
        for each in (visit.session_id, visit.scope.token_id):
            if each is not None and await self._services.store.token_revoked(each):
                return True
        return False


def _root(request: Request) -> str:
    """Return the path that the console is mounted at, for its cookies."""
    path: str = request.scope.get("root_path", "")
    return path or "/"
