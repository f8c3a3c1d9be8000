"""Real sockets on loopback, and what the guard keeps from being opened."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.http1 import request_line
from hookseal_sender.outcome import Fault, FaultKind, Reply
from hookseal_sender.resolving import Resolver
from hookseal_sender.transport import (
    HEADERS_KEPT,
    HEADERS_KEPT_BYTES,
    RESPONSE_KEPT_BYTES,
    HttpTransport,
    _explain,
)
from tests.ports import free_port

from .names import Names

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


async def test_a_retry_after_that_is_not_ascii_is_none():
    answer = b"HTTP/1.1 503 X\r\nretry-after: \xb2\r\ncontent-length: 0\r\n\r\n"
    async with listening(answer) as listener:
        assert (await send(listener.url)).retry_after is None


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
        (b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n", FaultKind.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 0\r\n\r\n", FaultKind.PROTOCOL),
        (
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhi",
            FaultKind.CONNECTION,
        ),
    ],
)
async def test_an_answer_that_is_not_http(answer, kind):
    async with listening(answer) as listener:
        fault = await send(listener.url, timeout=2.0)
    assert fault.kind is kind
    assert "private" not in fault.message


async def test_a_closed_port_refuses():
    fault = await send(f"http://127.0.0.1:{free_port()}/")
    assert (fault.kind, fault.message) == (FaultKind.CONNECTION, "connection refused")


async def test_a_server_without_tls():
    async with listening(b"HTTP/1.1 400 plain\r\n\r\n") as listener:
        fault = await send(listener.url.replace("http:", "https:"), timeout=0.5)
    assert isinstance(fault, Fault)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    private = key.private_bytes(*pem, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


async def test_a_certificate_that_nobody_vouches_for_is_not_accepted(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with Closing(tls=context) as closing:
        fault = await send(closing.url)
        assert (fault.kind, fault.message) == (
            FaultKind.TLS,
            "the TLS certificate was not accepted",
        )
        assert closing.requests == 0


async def test_tls_connections_are_kept_too(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with Closing(tls=context) as closing, transport_of() as transport:
        transport._pool._ssl = ssl.create_default_context(cafile=certificate)
        for _ in range(2):
            assert (await transport.send(closing.url, {}, b"")).status == 200
        assert len(closing.writers) == 1
        closing.end_idle()
        assert (await transport.send(closing.url, {}, b"")).status == 200
        assert len(closing.writers) == 2


async def test_closing_closes_the_resolver():
    names = Names()
    async with transport_of(resolver=names):
        assert not names.closed
    assert names.closed


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


async def test_of_several_addresses_one_that_is_not_allowed_is_enough():
    async with listening(OK) as listener:
        names = Names(["127.0.0.1", "10.0.0.1"], ["127.0.0.1"])
        url = f"http://mixed.test:{listener.port}/"
        async with transport_of(resolver=names) as transport:
            fault = await transport.send(url, {}, b"")
            assert fault.message == "address not allowed: 10.0.0.1 is private"
            assert listener.connections == 0
            assert isinstance(await transport.send(url, {}, b""), Reply)


async def test_names_that_do_not_resolve():
    fault = await send("http://nowhere.test/", resolver=Names())
    assert (fault.kind, fault.message) == (FaultKind.NAME, "the host name does not resolve")
    fault = await send("http://empty.test/", resolver=Names([]))
    assert fault.message == "address not allowed: the name has no address"


async def test_names_that_hang_delay_nobody_else():
    go = threading.Event()

    def look_up(host, *rest):
        if host.startswith("hang"):
            assert go.wait(30)
        return socket.getaddrinfo(host, *rest)

    resolver = Resolver(wait=0.5, look_up=look_up)
    async with listening(OK) as listener, transport_of(resolver=resolver) as transport:
        port = listener.port
        assert isinstance(await transport.send(f"http://localhost:{port}/", {}, b""), Reply)
        hanging = [
            asyncio.create_task(transport.send(f"http://hang{number}.test:{port}/", {}, b""))
            for number in range(100)
        ]
        await asyncio.sleep(0)
        # Another port: what the pool remembers of a name is by both.
        async with listening(OK) as other:
            reply = await transport.send(f"http://localhost:{other.port}/", {}, b"")
        assert isinstance(reply, Reply)
        assert not any(each.done() for each in hanging)
        faults = await asyncio.gather(*hanging)
        go.set()
    late = (FaultKind.NAME, "the host name was not resolved in time")
    assert {(fault.kind, fault.message) for fault in faults} == {late}


async def test_an_endpoint_may_have_a_timeout_of_its_own():
    async with listening(None) as listener, transport_of(timeout=0.02) as transport:
        fault = await transport.send(listener.url, {}, b"", timeout=0.05)
        assert fault.message == "timed out after 0.05 s"
        fault = await transport.send(listener.url, {}, b"")
        assert fault.message == "timed out after 0.02 s"


async def test_the_timeout_covers_the_lookup_of_the_name():
    class Silent(Names):
        async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
            await asyncio.Event().wait()

    fault = await send("http://silent.test/", resolver=Silent(), timeout=0.02)
    assert fault.kind is FaultKind.TIMEOUT


async def test_the_timeout_covers_a_body_that_nobody_reads():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        async with transport_of() as transport:
            fault = await transport.send(url, {}, b"x" * 20_000_000, timeout=0.1)
    assert fault.kind is FaultKind.TIMEOUT


def test_a_body_that_many_get_and_nobody_reads_is_in_memory_once():
    body = b"x" * 4_000_000

    async def send_to_many(url):
        async with transport_of() as transport:
            tracemalloc.start()
            sending = [transport.send(url, {}, body, timeout=0.1) for _ in range(10)]
            await asyncio.gather(*sending)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return peak

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        assert uvloop.run(send_to_many(f"http://127.0.0.1:{deaf.getsockname()[1]}/")) < len(body)


@pytest.mark.parametrize("tls", [False, True])
async def test_an_answer_before_the_body_was_read_costs_its_connection(tls, certificate):
    early = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"
    connections = []

    async def answer_early(reader, writer):
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(early)
        await reader.read()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    options = {"ssl": context} if tls else {}
    server = await asyncio.start_server(answer_early, "127.0.0.1", 0, limit=1024, **options)
    port = server.sockets[0].getsockname()[1]
    url = f"https://localhost:{port}/" if tls else f"http://127.0.0.1:{port}/"
    async with transport_of(timeout=2) as transport:
        transport._pool._ssl = ssl.create_default_context(cafile=certificate)
        for _ in range(2):
            reply = await transport.send(url, {}, b"x" * 20_000_000)
            assert reply.status == 413
    assert len(connections) == 2
    await end(server, connections)


async def end(server, writers):
    server.close()
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_interim_answers_are_passed_over():
    answer = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK
    async with listening(answer) as listener, transport_of() as transport:
        for _ in range(2):
            assert (await transport.send(listener.url, {}, b"")).status == 200
    assert listener.connections == 1


@pytest.mark.parametrize(("interim", "kind"), [(10, Reply), (11, Fault)])
async def test_interim_answers_without_end_are_no_answer(interim, kind):
    async with listening(b"HTTP/1.1 100 Continue\r\n\r\n" * interim + OK) as listener:
        found = await send(listener.url)
    assert isinstance(found, kind)
    assert getattr(found, "kind", FaultKind.PROTOCOL) is FaultKind.PROTOCOL


async def test_switching_protocols_is_an_answer_and_costs_the_connection():
    answer = b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    async with listening(answer) as listener, transport_of() as transport:
        for _ in range(2):
            assert (await transport.send(listener.url, {}, b"")).status == 101
    assert listener.connections == 2


async def test_an_answer_without_a_length_ends_with_its_connection():
    async with listening(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it") as listener:
        assert (await send(listener.url)).body == "all of it"


async def test_a_body_that_comes_in_pieces_is_put_together():
    pieces = b"".join(b"1000\r\n%s\r\n" % (b"x" * 4096) for _ in range(4))
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    async with listening(answer) as listener, transport_of() as transport:
        for _ in range(2):
            assert (await transport.send(listener.url, {}, b"")).body == "x" * 16384
    assert listener.connections == 1


async def test_the_answers_fields_are_kept_as_received():
    answer = b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: \xe9\r\ncontent-length: 0\r\n\r\n"
    async with listening(answer) as listener:
        reply = await send(listener.url)
    assert reply.headers == (("X-Two", "a"), ("x-two", "\xe9"), ("content-length", "0"))


@pytest.mark.parametrize(
    ("fields", "kept"),
    [(b"x: y\r\n" * 100, HEADERS_KEPT), ((b"x: %s\r\n" % (b"y" * 1000)) * 20, 8)],
)
async def test_no_more_of_the_answers_fields_is_kept_than_there_is_room_for(fields, kept):
    answer = b"HTTP/1.1 200 OK\r\n" + fields + b"content-length: 0\r\n\r\n"
    async with listening(answer) as listener:
        reply = await send(listener.url)
    assert len(reply.headers) == kept
    assert sum(len(name) + len(value) for name, value in reply.headers) <= HEADERS_KEPT_BYTES


async def test_a_body_is_text_that_any_database_takes():
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\na\x00b\xff\xc3"
    async with listening(answer) as listener:
        assert (await send(listener.url)).body == "a\ufffdb\ufffd\ufffd"


async def test_the_callers_headers_win_and_are_sent_as_they_are():
    headers = {"Content-Type": "text/x", "X-100%": "50%s", "user-agent": "mine"}
    async with listening(OK) as listener:
        await send(listener.url, headers=headers)
    lines = listener.requests[0][0].decode().split("\r\n")
    assert lines[1:] == [
        f"host: 127.0.0.1:{listener.port}",
        "accept: */*",
        "accept-encoding: identity",
        "Content-Type: text/x",
        "X-100%: 50%s",
        "user-agent: mine",
        "content-length: 2",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"a": "b\r\nc: d"}, {"a": "\0"}, {"a\r\nb": "c"}, {"a:": "b"}, {"": "b"}, {"a b": "c"},
        {"\xe9": "a"}, {"Host": "internal"}, {"Content-Length": "0"}, {"Connection": "close"},
        {"Transfer-Encoding": "chunked"}, {"a": "\ud800"},
    ],
)  # fmt: skip
async def test_a_header_cannot_break_out_of_its_line_or_end_the_request(headers):
    async with listening(OK) as listener:
        fault = await send(listener.url, headers=headers)
    assert (fault.kind, fault.message) == (FaultKind.SETUP, "a header cannot be used")
    assert listener.connections == 0


def test_a_request_line_is_one_line():
    for path, host in (("/a b", "h"), ("/", "h\r\nx: y"), ("/\x7f", "h"), ("/\xe9", "h")):
        with pytest.raises(ValueError, match="request line"):
            request_line(path, host)


class Closing:
    """A server that closes its connections when told, and answers what comes before."""

    def __init__(self, last_words=b"", tls=None):
        self.writers, self.requests, self.last_words, self.tls = [], 0, last_words, tls

    async def __aenter__(self):
        self.port = free_port()
        self.server = await asyncio.start_server(self.handle, "127.0.0.1", self.port, ssl=self.tls)
        self.url = f"{'https' if self.tls else 'http'}://localhost:{self.port}/"
        return self

    async def __aexit__(self, *_):
        await end(self.server, self.writers)

    async def handle(self, reader, writer):
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                writer.write(OK)

    def end_idle(self, *, reset=False, at_most=100):
        """Close connections before the client's loop can see it: it will reuse them."""
        for writer in self.writers[:at_most]:
            peer = writer.get_extra_info("socket")
            if self.last_words:
                writer.write(self.last_words)
            if reset:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                peer.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_kept_connection_that_the_peer_just_closed_is_no_failure(reset):
    async with Closing() as closing, transport_of() as transport:
        first = await asyncio.gather(*(transport.send(closing.url, {}, b"") for _ in range(3)))
        assert [each.status for each in first] == [200] * 3
        closing.end_idle(reset=reset)
        assert (await transport.send(closing.url, {}, b"")).status == 200
        assert (await transport.send(closing.url, {}, b"")).status == 200
        assert len(closing.writers) == 4  # the fresh one was kept


