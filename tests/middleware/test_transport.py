"""HTTPS, proxies, and whose address a request counts against."""

from types import SimpleNamespace

import pytest

from hookseal import ConfigError
from hookseal.errors import InsecureTransport
from hookseal.transport import Transport

PROXY = "10.0.0.7"


def request(peer=PROXY, scheme="http", **headers):
    fields = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return SimpleNamespace(scheme=scheme, peer=peer, fields=fields)


def secure(transport, asked):
    try:
        return transport.require_https(asked)
    except InsecureTransport:
        return None


def xfp(value, peer=PROXY):
    return request(peer, x_forwarded_proto=value)


@pytest.mark.parametrize(
    ("asked", "https"),
    [
        (request(scheme="https"), True),
        (request(scheme="https", peer="203.0.113.9"), True),
        (request(), False),
        (xfp("https"), True),
        (xfp("HTTPS"), True),
        (xfp("http"), False),
        (xfp(""), False),
        (xfp("https, http"), False),
        (xfp("http, https"), False),
        (xfp("https, https"), True),
        (xfp("https", peer="203.0.113.9"), False),
        (xfp("https", peer="::ffff:10.0.0.7"), True),
        (xfp("https", peer="10.0.0.7%eth0"), True),
        (xfp("https", peer="not an address"), False),
        (xfp("https", peer=None), False),
    ],
)
def test_behind_one_proxy(asked, https):
    assert (secure(Transport(trusted_proxies=[PROXY]), asked) is True) == https


@pytest.mark.parametrize(
    ("value", "https"), [("https", False), ("https, https", True), ("http, https, https", False)]
)
def test_behind_two_proxies_two_must_have_spoken(value, https):
    transport = Transport(trusted_proxies=["10.0.0.0/8"], hops=2)
    assert (secure(transport, xfp(value)) is True) == https


@pytest.mark.parametrize(
    ("value", "https"),
    [
        ("proto=https", True),
        ('for="[2001:db8::1]:4711";Proto="https"', True),
        ("for=192.0.2.1; proto=https; by=10.0.0.7", True),
        ("for=192.0.2.1", False),
        ("proto=http", False),
        ("proto=https, for=192.0.2.1", False),
        ("proto=https,proto=https", True),
        ("", False),
        ("proto=https;;", False),
        ('proto="https', False),
        ("???", False),
    ],
)
def test_behind_a_proxy_that_says_forwarded(value, https):
    transport = Transport(trusted_proxies=[PROXY], header="forwarded")
    assert (secure(transport, request(forwarded=value)) is True) == https


def test_a_proxy_on_a_unix_socket_is_named_unix():
    transport = Transport(trusted_proxies=["unix"])
    assert secure(transport, xfp("https", peer=None)) is True
    assert secure(transport, xfp("https")) is None


def test_an_insecure_peer_is_let_through_and_told_apart():
    transport = Transport(allow_insecure_peers=["127.0.0.0/8", "::1"])
    assert secure(transport, request("127.0.0.1")) is False
    assert secure(transport, request("::1")) is False
    assert secure(transport, request("127.0.0.1", scheme="https")) is True
    assert secure(transport, request("192.0.2.1")) is None


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({}, set()),
        ({"trusted_proxies": [PROXY]}, {b"x-forwarded-proto", b"x-forwarded-for"}),
        ({"trusted_proxies": ["unix"], "header": "forwarded"}, {b"forwarded"}),
    ],
)
def test_only_headers_that_count_are_asked_for(settings, headers):
    assert Transport(**settings).headers == headers


# --- addresses -------------------------------------------------------------------------------


def same(transport, one, other):
    return transport.client(one) == transport.client(other) is not None


def test_a_direct_client_is_its_address():
    transport = Transport()
    assert same(transport, request("192.0.2.1"), request("::ffff:192.0.2.1"))
    assert not same(transport, request("192.0.2.1"), request("192.0.2.2"))
    assert "192.0.2.1" not in transport.client(request("192.0.2.1"))
    assert "/" not in transport.client(request("2001:db8::1"))


def test_an_ipv6_client_counts_by_its_64():
    transport = Transport()
    assert same(transport, request("2001:db8:0:1::1"), request("2001:db8:0:1:ffff::2"))
    assert not same(transport, request("2001:db8:0:1::1"), request("2001:db8:0:2::1"))


@pytest.mark.parametrize("peer", [None, "", "not an address"])
def test_an_unknown_client_has_no_key(peer):
    assert Transport().client(request(peer)) is None


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_behind_a_proxy_the_client_is_what_it_added(value, client):
    transport = Transport(trusted_proxies=[PROXY])
    assert same(transport, request(x_forwarded_for=value), request(client))


@pytest.mark.parametrize("value", ["", "unknown", "_hidden"])
def test_a_shared_proxy_is_nobodys_address(value):
    transport = Transport(trusted_proxies=[PROXY])
    assert transport.client(request(x_forwarded_for=value)) is None
    assert transport.client(request()) is None


def test_hops_are_counted_from_the_right():
    transport = Transport(trusted_proxies=[PROXY], hops=2)
    assert same(transport, request(x_forwarded_for="6.6.6.6, 192.0.2.1, 10.0.0.8"),
                request("192.0.2.1"))  # fmt: skip
    assert transport.client(request(x_forwarded_for="192.0.2.1")) is None


def test_forwarded_names_the_client_too():
    transport = Transport(trusted_proxies=[PROXY], header="forwarded")
    assert same(transport, request(forwarded='for="[2001:db8::1]:4711";proto=https'),
                request("2001:db8::1"))  # fmt: skip
    assert transport.client(request(forwarded="proto=https")) is None


def test_a_forged_header_of_a_stranger_is_ignored():
    transport = Transport(trusted_proxies=[PROXY])
    asked = request("203.0.113.9", x_forwarded_for="192.0.2.1")
    assert same(transport, asked, request("203.0.113.9"))


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"hops": 0}, "hops: 0; it is the number of proxies in front, 1 or more"),
        ({"header": "x-scheme"}, "proxy_header: 'x-scheme'; write 'x-forwarded-proto' or"),
        ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies: expected a list, got text. Write"),
        ({"trusted_proxies": ["10.0.0.7/8"]}, "trusted_proxies: 10.0.0.7/8 has host bits set"),
        ({"trusted_proxies": ["*"]}, "trusted_proxies: '*' does not appear to be"),
        ({"allow_insecure_peers": ["localhost"]}, "allow_insecure_peers: 'localhost' does not"),
    ],
)
def test_a_wrong_setting_is_named(settings, says):
    with pytest.raises(ConfigError) as caught:
        Transport(**settings)
    assert str(caught.value).startswith(says)
