import contextlib

import pytest

from tests.acceptance.servers.running import BY_NAME, running


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Return the running server of a name; each is started once, when it is first asked for."""
    folder = tmp_path_factory.mktemp("servers")
    started = {}
    with contextlib.ExitStack() as stack:

        def start(name):
            if name not in started:
                started[name] = stack.enter_context(running(BY_NAME[name], folder))
            return started[name]

        yield start
