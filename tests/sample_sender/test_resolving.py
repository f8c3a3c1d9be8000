"""Names that hang hold up no others."""

import asyncio
import socket
import threading

import pytest

from hookseal_sender import resolving
from hookseal_sender.resolving import NameLate, Resolver

pytestmark = pytest.mark.anyio
FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
WAIT = 0.25


class Server:
    """Answers at once, save names that begin with "hang": these when it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.asked = []
        self.errors = {}
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, host, port, family, kind, protocol, flags):
        self.asked.append(host)
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if host.startswith("hang"):
                assert self.go.wait(30)
            if host in self.errors:
                raise self.errors[host]
            return FOUND
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def server():
    server = Server()
    yield server
    server.go.set()


async def resolve_all(resolver, names):
    return await asyncio.gather(*(resolver.resolve(each) for each in names), return_exceptions=True)


async def ended(resolver):
    while resolver._running:  # noqa: ASYNC110 # nothing tells
        await asyncio.sleep(0.001)


async def test_a_name_becomes_addresses_with_the_port(server):
    resolver = Resolver(look_up=server)
    (found,) = await resolver.resolve("a.test", 443)
    assert (found["hostname"], found["host"], found["port"]) == ("a.test", "192.0.2.1", 443)
    assert (found["family"], found["proto"]) == (socket.AF_INET, 6)
    assert found["flags"] == socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    await resolver.close()


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (("2001:db8::1", 0, 0, 0), "2001:db8::1"),
        (("fe80::1", 0, 0, 2), "fe80::1%2"),
        (("fe80::1%2", 0, 0, 2), "fe80::1%2"),
    ],
)
async def test_a_zone_is_part_of_the_address(address, host):
    def look_up(*_):
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", address)]

    (found,) = await Resolver(look_up=look_up).resolve("a.test", 443, socket.AF_UNSPEC)
    assert (found["host"], found["port"]) == (host, 443)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("too long")])
async def test_what_the_system_says_is_raised(server, error):
    server.errors["a.test"] = error
    with pytest.raises(type(error)):
        await Resolver(look_up=server).resolve("a.test")


async def test_a_name_that_hangs_is_given_up(server):
    resolver = Resolver(wait=WAIT, look_up=server)
    with pytest.raises(NameLate):
        await resolver.resolve("hang.test")
    with pytest.raises(NameLate):  # its thread still hangs: no second one is started
        await resolver.resolve("hang.test")
    assert server.asked == ["hang.test"]
    server.go.set()
    await ended(resolver)
    assert len(await resolver.resolve("hang.test")) == 1


async def test_who_asks_for_a_name_at_once_shares_its_lookup(server):
    resolver = Resolver(look_up=server)
    asking = [asyncio.create_task(resolver.resolve("hang.test", port)) for port in (80, 443)]
    await asyncio.sleep(0.01)
    asking.append(asyncio.create_task(resolver.resolve("hang.test", 8443)))
    await asyncio.sleep(0)
    server.go.set()
    found = await asyncio.gather(*asking)
    assert [each[0]["port"] for each in found] == [80, 443, 8443]
    assert server.asked == ["hang.test"]


async def test_names_that_hang_hold_up_no_others(server):
    """However many hang: neither names that were found before, nor, next time, new ones."""
    resolver = Resolver(wait=WAIT, look_up=server)
    await resolver.resolve("known.test")
    hanging = [f"hang{number}.test" for number in range(60)]
    failed = await resolve_all(resolver, hanging)
    assert {type(each) for each in failed} == {NameLate}
    assert server.now == resolving._Class.NEW.value
    assert len(await resolver.resolve("known.test")) == 1
    with pytest.raises(NameLate):  # it waits for a place in vain
        await resolver.resolve("new.test")
    server.go.set()
    await ended(resolver)
    server.go.clear()
    known_to_hang = [each for each in hanging if each in server.asked]
    assert len(known_to_hang) == resolving._Class.NEW.value
    failed = await resolve_all(resolver, known_to_hang)
    assert server.now == resolving._Class.LATE.value
    assert len(await resolver.resolve("new.test")) == 1
    assert server.most == resolving._Class.NEW.value + 1


async def test_who_waited_for_a_place_meanwhile_begins_no_second_lookup(server, monkeypatch):
    resolver = Resolver(look_up=server)
    places = resolver._places[resolving._Class.NEW]
    for _ in range(resolving._Class.NEW.value - 1):
        await places.acquire()
    names = ["hang.test", "hang2.test", "hang2.test"]
    asking = [asyncio.create_task(resolver.resolve(each)) for each in names]
    await asyncio.sleep(0.01)
    places.release()  # for two of one name
    places.release()
    await asyncio.sleep(0.01)
    server.go.set()
    await asyncio.gather(*asking)
    assert server.asked == ["hang.test", "hang2.test"]


async def test_what_is_remembered_of_names_is_bounded(server, monkeypatch):
    monkeypatch.setattr(resolving, "_KEPT", 2)
    resolver = Resolver(look_up=server)
    for name in "abab":
        await resolver.resolve(name)
    await resolver.resolve("c")
    assert list(resolver._classes) == ["b", "c"]


def test_a_loop_that_closed_needs_no_answer(server, monkeypatch):
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)

    async def leave():
        with pytest.raises(NameLate):
            await Resolver(wait=WAIT, look_up=server).resolve("hang.test")
        return next(each for each in threading.enumerate() if each.name == "hookseal-name")

    thread = asyncio.run(leave())
    assert thread.daemon
    server.go.set()
    thread.join(10)
    assert raised == []


async def test_a_system_without_threads_is_asked_again_later(server, monkeypatch):
    def none_left(**_how):
        raise RuntimeError("can't start new thread")

    resolver = Resolver(look_up=server)
    with monkeypatch.context() as without:
        without.setattr(resolving, "Thread", none_left)
        for _ in range(resolving._Class.NEW.value + 1):  # none keeps its place
            with pytest.raises(OSError, match="no thread"):
                await resolver.resolve("a.test")
    assert len(await resolver.resolve("a.test")) == 1
