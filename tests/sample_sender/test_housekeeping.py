"""Retention: what is old goes, whatever the database does meanwhile."""

import pytest

from hookseal_sender.errors import NotFound, StoreUnavailable
from hookseal_sender.observe import NoObserver
from hookseal_sender.running.housekeeping import Housekeeper, keeping_house

pytestmark = pytest.mark.anyio


class Heard(NoObserver):
    def __init__(self):
        self.rows, self.failures = 0, []

    def purged(self, rows):
        self.rows += rows

    def failed(self, work):
        self.failures.append(work)


@pytest.fixture
def heard():
    return Heard()


async def test_an_old_message_goes_and_a_young_one_stays(
    store, clock, heard, make_endpoint, publish
):
    endpoint = await make_endpoint(event_types=("other.event",))
    old = await publish(endpoint.app_id)
    clock.advance(29 * 86_400)
    young = await publish(endpoint.app_id)
    clock.advance(2 * 86_400)
    housekeeper = Housekeeper(store, heard, retention=30, clock=clock)
    assert await housekeeper.remove_some() < 1, "there may be more"
    while await housekeeper.remove_some() < 1:
        pass
    assert heard.rows >= 1
    with pytest.raises(NotFound):
        await store.message(endpoint.app_id, old.id)
    assert (await store.message(endpoint.app_id, young.id)).id == young.id


async def test_a_database_that_is_away_is_asked_again_later(store, heard, monkeypatch):
    async def away(**_arguments):
        raise StoreUnavailable("the database is away")

    monkeypatch.setattr(store, "purge", away)
    assert await Housekeeper(store, heard, retention=30).remove_some() > 60
    assert heard.failures == ["purge"]


async def test_it_works_while_the_block_runs(store, heard):
    async with keeping_house(Housekeeper(store, heard, retention=30)):
        pass
    assert heard.failures == []
