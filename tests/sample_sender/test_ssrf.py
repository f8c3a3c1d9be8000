"""Hostile URLs, at creation and at the socket: none of them reaches a listener on loopback.

``{port}`` is the port that the listeners have on every address of this machine. The resolver leads
every name there too, unless a row says where it leads.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.connections import GuardedResolver
from hookseal_sender.outcome import FaultKind
from hookseal_sender.transport import HttpTransport, _make_target
from hookseal_sender.urls import check_url

from .names import Names

pytestmark = pytest.mark.anyio
REFUSED_FOR = {FaultKind.ADDRESS, FaultKind.SETUP, FaultKind.NAME}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A URL, whether its text alone gives it away, and where its name leads."""

    url: str
    at_creation: bool = True
    leads_to: tuple[str, ...] = ("127.0.0.1",)


def decidable(*urls):
    return [Row(url=url) for url in urls]


def led(*leads_to, url="http://hooks.example.com:{port}/"):
    return Row(url=url, at_creation=False, leads_to=leads_to)


LITERALS = decidable(
    # loopback and this host
    "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "http://127.0.0.2:{port}/",
    "http://127.255.255.254:{port}/", "http://0.0.0.0:{port}/", "http://0.1.2.3:{port}/",
    "http://[::1]:{port}/", "http://[::]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://a.localhost:{port}/",
    # private
    "http://10.0.0.1:{port}/", "http://10.255.255.255:{port}/", "http://172.16.0.1:{port}/",
    "http://172.31.255.255:{port}/", "http://192.168.0.1:{port}/", "http://[fc00::1]:{port}/",
    "http://[fd12:3456:789a::1]:{port}/", "http://[fec0::1]:{port}/",
    # link-local and clouds' metadata
    "http://169.254.0.1:{port}/", "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials", "http://168.63.129.16/", "http://100.100.100.200/",
    "http://192.0.0.192/", "http://[fd00:ec2::254]/", "http://[fd20:ce::254]/",
    "http://[fe80::1]:{port}/", "http://[fe80::a9fe:a9fe]/",
    # shared, reserved, documentation, multicast
    "http://100.64.0.1:{port}/", "http://100.127.255.255:{port}/", "http://192.0.2.1/",
    "http://198.18.0.1/", "http://198.51.100.1/", "http://203.0.113.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/", "http://[2001:db8::1]/",
    "http://[3fff::1]/", "http://[100::1]/", "http://[100:0:0:1::1]/", "http://[5f00::1]/",
    "http://[4000::1]/",
    # IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://[::ffff:169.254.169.254]/", "http://[::127.0.0.1]:{port}/", "http://[::7f00:1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/", "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b:1::127.0.0.1]:{port}/",
    "http://[64:ff9b:1:ffff::8.8.8.8]/", "http://[2002:7f00:1::]:{port}/",
    "http://[2002:a9fe:a9fe::]/", "http://[2002:808:808::]/", "http://[2001::1]/",
    "http://[2001:0:808:808::f7f7:f7f7]/", "http://[2606:4700::5efe:127.0.0.1]/",
    "http://[2606:4700::200:5efe:10.0.0.1]/",
)  # fmt: skip

