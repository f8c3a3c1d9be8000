"""Failures of our own: what the page says, what the log says, and what is asked for the page."""

import pytest

from hookseal_sender.errors import ReadTooLong, SealBroken, StoreUnavailable

pytestmark = pytest.mark.anyio
FULL = StoreUnavailable("the database failed: SQLITE_FULL")
SEALED = SealBroken("a stored secret was sealed with key 0123456789ab, which is not here")
LONG = ReadTooLong("the database took too long to find this; ask for less, such as a shorter time")


@pytest.fixture
def fail(store, monkeypatch):
    """Let an operation of the store fail from now on; return the calls that there were of it."""

    def fail(operation, error):
        calls = []

        async def fails(*args, **_):
            calls.append(args)
            raise error

        monkeypatch.setattr(store, operation, fails)
        return calls

    return fail


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(FULL, 503, "This failed here."), (SEALED, 500, "A secret of this webhook cannot be read.")],
)
async def test_what_the_operator_has_to_mend_is_in_the_log_and_not_on_the_page(
    customer, hook, fail, said, error, status, words
):
    fail("endpoint", error)
    page = await customer.get(hook)
    assert (page.status, words in page.words) == (status, True)
    assert str(error) not in page.text
    assert said() == [("WARNING", f"a request failed: {error}")]


async def test_a_database_that_is_away_does_not_flood_the_log(customer, hook, fail, said, clock):
    fail("endpoint", FULL)
    for headers in ({}, {"hx-request": "true"}, {"hx-request": "true"}):
        await customer.get(f"{hook}/live", headers=headers)
    assert len(said()) == 1
    clock.advance(1)
    await customer.get(f"{hook}/live", headers={"hx-request": "true"})
    assert len(said()) == 2


async def test_what_a_visitor_asked_for_is_not_the_operators(customer, hook, said):
    assert (await customer.get(f"{hook}/logs/msg_none")).status == 404
    assert said() == []


async def test_a_search_that_takes_too_long_says_what_to_do(customer, app, hook, fail, said):
    fail("search_deliveries", LONG)
    page = await customer.get(f"{hook}/logs?code=5xx")
    assert page.status == 503
    assert f"T{str(LONG)[1:]}." in page.words
    assert f'href="/console/app/{app.id}/webhooks"' in page.text  # the way back
    assert said() == []


async def test_a_store_that_is_away_is_not_asked_again_to_say_so(operator, hook, fail):
    for error in (FULL, LONG):
        calls = fail("token_revoked", error)
        page = await operator.get(hook)
        assert page.status == 503
        assert len(calls) == {FULL: 1, LONG: 2}[error]  # what took too long may not take so now


async def test_a_page_that_is_not_there_is_said_while_the_store_is_away(operator, fail):
    calls = fail("token_revoked", FULL)
    page = await operator.get("/none")
    assert (page.status, "There is no such page." in page.words) == (404, True)
    assert len(calls) == 1
