"""Failures of our own: what the log says of them, and how often."""

import pytest

from hookseal_sender.errors import ReadTooLong, SealBroken, StoreUnavailable

pytestmark = pytest.mark.anyio
FULL = StoreUnavailable("the database failed: SQLITE_FULL")
SEALED = SealBroken("a stored secret was sealed with key 0123456789ab, which is not here")


@pytest.fixture
def failing(client, store, monkeypatch):
    """Ask for something while the store fails as it is told."""

    async def ask(error):
        async def fail(*_args, **_options):
            raise error

        monkeypatch.setattr(store, "applications", fail)
        answer = await client.get("/app")
        assert "0123456789ab" not in answer.text
        return answer.status_code

    return ask


@pytest.mark.parametrize(("error", "status"), [(FULL, 503), (SEALED, 500)])
async def test_what_the_operator_has_to_mend_is_in_the_log(failing, said, error, status):
    assert await failing(error) == status
    assert said() == [("WARNING", f"a request failed: {error}")]


async def test_a_database_that_is_away_does_not_flood_the_log(failing, said, clock):
    for _ in range(3):
        await failing(FULL)
        await failing(SEALED)
    assert len(said()) == 2  # one a kind
    clock.advance(1)
    await failing(FULL)
    assert len(said()) == 3


async def test_what_a_caller_asked_for_is_not_the_operators(failing, client, said):
    assert await failing(ReadTooLong("ask for less")) == 503
    assert (await client.post("/app", json={})).status_code == 422
    assert said() == []
