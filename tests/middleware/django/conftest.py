# ruff: noqa: PLC0415 # pytest loads this where Django is absent, too
from contextlib import ExitStack

import pytest


@pytest.fixture
def configured():
    """Changes Django's settings until the test ends."""
    from tests.middleware.django.project import changed

    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(changed(**changes))


@pytest.fixture(params=["wsgi", "asgi"])
def face(request):
    return request.param


@pytest.fixture
def project(face, configured):
    """Makes a Django project: its view, its HOOKSEAL and other settings."""
    from tests.middleware.django.project import Project

    def make(view, hookseal=None, **changes):
        made = Project(face, view, hookseal)
        configured(**made.settings | changes)
        made.start()
        return made

    return make
