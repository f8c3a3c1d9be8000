"""A browser as a test uses it: pages that are watched, screens, and pictures for the docs.

Knows Playwright and Debian's Chromium. Must not know what a page shows.

Playwright's sync API leaves a running event loop in the thread while it is open, so that
``asyncio.run`` fails there: :func:`apart` runs it elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.stores.servers import needs, unavailable

__all__ = [
    "PLAIN_HOST",
    "SCREENS",
    "THEMES",
    "Browsing",
    "apart",
    "assert_fits",
    "both_themes",
    "chromium",
    "each_theme",
    "on_a_phone",
    "screenshot",
    "tab_to",
    "without_javascript",
]

THEMES = ("light", "dark")
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}

both_themes = pytest.mark.parametrize("theme", THEMES)
on_a_phone = pytest.mark.parametrize("screen", ["phone"])
without_javascript = pytest.mark.parametrize("javascript", [False])

_ROOT = Path(__file__).parents[2]
_SCREENS_FOLDER = _ROOT / "docs" / "screens"
_FAILURES = _ROOT / "build" / "pages"
_MILLISECONDS = 15_000
_MOST_TABS = 80
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PLAIN_HOST = "hooks.example"
"""A name of this machine that is no loopback name to a browser, which trusts those more."""
_ARGUMENTS = (
    f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
  `security policy violated: ${event.effectiveDirective} ${event.blockedURI}`));
"""
_ABORTED = "net::ERR_ABORTED"
"""A download, or what was under way when the page was left."""

Result = TypeVar("Result")


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Debian's Chromium; yield Playwright's browser."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        unavailable("no Chromium is here (apt-get install chromium)")
    playwright = needs("playwright.sync_api")
    playwright.expect.set_options(timeout=_MILLISECONDS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


class Browsing:
    """The pages of one test. What goes wrong in them is in ``troubles``.

    Troubles are errors on the console, uncaught exceptions, requests that failed and violations
    of the security policy. Those that :meth:`expect` names are none.
    """

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self._expected: list[str] = []
        self._seen: list[str] = []

    def open(
        self,
        *,
        theme: str = "light",
        screen: str = "desktop",
        javascript: bool = True,
        **more: Any,
    ) -> Any:
        """Return a new page that shares no cookie with others; ``more`` is Playwright's."""
        context = self._browser.new_context(
            color_scheme=theme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
            **SCREENS[screen],
            **more,
        )
        self._contexts.append(context)
        context.set_default_timeout(_MILLISECONDS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self._seen.append(f"uncaught: {error.error}"))
        context.on("requestfailed", self._failed)
        return context.new_page()

    def expect(self, pattern: str) -> None:
        """Let troubles pass that hold ``pattern``, a regular expression."""
        self._expected.append(pattern)

    @property
    def troubles(self) -> list[str]:
        """What went wrong so far, unexpected."""
        return [
            one for one in self._seen if not any(re.search(each, one) for each in self._expected)
        ]

    def close(self) -> None:
        """Close the pages, so that their servers may stop."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def keep_pictures(self, name: str) -> list[Path]:
        """Keep a picture of each page under ``build/pages``; return where."""
        pages = [page for context in self._contexts for page in context.pages]
        paths = [_FAILURES / f"{name}-{number}.png" for number, _ in enumerate(pages)]
        for page, path in zip(pages, paths, strict=True):
            page.screenshot(path=path)
        return paths

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            self._seen.append(f"console: {message.text} ({where})")

    def _failed(self, request: Any) -> None:
        if request.failure != _ABORTED:
            self._seen.append(f"failed: {request.method} {request.url}: {request.failure}")


def apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the coroutine returns, run on a thread: no loop may run in a browser's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def assert_fits(page: Any) -> None:
    """Assert that nobody has to scroll sideways."""
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    shown = page.viewport_size["width"]
    assert wide <= shown, f"{page.url} is {wide} px wide on a screen of {shown} px"


def each_theme(page: Any) -> Iterator[str]:
    """Show the page in each theme in turn, at last again in the one it had."""
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        yield theme
    page.emulate_media(color_scheme=THEMES[dark])


def screenshot(page: Any, name: str, **more: Any) -> None:
    """Where HOOKSEAL_SCREENSHOTS is set, renew ``docs/screens/NAME-THEME.png`` in both themes."""
    if "HOOKSEAL_SCREENSHOTS" not in os.environ:
        return
    page.mouse.move(0, 0)  # over nothing
    for theme in each_theme(page):
        path = _SCREENS_FOLDER / f"{name}-{theme}.png"
        page.screenshot(path=path, animations="disabled", scale="css", **more)


def tab_to(page: Any, target: Any, *, back: bool = False) -> None:
    """Move the focus to ``target`` as the keyboard does; assert that it is seen there."""
    for _ in range(_MOST_TABS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    else:
        raise AssertionError(f"{_MOST_TABS} tabs do not lead to {target}")
    outline = target.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline != "none", f"the focus is not seen on {target}"
