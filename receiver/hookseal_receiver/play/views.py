"""The pages to look at: the front page, a bin with its requests, a comparison, the set-up.

Knows what each page needs. Must not change anything but to make a bin.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hookseal_receiver.look import read_form
from hookseal_receiver.play.comparing import compare
from hookseal_receiver.play.exports import curl
from hookseal_receiver.play.model import OUTCOMES, Bin, Captured, Outcome
from hookseal_receiver.play.present import SHOWN_BYTES, Shown, as_hex, as_json, as_text
from hookseal_receiver.play.store import TooManyBins
from hookseal_receiver.play.urls import NUMBER, mounted_at, number_in
from hookseal_receiver.play.web import Web, now_ms

if TYPE_CHECKING:
    from starlette.requests import Request

    from hookseal_receiver.play.live import Live

__all__ = ["Views"]

_LISTED = 100
_FRONT = "front page"
_SEARCH_CHARACTERS = 200
_FORMED_BYTES = 256 * 1024
_FORMED_CHARACTERS = 1024 * 1024
"""Of a longer body, or one that gets longer by its form, only the beginning is formed."""
_TOO_LONG = "All of it is too long to be shown in this form, so it is shown raw."


class Views:
    """The routes of the pages. ``client_key`` names who makes a bin, to be counted."""

    def __init__(
        self, web: Web, live: Live, client_key: Callable[[Request], str], *, replays: bool
    ) -> None:
        self._web = web
        self._live = live
        self._client_key = client_key
        self._replays = replays

    def routes(self) -> list[Route]:
        """Return them, to be mounted at the root of Play."""
        return [
            Route("/", self.front),
            Route("/", self.make, methods=["POST"]),
            Route("/view/{token}", self.newest),
            Route("/view/{token}/", self.newest),
            Route("/view/{token}/list", self.list),
            Route("/view/{token}/detail", self.detail),
            Route("/view/{token}/live", self.live),
            Route("/view/{token}/setup", self.setup),
            Route("/view/{token}/compare", self.compare),
            Route(f"/view/{{token}}/{NUMBER}", self.one),
        ]

    async def front(self, request: Request) -> Response:
        """Show what Play is, with the button that makes a bin."""
        return self._front(request, 200, "")

    async def make(self, request: Request) -> Response:
        """Make a bin, and go to it."""
        if not self._web.settings.anyone_may_make:
            raise HTTPException(403, "Inspectors are made where webhooks are made.")
        fields = await read_form(request)
        self._web.forms.check(request, fields, _FRONT, time.time())
        try:
            one = await self._web.store.make_bin(
                now_ms(), self._web.settings, client=self._client_key(request)
            )
        except TooManyBins as error:
            return self._front(request, 429, str(error))
        return self._web.back(request, one)

    async def newest(self, request: Request) -> Response:
        """Show a bin with its newest request, and go on to newer ones as they come."""
        one = await self._web.bin_of(request)
        listed = await self._listed(request, one)
        newest = listed["requests"][0].number if listed["requests"] else None
        shown = await self._shown(request, one, newest) if newest else {"captured": None}
        marked = {**listed, "at": newest, "following": _unfiltered(listed)}
        return await self._page(request, one, "inspector.html", chosen=False, **marked, **shown)

    async def one(self, request: Request) -> Response:
        """Show a bin with one request, which stays."""
        one = await self._web.bin_of(request)
        listed = await self._listed(request, one)
        shown = await self._shown(request, one, request.path_params["number"])
        return await self._page(
            request, one, "inspector.html", chosen=True, following=False, **listed, **shown
        )

    async def list(self, request: Request) -> Response:
        """Return the list alone, for a page that is live."""
        one = await self._web.bin_of(request)
        listed = await self._listed(request, one)
        if not listed["at"] and listed["requests"] and _unfiltered(listed):
            listed["at"] = listed["requests"][0].number  # which a page shows that follows
        return await self._page(request, one, "_list.html", **listed)

    async def detail(self, request: Request) -> Response:
        """Return the newest request alone, for a page that follows."""
        one = await self._web.bin_of(request)
        listed = await self._listed(request, one)
        newest = listed["requests"][0].number if listed["requests"] else None
        shown = await self._shown(request, one, newest) if newest else {"captured": None}
        return await self._page(request, one, "_detail.html", **listed, **shown)

    async def live(self, request: Request) -> Response:
        """Stream an event for each arrival."""
        one = await self._web.bin_of(request)
        if self._live.full:
            return Response(status_code=204)  # which tells a browser not to come again
        after = request.headers.get("last-event-id", request.query_params.get("after", ""))
        stream = self._live.stream(one.id, after)
        at_once = {"x-accel-buffering": "no"}  # nginx would hold events back until it has many
        return StreamingResponse(stream, headers=at_once, media_type="text/event-stream")

    async def setup(self, request: Request) -> Response:
        """Show what the bin answers, its secrets, and how to delete it."""
        one = await self._web.bin_of(request)
        return self._web.page(
            request,
            "setup.html",
            one,
            given=answer_fields(one),
            errors={},
            saved=request.query_params.get("saved", ""),
            answered_elsewhere=self._web.answered_elsewhere,
        )

    async def compare(self, request: Request) -> Response:
        """Show what differs between two requests."""
        one = await self._web.bin_of(request)
        numbers = [number_in(request.query_params.get(name, "")) for name in ("first", "second")]
        choices = await self._web.store.requests(one.id, limit=_LISTED)
        pair = [await self._web.captured_of(one, number) for number in numbers if number]
        result = await run_in_threadpool(compare, *pair) if len(pair) == len(numbers) else None
        return self._web.page(
            request,
            "compare.html",
            one,
            result=result,
            choices=choices,
            numbers=_preselected(numbers, choices),
        )

    def _front(self, request: Request, status: int, problem: str) -> Response:
        return self._web.pages.answer(
            request,
            "front.html",
            status=status,
            home=mounted_at(request) + "/",
            csrf=self._web.forms.token(_FRONT, time.time()),
            settings=self._web.settings,
            problem=problem,
        )

    async def _listed(self, request: Request, one: Bin) -> dict[str, Any]:
        """Return what the list shows, as the query asks."""
        query = request.query_params
        text = query.get("q", "")[:_SEARCH_CHARACTERS]
        outcome = _outcome(query.get("outcome", ""))
        before = number_in(query.get("before", ""))
        found = await self._web.store.requests(
            one.id,
            text=text,
            outcome=outcome,
            before=before,
            limit=_LISTED + 1,
        )
        return {
            "requests": found[:_LISTED],
            "more": len(found) > _LISTED,
            "q": text,
            "outcome": outcome or "",
            "before": before,
            "outcomes": OUTCOMES,
            "at": request.path_params.get("number") or number_in(query.get("at", "")),
            "tally": await self._web.store.tally(one.id),
            "seen": await self._live.seen(one.id),
        }

    async def _shown(self, request: Request, one: Bin, number: int) -> dict[str, Any]:
        """Return what the detail shows of a request, in the form the query asks for."""
        captured = await self._web.captured_of(one, number)
        whole = request.query_params.get("show") == "all"
        wanted = request.query_params.get("as", "")
        form, shown, is_json, note = await run_in_threadpool(_body, captured, wanted, whole)
        url = self._web.urls.capture(request, one)
        short = len(captured.draft.body) <= SHOWN_BYTES
        return {
            "captured": captured,
            "form": form,
            "shown": shown,
            "is_json": is_json,
            "body_note": note,
            "curl": await run_in_threadpool(curl, captured, url) if short else "",
            "curl_shown": short,
            "replays": self._replays,
            "replayed": None,
            "replay_problem": "",
            "replay_url": "",
        }

    async def _page(self, request: Request, one: Bin, template: str, **values: Any) -> Response:
        """Return a page made in a thread: large bodies take a while to write."""
        return await run_in_threadpool(lambda: self._web.page(request, template, one, **values))


def answer_fields(one: Bin) -> dict[str, str]:
    """Return the bin's answer as the form's fields."""
    answer = one.answer
    return {
        "statuses": " ".join(map(str, answer.statuses)),
        "headers": "\n".join(f"{name}: {value}" for name, value in answer.headers),
        "body": answer.body,
        "delay": f"{answer.delay:g}",
        "manner": answer.manner,
    }


def _body(captured: Captured, wanted: str, whole: bool) -> tuple[str, Shown, bool, str]:  # noqa: FBT001 # positional only in a thread
    """Return the body in the wanted form, or in the best there is.

    Behind it come whether it is JSON, and a note where the form is another than the wanted one.
    """
    body = captured.draft.body
    formed = whole and len(body) <= _FORMED_BYTES
    pretty = as_json(body, _FORMED_CHARACTERS if formed else SHOWN_BYTES)
    is_json = pretty is not None
    if wanted == "hex":
        form, shown = "hex", as_hex(body, None if formed else SHOWN_BYTES // 4)
    elif pretty is None or wanted == "raw":
        return "raw", as_text(body, None if whole else SHOWN_BYTES), is_json, ""
    else:
        form, shown = "pretty", pretty
    if whole and shown.cut:
        return "raw", as_text(body, None), is_json, _TOO_LONG
    return form, shown, is_json, ""


def _unfiltered(listed: dict[str, Any]) -> bool:
    """Tell whether a list begins with the newest request of all."""
    return not (listed["q"] or listed["outcome"] or listed["before"])


def _preselected(numbers: list[int | None], choices: list[Captured]) -> list[int | None]:
    """Return the two numbers that were asked for; for what is missing, the newest other."""
    others = (one.number for one in choices if one.number not in numbers)
    second = numbers[1] or next(others, None)
    return [numbers[0] or next(others, None), second]


def _outcome(text: str) -> Outcome | None:
    return next((outcome for outcome in OUTCOMES if outcome == text), None)