SPELLINGS = decidable(
    # decimal, octal, hexadecimal, short and mixed
    "http://2130706433:{port}/", "http://017700000001:{port}/", "http://0x7f000001:{port}/",
    "http://0X7F000001:{port}/", "http://127.1:{port}/", "http://127.0.1:{port}/",
    "http://127.000.000.001:{port}/", "http://0177.0.0.1:{port}/", "http://0x7f.0.0.1:{port}/",
    "http://0x7f.1:{port}/", "http://0177.0x0.0.1:{port}/", "http://0:{port}/",
    "http://3232235521/", "http://2852039166/", "http://1.2.3.4.5/", "http://256.256.256.256/",
    "http://8.8.8.8.0x7f/",
    # trailing dots
    "http://127.0.0.1.:{port}/", "http://127.0.0.1..:{port}/", "http://localhost.:{port}/",
    "http://localhost..:{port}/", "http://2130706433.:{port}/",
    # other scripts: full-width, circled, ideographic dots, characters that vanish
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}/",
    "http://127\u30020\u30020\u30021:{port}/", "http://127\uff0e0\uff0e0\uff0e1:{port}/",
    "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54:{port}/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{port}/",
    "http://loc\u00adalhost:{port}/", "http://127.0.0\u200b.1:{port}/",
    # percent-encoded hosts
    "http://%31%32%37.0.0.1:{port}/", "http://127.0.0.%31:{port}/", "http://%6cocalhost:{port}/",
    "http://127%2e0%2e0%2e1:{port}/", "http://127.0.0.1%00.example.com:{port}/",
    # user names, and what looks like them
    "http://example.com@127.0.0.1:{port}/", "http://user:pw@hooks.example.com:{port}/",
    "http://@127.0.0.1:{port}/", "http://127.0.0.1:{port}@hooks.example.com:{port}/",
    "http://127.0.0.1:{port}#@example.com/", "http://127.0.0.1:{port}?@example.com/",
    "http://hooks.example.com%40127.0.0.1:{port}/",
    # ports
    "http://hooks.example.com:0/", "http://hooks.example.com:65536/",
    "http://hooks.example.com:-1/", "http://hooks.example.com:80:{port}/",
    "http://hooks.example.com:\u0661/",
    # schemes
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_POST", "javascript:alert(1)",
    "ftp://127.0.0.1:{port}/", "ws://127.0.0.1:{port}/", "tcp://127.0.0.1:{port}/",
    "unix:///var/run/docker.sock", "data:text/plain,x", "//127.0.0.1:{port}/",
    "http:127.0.0.1:{port}", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "http://",
    "127.0.0.1:{port}", "",
    # white space, control characters, backslashes
    " http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/ ", "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1\n:{port}/", "ht\ntp://127.0.0.1:{port}/", "http://127.0.0.1\x00:{port}/",
    "http://hooks.example.com\\@127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\.example.com/", "http://hooks example.com:{port}/",
    "http://hooks\u00a0example.com:{port}/", "http://hooks\u2028.example.com:{port}/",
    "http://hooks.example.com:{port}/\r\nhost: internal",
    # zones, and brackets around what is no address
    "http://[fe80::1%25lo]:{port}/", "http://[::1%25lo]:{port}/", "http://[::1%lo]:{port}/",
    "http://[2606:4700::1111%25lo]:{port}/", "http://[127.0.0.1]:{port}/",
    "http://[localhost]:{port}/", "http://[v1.fe80]:{port}/", "http://[::1:{port}/",
    # names that no resolver has
    "http://.:{port}/", "http://a..b:{port}/", "http://.example.com:{port}/",
    "http://" + "a" * 64 + ".com:{port}/", "http://" + "a." * 130 + "com:{port}/",
)  # fmt: skip

NAMES = [
    led("127.0.0.1"),
    led("127.0.0.1", url="https://hooks.example.com:{port}/"),
    led("127.0.0.1", url="http://metadata.google.internal:{port}/computeMetadata/v1/"),
    led("169.254.169.254", url="http://metadata.google.internal/computeMetadata/v1/"),
    led("127.0.0.1", url="http://127.0.0.1.nip.io:{port}/"),
    led("127.0.0.1", url="http://xn--bcher-kva.example:{port}/"),
    led("127.0.0.1", url="http://hooks.example.com.:{port}/"),
    led("10.0.0.1"),
    led("::1"),
    led("::ffff:127.0.0.1"),
    led("64:ff9b::7f00:1"),
    led("fd00::1"),
    led("fe80::1%1"),
    led("0.0.0.0"),
    led("10.0.0.1", "127.0.0.1", "::1"),
    led("93.184.216.34", "127.0.0.1"),
    led("127.0.0.1", "93.184.216.34"),
    led("2606:4700::1111", "::1"),
    led("93.184.216.34", "2606:4700::1111", "169.254.169.254"),
    led(),
    led("nonsense"),
]
HOSTILE = LITERALS + SPELLINGS + NAMES


class Listeners:
    """Sockets that listen on every address of this machine and keep what connects."""

    def __init__(self):
        first = socket.create_server(("0.0.0.0", 0))
        self.port = first.getsockname()[1]
        self.sockets = [first]
        with contextlib.suppress(OSError):  # a machine without IPv6
            self.sockets.append(
                socket.create_server(
                    ("::", self.port), family=socket.AF_INET6, dualstack_ipv6=False
                )
            )
        for each in self.sockets:
            each.setblocking(False)

    def connections(self):
        """Take what waits to be accepted: the system completes a connection on its own."""
        taken = []
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    taken.append(each.accept()[0])
        return taken

    def close(self):
        for each in self.sockets:
            each.close()


@pytest.fixture
def listeners():
    listeners = Listeners()
    yield listeners
    listeners.close()


async def send(url, guard, resolver, **options):
    transport = HttpTransport(guard, resolver=resolver, timeout=2.0)
    try:
        return await transport.send(url, {}, b"{}", **options)
    finally:
        await transport.close()


def test_the_table_is_long_enough_and_has_no_row_twice():
    assert len(HOSTILE) >= 70
    assert len(set(HOSTILE)) == len(HOSTILE)


@pytest.mark.parametrize("row", HOSTILE, ids=repr)
async def test_no_connection_and_no_byte_leaves_for_a_hostile_url(row, listeners):
    url = row.url.replace("{port}", str(listeners.port))
    fault = await send(url, AddressGuard(), Names(row.leads_to))
    assert fault.kind in REFUSED_FOR
    assert listeners.connections() == []
    assert url not in fault.message or not url


