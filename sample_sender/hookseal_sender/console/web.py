"""What the console's pages have in common: the frame, forms of our own, and saying what is wrong.

Knows requests, templates and the parts of the sender that pages show. Must not know any one page.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from hookseal_receiver.look import FormRefused, Pages, read_form_list
from hookseal_receiver.play.present import visible
from hookseal_sender.complaints import Complaints
from hookseal_sender.console.access import PlanLacking, SignInNeeded
from hookseal_sender.console.words import FILTERS, STATES, sentence
from hookseal_sender.errors import (
    NotFound,
    ReadTooLong,
    SealBroken,
    SenderError,
    StoreUnavailable,
    Unauthenticated,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal_receiver.look import Forms
    from hookseal_sender.api import Services
    from hookseal_sender.console.access import Door
    from hookseal_sender.console.playing import Playing
    from hookseal_sender.links import Links
    from hookseal_sender.model import Application, Endpoint
    from hookseal_sender.visits import Visit

__all__ = ["ConsoleSettings", "Web"]

_TEMPLATES = Path(__file__).parent / "templates"
_OUR_FAULT = 500
_FAILED = "This failed here. Try again in a while."
Fields = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleSettings:
    """What the pages say about the sender. Times are in seconds.

    ``frame_origins`` are the origins that may show the pages in a frame.
    """

    retry_schedule: tuple[float, ...]
    request_timeout: float
    frame_origins: tuple[str, ...] = ()


class Web:
    """Shared by the routes."""

    def __init__(
        self,
        services: Services,
        settings: ConsoleSettings,
        door: Door,
        forms: Forms,
        links: Links,
        playing: Playing | None,
    ) -> None:
        self.services = services
        self.store = services.store
        self.settings = settings
        self.links = links
        self.playing = playing
        self.door = door
        self._forms = forms
        self._complaints = Complaints(services.clock)
        self._pages = Pages(_TEMPLATES, {"visible": visible, **FILTERS})

    @property
    def now_ms(self) -> int:
        """The time, in unix milliseconds."""
        return int(self.services.clock() * 1000)

    # --- pages ---------------------------------------------------------------------------------

    async def page(
        self,
        request: Request,
        template: str,
        *,
        visit: Visit | None = None,
        app: Application | None = None,
        status: int = 200,
        **values: Any,
    ) -> Response:
        """Return a page, rendered in a thread: a large body takes a while to write."""
        return await run_in_threadpool(
            self._pages.answer,
            request,
            template,
            status=status,
            visit=visit,
            app=app,
            home=f"{base_of(request)}/",
            csrf=self._forms.token(_context(visit), self.services.clock()),
            contact=self.services.contact,
            playing=self.playing is not None,
            settings=self.settings,
            states=STATES,
            now=self.now_ms,
            **values,
        )

    def to(self, request: Request, *parts: str, query: str = "") -> Response:
        """Return a redirection below the console's root."""
        path = "".join(f"/{quote(part, safe='')}" for part in parts)
        return RedirectResponse(f"{base_of(request)}{path}{query}", 303)

    def to_webhook(
        self, request: Request, endpoint: Endpoint, *rest: str, query: str = ""
    ) -> Response:
        """Return a redirection to an endpoint's page, or to one below it."""
        app_id = request.path_params["app_id"]
        return self.to(request, "app", app_id, "webhooks", endpoint.id, *rest, query=query)

    # --- forms ---------------------------------------------------------------------------------

    async def form(self, request: Request, visit: Visit | None) -> Fields:
        """Return a form's fields in order. Raises FormRefused unless a page of ours sent it."""
        fields = await read_form_list(request)
        self._forms.check(request, dict(fields), _context(visit), self.services.clock())
        return fields

    # --- what goes wrong -----------------------------------------------------------------------

    def handlers(self) -> dict[Any, Any]:
        """Return the handlers of what a page raises."""
        return {
            SignInNeeded: self._sign_in,
            PlanLacking: self._plan_lacking,
            SenderError: self._failed,
            FormRefused: self._refused,
            HTTPException: self._wrong,
            Exception: self._broken,
        }

    async def _sign_in(self, request: Request, _error: SignInNeeded) -> Response:
        if _is_part(request):
            return _part_lost(401)
        target = request.scope["path"].removeprefix(base_of(request))
        safe = request.method == "GET" and target != "/"
        return self.to(request, "sign-in", query=f"?next={quote(target)}" if safe else "")

    async def _plan_lacking(self, request: Request, error: PlanLacking) -> Response:
        if _is_part(request):
            return _part_lost(error.status_hint)
        return await self.page(request, "upsell.html", visit=error.visit, app=error.app)

    async def _failed(self, request: Request, error: SenderError) -> Response:
        self._complaints.tell(error)
        if isinstance(error, Unauthenticated):
            return await self._say(request, 401, "This is not valid any more.")
        away = isinstance(error, StoreUnavailable) and not isinstance(error, ReadTooLong)
        return await self._say(request, error.status_hint, _words(error), store_away=away)

    async def _refused(self, request: Request, error: FormRefused) -> Response:
        return await self._say(request, error.status, str(error))

    async def _wrong(self, request: Request, error: HTTPException) -> Response:
        words = {404: "There is no such page.", 405: "This page cannot do that."}
        return await self._say(
            request, error.status_code, words.get(error.status_code, error.detail)
        )

    async def _broken(self, request: Request, error: Exception) -> Response:
        self._complaints.tell(error)
        return await self._say(request, _OUR_FAULT, _FAILED)

    async def _say(
        self, request: Request, status: int, words: str, *, store_away: bool = False
    ) -> Response:
        if _is_part(request):
            return _part_lost(status)
        # A store that is away would let whoever waits for this page wait again, for nothing.
        visit, app = (None, None) if store_away else await self._who(request)
        return await self.page(
            request, "wrong.html", visit=visit, app=app, status=status, words=words
        )

    async def _who(self, request: Request) -> tuple[Visit | None, Application | None]:
        """Return who is signed in, and the application of the path where it is theirs to see."""
        try:
            if "app_id" in request.path_params:
                return await self.door.application(request)
        except StoreUnavailable:  # it would say the same of the visitor
            return None, None
        except Exception:  # noqa: BLE001, S110 # this page says what is wrong, whatever else is
            pass
        try:
            return await self.door.visitor(request), None
        except Exception:  # noqa: BLE001 # likewise
            return None, None


