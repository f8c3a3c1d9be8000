"""The store as a whole: its state, its start, its end."""

import pytest
from sqlalchemy import update

from hookseal_sender.errors import StartError, StoreUnavailable
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    ApplicationDraft,
    DeliveryState,
    EndpointDraft,
    Overview,
)
from hookseal_sender.store import PageRequest, database_file, open_store
from hookseal_sender.store.schema import endpoint

pytestmark = pytest.mark.anyio
COUNTED = dict.fromkeys(set(DeliveryState) - {DeliveryState.SUCCEEDED}, 0)


async def test_an_empty_sender_has_nothing_to_do(store):
    assert await store.overview() == Overview(
        deliveries=COUNTED, oldest_ready_ms=None, endpoints=0, endpoints_disabled=0
    )


async def test_the_state_of_the_whole_sender(store, make_endpoint, publish, clock):
    one = await make_endpoint()
    off = await make_endpoint(disabled=True)
    await store.delete_endpoint(one.app_id, (await make_endpoint(one.app_id)).id)
    oldest_ms = clock.now_ms
    await publish(one.app_id)
    clock.advance(1)
    await publish(one.app_id)
    await publish(one.app_id, not_before_ms=clock.now_ms + 60_000)
    await publish(off.app_id)
    await publish(off.app_id)
    assert await store.overview() == Overview(
        deliveries=COUNTED
        | {DeliveryState.READY: 2, DeliveryState.WAITING: 1, DeliveryState.HELD: 2},
        oldest_ready_ms=oldest_ms,
        endpoints=2,
        endpoints_disabled=1,
    )
    await store.claim(limit=1, per_endpoint=1, lease=30.0)
    clock.advance(1)
    await store.change_endpoint(off.app_id, off.id, lambda _: EndpointDraft(url=off.url, name="e"))
    seen = await store.overview()
    assert seen.deliveries[DeliveryState.SENDING] == 1
    assert seen.deliveries[DeliveryState.READY] == 3
    assert seen.deliveries[DeliveryState.HELD] == 0
    assert seen.endpoints_disabled == 0


@pytest.mark.parametrize("of", ["endpoint", "application"])
async def test_what_a_throttle_keeps_waits_for_no_worker_while_they_move_it_on(
    store, make_endpoint, publish, clock, of
):
    one = await make_endpoint(throttle_rate=1 if of == "endpoint" else None)
    if of == "application":
        draft = ApplicationDraft(name="a", throttle_rate=1)
        await store.change_application(one.app_id, lambda _: draft)
    for _ in range(3):
        await publish(one.app_id)
    since_ms = clock.now_ms
    for _ in range(2):
        clock.advance(1)
        assert len((await store.claim(limit=9, per_endpoint=9, lease=30.0)).tasks) == 1
        seen = await store.overview(now_ms=clock.now_ms)
        assert seen.oldest_ready_ms is None
    assert seen.deliveries[DeliveryState.READY] == 1
    clock.advance(60)  # nobody claims any more
    assert (await store.overview(now_ms=clock.now_ms)).oldest_ready_ms == since_ms


async def test_what_a_pause_keeps_waits_for_no_worker(store, make_endpoint, publish, clock):
    one = await make_endpoint()
    await publish(one.app_id)
    pause = update(endpoint).values(paused_until_ms=clock.now_ms + 5000)
    await store.database.write(lambda connection, _now_ms: connection.execute(pause) and None)
    assert (await store.overview(now_ms=clock.now_ms)).oldest_ready_ms is None
    assert (await store.overview(now_ms=clock.now_ms + 5000)).oldest_ready_ms == clock.now_ms


async def test_what_was_made_is_there_after_a_restart(database_url, vault, clock):
    store = open_store(database_url, vault, clock=clock.database)
    made = await store.create_application(DEFAULT_ORGANISATION, ApplicationDraft(name="a"))
    await store.close()
    again = open_store(database_url, vault)
    try:
        assert (await again.applications(DEFAULT_ORGANISATION, PageRequest())).items == [made]
        await again.ping()
    finally:
        await again.close()


async def test_a_failing_database_is_said_to_be_unavailable(store):
    def drop(connection, _now_ms):
        connection.exec_driver_sql("DROP TABLE organisation")

    await store.database.write(drop)
    with pytest.raises(StoreUnavailable):
        await store.organisation("acme")


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("hookseal.db", "not a URL"),
        ("mysql://host/db", "'mysql' is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_wrong_url_stops_the_start(url, match, vault):
    with pytest.raises(StartError, match=match):
        database_file(url)
    with pytest.raises(StartError, match=match):
        open_store(url, vault)


def test_the_file_of_a_database_is_known(tmp_path):
    assert database_file(f"sqlite:///{tmp_path}/h.db") == tmp_path / "h.db"