@pytest.mark.parametrize("row", HOSTILE, ids=repr)
def test_what_the_text_gives_away_is_refused_at_creation(row):
    fault = check_url(row.url.replace("{port}", "8071"), AddressGuard())
    assert bool(fault) is row.at_creation


ALLOWED = [
    ("http://127.0.0.1:{port}/", "127.0.0.0/8"),
    ("http://127.0.0.2:{port}/", "127.0.0.2/32"),
    ("http://localhost:{port}/", "127.0.0.1/32"),
    ("http://[::ffff:127.0.0.1]:{port}/", "127.0.0.0/8"),
    ("http://\uff11\uff12\uff17.0.0.1:{port}/", "127.0.0.0/8"),
    ("http://internal.example.com:{port}/", "127.0.0.0/8"),
    ("http://internal_name:{port}/", "127.0.0.0/8"),
]


@pytest.mark.parametrize(("url", "network"), ALLOWED)
async def test_an_allowed_network_is_reached_and_no_other_is(url, network, listeners):
    url = url.replace("{port}", str(listeners.port))
    guard = AddressGuard([parse_network(network)])
    assert check_url(url, guard) is None
    fault = await send(url, guard, Names(["127.0.0.1"]), timeout=0.05)
    assert fault.kind is FaultKind.TIMEOUT
    (connection,) = listeners.connections()
    with connection:
        assert connection.recv(65536).startswith(b"POST / HTTP/1.1\r\n")
    other = AddressGuard([parse_network("10.0.0.0/8")])
    assert (await send(url, other, Names(["127.0.0.1"]))).kind in REFUSED_FOR
    assert listeners.connections() == []


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/webhooks",
        "http://example.com:8080/a?b=c",
        "https://example.com:/",
        "https://b\u00fccher.example/\u00e9?\u00e9#\u00e9",
        "https://8.8.8.8/",
        "https://172.15.0.1/",
        "https://100.128.0.1/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::808:808]/",
        "https://[::ffff:8.8.8.8]/",
        "https://a-b_c.example.com./x",
        "https://10.example.com/",
        "https://localhost.example.com/",
    ],
)
def test_public_urls_can_be_endpoints(url):
    assert check_url(url, AddressGuard()) is None


async def test_public_addresses_pass_the_resolver():
    names = Names(["93.184.216.34", "2606:4700::1111"])
    found = await GuardedResolver(AddressGuard(), names).resolve("example.com", 443)
    assert [each["host"] for each in found] == ["93.184.216.34", "2606:4700::1111"]


async def test_a_resolver_that_cannot_spell_a_name_has_no_answer():
    class Unspeakable(Names):
        async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
            return host.encode("idna")

    with pytest.raises(OSError, match="not a host name"):
        await GuardedResolver(AddressGuard(), Unspeakable()).resolve("a" * 64)


async def test_an_address_is_judged_again_when_the_name_leads_elsewhere(listeners):
    """The first answer is allowed, as a public one is; the next leads where nothing may go."""
    guard = AddressGuard([parse_network("127.0.0.2/32")])
    transport = HttpTransport(guard, resolver=Names(["127.0.0.2"], ["127.0.0.1"]))
    url = f"http://rebinding.example.com:{listeners.port}/"
    first = await transport.send(url, {}, b"", timeout=0.05)
    assert first.kind is FaultKind.TIMEOUT
    for connection in listeners.connections():
        connection.close()
    transport._pool.clear_dns_cache()  # what time does
    second = await transport.send(url, {}, b"")
    assert (second.kind, second.message) == (
        FaultKind.ADDRESS,
        "address not allowed: 127.0.0.1 is loopback",
    )
    assert listeners.connections() == []
    await transport.close()


async def test_the_socket_is_refused_even_if_the_resolver_let_an_address_through(listeners):
    transport = HttpTransport(AddressGuard())
    transport._pool._resolver = Names(["127.0.0.1"])  # a resolver without the guard
    fault = await transport.send(f"http://hooks.example.com:{listeners.port}/", {}, b"")
    assert fault.kind is FaultKind.ADDRESS
    assert listeners.connections() == []
    await transport.close()


@given(
    st.text(max_size=12),
    st.sampled_from(["https://{}/", "https://a{}b.com/", "https://a.com{}", "https://a.com/{}"]),
)
def test_a_url_that_can_be_an_endpoint_can_be_sent_to(text, place):
    url = place.format(text)
    if check_url(url, AddressGuard()) is None:
        assert asyncio.run(line_of(url)).startswith("POST /")


async def line_of(url):
    return _make_target(url).line
