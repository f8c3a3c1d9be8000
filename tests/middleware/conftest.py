import pytest

from hookseal.testing import FakeClock

from .support import FACES, Endpoint


@pytest.fixture(params=FACES)
def face(request):
    return request.param


@pytest.fixture
def endpoint(face):
    """Makes an endpoint of the face under test."""

    def make(app=None, **settings):
        return Endpoint(face, app, **settings)

    return make


@pytest.fixture
def clock():
    return FakeClock()