async def test_the_second_try_is_on_a_fresh_connection_whatever_is_kept():
    async with Closing() as closing, transport_of() as transport:
        await asyncio.gather(*(transport.send(closing.url, {}, b"") for _ in range(3)))
        oldest = kept_link(transport).transport.get_extra_info("sockname")
        closing.writers.sort(key=lambda writer: writer.get_extra_info("peername") != oldest)
        closing.end_idle(at_most=1)
        assert (await transport.send(closing.url, {}, b"")).status == 200
        assert len(closing.writers) == 4


@pytest.mark.parametrize("words", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 X\r\n\r\n"])
async def test_an_answer_that_began_is_not_asked_for_again(words):
    async with Closing(words) as closing, transport_of() as transport:
        await transport.send(closing.url, {}, b"")
        closing.end_idle()
        fault = await transport.send(closing.url, {}, b"")
        assert fault.kind in {FaultKind.CONNECTION, FaultKind.PROTOCOL}
        assert len(closing.writers) == 1


async def test_what_a_peer_says_unasked_is_not_taken_for_an_answer():
    async with Closing() as closing, transport_of() as transport:
        await transport.send(closing.url, {}, b"")
        closing.writers[0].write(b"HTTP/1.1 500 Unasked\r\ncontent-length: 0\r\n\r\n")
        while not (link := kept_link(transport))._buffer:  # noqa: ASYNC110 # it has no event
            await asyncio.sleep(0)
        assert (await transport.send(closing.url, {}, b"")).status == 200
        assert link.transport is None
        assert len(closing.writers) == 2


def kept_link(transport):
    kept = next(iter(transport._pool._conns.values()))
    return kept[0][0]


async def test_a_fresh_connection_that_fails_is_not_tried_again():
    connections = []

    async def hang_up(reader, writer):
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    fault = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (fault.kind, fault.message) == (FaultKind.CONNECTION, "closed before an answer came")
    assert len(connections) == 1
    await end(server, connections)


async def test_a_connection_that_is_reset_is_told_as_that():
    async def reset(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        peer = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    fault = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (fault.kind, fault.message) == (FaultKind.CONNECTION, "connection reset")
    await end(server, [])


async def test_the_second_try_is_under_the_same_timeout():
    async with Closing() as closing, transport_of() as transport:
        await transport.send(closing.url, {}, b"")
        closing.end_idle()
        closing.server.close()
        with socket.create_server(("127.0.0.1", closing.port)):
            fault = await transport.send(closing.url, {}, b"", timeout=0.05)
    assert fault.message == "timed out after 0.05 s"


async def test_a_cancelled_request_leaves_no_connection_behind():
    async with listening(None) as listener, transport_of() as transport:
        sending = asyncio.create_task(transport.send(listener.url, {}, b""))
        while not listener.requests:  # noqa: ASYNC110 # the listener has no event
            await asyncio.sleep(0.001)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not transport._pool._acquired


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