def _words(error: SenderError) -> str:
    """Return what a page says: nothing of what only whoever runs the sender can use."""
    if isinstance(error, SealBroken):
        return "A secret of this webhook cannot be read. Rotate it, or ask whoever runs this."
    if isinstance(error, ReadTooLong):
        return sentence(str(error))
    if error.status_hint >= _OUR_FAULT:
        return _FAILED
    if isinstance(error, NotFound):
        return "There is nothing here, or it is somebody else's."
    return f"{error}."


def base_of(request: Request) -> str:
    """Return the path that the console is mounted at."""
    path: str = request.scope.get("root_path", "")
    return path.rstrip("/")


def _is_part(request: Request) -> bool:
    """Tell whether a page that is open asks for a part of itself."""
    return request.headers.get("hx-request") == "true"


def _part_lost(status: int) -> Response:
    """Return what leaves the page as it is where it is our fault, and has it loaded anew else."""
    headers = {} if status >= _OUR_FAULT else {"hx-refresh": "true"}
    return Response(status_code=204, headers=headers)


def _context(visit: Visit | None) -> str:
    """Return what a form's token is bound to: one session."""
    if visit is None:
        return "sign-in"
    scope = visit.scope
    return f"{scope.org_id}/{scope.app_id}/{scope.token_id}/{visit.expires}"
