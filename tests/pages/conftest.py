"""A browser for the tests of pages. See ``browsing`` for what a page is watched for.

The browser lives as long as this folder's tests run: after it ``asyncio.run`` works again.
"""

from __future__ import annotations

import re

import pytest

from tests.pages.browsing import Browsing, chromium


@pytest.fixture(scope="package")
def browser():
    """Chromium, one for all tests here."""
    with chromium() as one:
        yield one


@pytest.fixture
def theme():
    """The colour scheme of ``page``; ``@both_themes`` runs a test in each."""
    return "light"


@pytest.fixture
def screen():
    """The screen of ``page``; ``@on_a_phone`` makes it small."""
    return "desktop"


@pytest.fixture
def javascript():
    """Whether ``page`` runs scripts; ``@without_javascript`` says no."""
    return True


@pytest.fixture
def browsing(browser):
    """Open pages: ``browsing.open(theme=, screen=, javascript=)``."""
    one = Browsing(browser)
    yield one
    one.close()


@pytest.fixture
def page(browsing, theme, screen, javascript):
    """A page that fails the test if anything unexpected goes wrong in it."""
    return browsing.open(theme=theme, screen=screen, javascript=javascript)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test whose pages had troubles; close them before their servers are stopped."""
    browsing = item.funcargs.get("browsing")
    if browsing is None:
        return (yield)
    try:
        result = yield
    except Exception as error:
        name = re.sub(r"[^\w.-]+", "-", item.name)
        pictures = ", ".join(map(str, browsing.keep_pictures(name)))
        error.add_note("\n".join([f"pages: {pictures}", *browsing.troubles]))
        raise
    else:
        assert not browsing.troubles, "\n".join(browsing.troubles)
        return result
    finally:
        browsing.close()
