"""Real sockets on loopback, and what the guard keeps from being opened."""

import asyncio
import contextlib
import socket

import pytest
from aiohttp.abc import AbstractResolver

from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.outcome import Fault, FaultKind, Reply
from hookseal_sender.transport import RESPONSE_KEPT_BYTES, HttpTransport, _explain

pytestmark = pytest.mark.anyio
LOOPBACK = AddressGuard([parse_network("127.0.0.0/8"), parse_network("::1/128")])


class Listener:
    """A raw HTTP/1.1 server that answers the same bytes to every request."""

    def __init__(self, answer):
        self.answer, self.requests, self.connections, self.tasks = answer, [], 0, []

    async def handle(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split()[0])
                self.requests.append((head, await reader.readexactly(length)))
                if self.answer is None:
                    await reader.read()
                    break
                writer.write(self.answer)
                await writer.drain()
                if b"close" in self.answer:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def listening(answer):
    listener = Listener(answer)
    server = await asyncio.start_server(listener.handle, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    listener.url = f"http://127.0.0.1:{listener.port}/hook?token=private"
    try:
        yield listener
    finally:
        server.close()
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def transport_of(guard=LOOPBACK, **options):
    transport = HttpTransport(guard, **options)
    try:
        yield transport
    finally:
        await transport.close()


async def send(url, guard=LOOPBACK, headers=None, **options):
    async with transport_of(guard, **options) as transport:
        return await transport.send(url, headers or {}, b"{}")


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


async def test_the_body_arrives_as_it_is_over_one_kept_connection():
    async with listening(OK) as listener, transport_of() as transport:
        for _ in range(3):
            reply = await transport.send(listener.url, {"webhook-id": "msg_1"}, b'{"a": 1}')
            assert (reply.status, reply.body) == (200, "hi")
            assert reply.duration_ms >= 0
    assert listener.connections == 1
    head, body = listener.requests[0]
    assert body == b'{"a": 1}'
    assert head.startswith(b"POST /hook?token=private HTTP/1.1\r\n")
    for line in (
        b"webhook-id: msg_1",
        b"content-type: application/json",
        b"accept-encoding: identity",
    ):
        assert line in head.lower()


async def test_redirects_are_not_followed_and_retry_after_is_read():
    answer = b"HTTP/1.1 307 X\r\nlocation: /other\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n"
    async with listening(answer) as listener:
        reply = await send(listener.url)
    assert (reply.status, reply.retry_after) == (307, "9")
    assert len(listener.requests) == 1


async def test_cookies_are_not_kept():
    answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    async with listening(answer) as listener, transport_of() as transport:
        await transport.send(listener.url, {}, b"")
        await transport.send(listener.url, {}, b"")
    assert b"cookie" not in listener.requests[1][0].lower()


async def test_environment_proxies_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with listening(OK) as listener:
        assert (await send(listener.url)).status == 200


async def test_a_long_answer_is_cut_and_costs_its_connection():
    body = b"x" * (50 * RESPONSE_KEPT_BYTES)
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with listening(answer) as listener, transport_of() as transport:
        for _ in range(2):
            reply = await transport.send(listener.url, {}, b"")
            assert len(reply.body) == RESPONSE_KEPT_BYTES
    assert listener.connections == 2


async def test_a_compressed_answer_is_not_unpacked():
    answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\xff"
    async with listening(answer) as listener:
        assert (await send(listener.url)).body == "\x1f��"


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"])
async def test_the_timeout_covers_the_body(answer):
    async with listening(answer) as listener:
        fault = await send(listener.url, timeout=0.05)
    assert (fault.kind, fault.message) == (FaultKind.TIMEOUT, "timed out after 0.05 s")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", FaultKind.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", FaultKind.PROTOCOL),
        (
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhi",
            FaultKind.PROTOCOL,
        ),
    ],
)
async def test_an_answer_that_is_not_http(answer, kind):
    async with listening(answer) as listener:
        fault = await send(listener.url, timeout=2.0)
    assert fault.kind is kind
    assert "private" not in fault.message


async def test_a_closed_port_refuses():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    fault = await send(f"http://127.0.0.1:{port}/")
    assert (fault.kind, fault.message) == (FaultKind.CONNECTION, "connection refused")


async def test_a_server_without_tls():
    async with listening(b"HTTP/1.1 400 plain\r\n\r\n") as listener:
        fault = await send(listener.url.replace("http:", "https:"), timeout=0.5)
    assert isinstance(fault, Fault)


class Names(AbstractResolver):
    """Resolves from a table; each lookup takes the next addresses."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        if not self.answers:
            raise OSError(None, "DNS lookup failed")
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self.answers.pop(0)
        ]

    async def close(self):
        pass


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "rebind.test"]
)
async def test_no_byte_reaches_an_address_that_is_not_allowed(host):
    async with listening(OK) as listener:
        fault = await send(
            f"http://{host}:{listener.port}/", AddressGuard(), resolver=Names(["127.0.0.1"])
        )
    assert fault.kind is FaultKind.ADDRESS
    assert fault.message.startswith("address not allowed: ")
    assert listener.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1"])
async def test_numeric_hosts_are_not_read_as_addresses(host):
    async with listening(OK) as listener:
        fault = await send(f"http://{host}:{listener.port}/", AddressGuard(), resolver=Names())
    assert isinstance(fault, Fault)
    assert listener.connections == 0


async def test_of_several_addresses_only_the_allowed_are_called():
    async with listening(OK) as listener:
        names = Names(["10.0.0.1", "127.0.0.1", "169.254.169.254"])
        reply = await send(f"http://mixed.test:{listener.port}/", resolver=names)
    assert isinstance(reply, Reply)


async def test_names_that_do_not_resolve():
    fault = await send("http://nowhere.test/", resolver=Names())
    assert (fault.kind, fault.message) == (FaultKind.NAME, "the host name does not resolve")
    fault = await send("http://empty.test/", resolver=Names([]))
    assert fault.message == "address not allowed: the name has no address"


async def test_the_systems_resolver_is_the_default():
    async with listening(OK) as listener:
        reply = await send(f"http://localhost:{listener.port}/")
    assert reply.status == 200


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://example.com/", "http://[::1/"])
async def test_a_url_that_cannot_be_used_is_a_fault(url):
    assert (await send(url)).kind is FaultKind.SETUP


def test_other_network_errors_have_words():
    assert _explain(ConnectionResetError(), 1)[1] == "connection reset"
    assert _explain(OSError(113, "No route"), 1)[1] == "the host could not be reached"
