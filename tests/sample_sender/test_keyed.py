"""Organisations, revoked tokens and idempotency keys, as the store keeps them."""

import asyncio

import pytest

from hookseal_sender.errors import KeyReused, KeyUnderWay
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    OPERATIONS_ORGANISATION,
    Keyed,
    StoredReply,
)

pytestmark = pytest.mark.anyio
KEYED = Keyed(key="k" * 64, body="b" * 64)
REPLY = StoredReply(status=201, body='{"id":"x"}')
HOUR = 3600


async def test_an_organisation_is_made_on_first_use(store):
    made = await store.organisation("acme")
    assert made.id.startswith("org_")
    assert await store.organisation("acme") == made
    assert (await store.organisation("Acme")).id != made.id
    assert (await store.organisation("default")).id == DEFAULT_ORGANISATION
    assert (await store.organisation("operations")).id == OPERATIONS_ORGANISATION


async def test_an_organisation_is_made_once_by_many(store):
    made = await asyncio.gather(*(store.organisation("acme") for _ in range(5)))
    assert len({each.id for each in made}) == 1


async def test_a_token_is_revoked(store, clock):
    assert not await store.token_revoked("tok_1")
    await store.revoke_token("tok_1", clock.now_ms + 1000)
    await store.revoke_token("tok_1", clock.now_ms + 2000)
    assert await store.token_revoked("tok_1")
    assert not await store.token_revoked("tok_2")


async def test_a_keys_reply_is_kept_for_twelve_hours(store, clock):
    assert await store.begin_keyed(KEYED) is None
    await store.finish_keyed(KEYED, REPLY)
    clock.advance(12 * HOUR - 1)
    assert await store.begin_keyed(KEYED) == REPLY
    clock.advance(1)
    assert await store.begin_keyed(KEYED) is None
    with pytest.raises(KeyUnderWay):
        await store.begin_keyed(KEYED)


async def test_a_key_is_refused_while_its_first_request_is_under_way(store, clock):
    assert await store.begin_keyed(KEYED) is None
    with pytest.raises(KeyUnderWay, match="under way"):
        await store.begin_keyed(KEYED)
    clock.advance(299)
    with pytest.raises(KeyUnderWay):
        await store.begin_keyed(KEYED)
    clock.advance(1)
    assert await store.begin_keyed(KEYED) is None


async def test_a_key_is_kept_for_a_request_that_takes_long(store, clock):
    await store.begin_keyed(KEYED)
    for _ in range(5):
        clock.advance(200)
        await store.renew_keyed(KEYED)
        with pytest.raises(KeyUnderWay, match="under way"):
            await store.begin_keyed(KEYED)
    await store.finish_keyed(KEYED, REPLY)
    await store.renew_keyed(KEYED)
    clock.advance(HOUR)
    assert await store.begin_keyed(KEYED) == REPLY


async def test_a_key_that_nobody_has_is_not_renewed(store):
    await store.renew_keyed(KEYED)
    assert await store.begin_keyed(KEYED) is None


async def test_a_key_is_refused_with_another_body(store):
    other = Keyed(key=KEYED.key, body="c" * 64)
    await store.begin_keyed(KEYED)
    with pytest.raises(KeyReused):
        await store.begin_keyed(other)
    await store.finish_keyed(KEYED, REPLY)
    with pytest.raises(KeyReused):
        await store.begin_keyed(other)
    await store.finish_keyed(other, None)
    await store.finish_keyed(other, StoredReply(status=500, body=""))
    assert await store.begin_keyed(KEYED) == REPLY


async def test_a_forgotten_key_can_be_tried_again(store):
    await store.begin_keyed(KEYED)
    await store.finish_keyed(KEYED, None)
    assert await store.begin_keyed(Keyed(key=KEYED.key, body="c" * 64)) is None


async def test_a_reply_is_kept_though_its_request_was_slow(store, clock):
    await store.begin_keyed(KEYED)
    clock.advance(300)
    assert await store.purge(before_ms=0) == 1
    await store.finish_keyed(KEYED, REPLY)
    assert await store.begin_keyed(KEYED) == REPLY


async def test_of_many_first_requests_at_once_one_is_first(store):
    got = await asyncio.gather(
        *(store.begin_keyed(KEYED) for _ in range(6)), return_exceptions=True
    )
    assert got.count(None) == 1
    assert sum(isinstance(each, KeyUnderWay) for each in got) == 5
