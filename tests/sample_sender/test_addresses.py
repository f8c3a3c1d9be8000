"""The SSRF guard, on addresses and on URLs."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.addresses import AddressGuard, parse_network
from hookseal_sender.urls import check_url, host_of

GUARD = AddressGuard()
REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "2001:0:808:808::f7f7:f7f7",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:7f00:1",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "nonsense",
]
ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.0.1",
    "100.128.0.1",
    "223.255.255.254",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
    "2606:4700::5efe:8.8.8.8",
]


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address):
    assert GUARD.refusal(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address):
    assert GUARD.refusal(address) is None


def test_the_reason_is_in_plain_words():
    assert GUARD.refusal("127.0.0.1") == "127.0.0.1 is loopback"
    assert GUARD.refusal("::ffff:10.0.0.1") == "::ffff:10.0.0.1 (10.0.0.1) is private"
    assert GUARD.refusal("2002:808:808::") == "2002:808:808:: (8.8.8.8) is a 6to4 tunnel"
    assert GUARD.refusal("2a00::1%2") == "2a00::1%2 is bound to one of this machine's links"


def test_networks_can_be_allowed_and_nothing_else_is():
    guard = AddressGuard([parse_network("10.1.0.0/16"), parse_network("fd00::/8")])
    assert guard.refusal("10.1.2.3") is None
    assert guard.refusal("::ffff:10.1.2.3") is None
    assert guard.refusal("fd00::1") is None
    assert guard.refusal("10.2.0.1")
    assert guard.refusal("127.0.0.1")


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_refused_however_it_is_wrapped(address):
    if address.is_global and not address.is_multicast:
        return
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | int(address))
    nat64 = ipaddress.IPv6Address((0x64FF9B << 96) | int(address))
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80))
    for form in (address, mapped, nat64, sixtofour):
        assert GUARD.refusal(str(form))


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_global_unicast_is_allowed(address):
    if GUARD.refusal(str(address)) is None:
        assert (
            address in ipaddress.ip_network("2000::/3")
            or "." in str(address.ipv4_mapped)
            or (
                address in ipaddress.ip_network("64:ff9b::/96")
                or address in ipaddress.ip_network("::/96")
            )
        )


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/webhooks",
        "http://example.com:8080/a?b=c",
        "https://[2606:4700::1111]/",
        "https://8.8.8.8/",
        "https://bücher.example/",
        "https://example.com./x",
    ],
)
def test_urls_that_can_be_endpoints(url):
    assert check_url(url, GUARD) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "javascript:alert(1)", "https://", "https:///x",
        "https://user:pw@example.com/", "https://example.com:0/", "https://example.com:99999/",
        "https://example.com:x/", "https://exa mple.com/", "https://example.com/\n", "https://[::1",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://127.0.0.1/", "https://127.0.0.1./",
        "https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
        "https://127\u30020\u30020\u30021/", "https://localhost/",
        "https://a.localhost:1/", "https://LOCALHOST./", "https://169.254.169.254/latest",
        "https://a\\@127.0.0.1/", "https://" + "a" * 70 + ".com/", "https://" + "a" * 70_000,
        "https://.../", "https://a\u00adb.com/", "https://example.com/\ud800", "https://8.8.8.8./",
        "https://[8.8.8.8]/", "https://" + "a." * 126 + "com/",
    ],
)  # fmt: skip
def test_urls_that_cannot(url):
    assert check_url(url, GUARD)


def test_localhost_is_allowed_with_either_loopback_network():
    guard = AddressGuard([parse_network("127.0.0.0/8")])
    assert check_url("http://localhost:1/", guard) is None
    assert check_url("http://127.0.0.1:1/", guard) is None
    assert host_of("http://localhost:1/") == "localhost"


def test_plain_http_can_be_refused():
    refusal = "the URL must begin with https://: HOOKSEAL_HTTPS_ONLY is set"
    assert check_url("http://example.com/", GUARD, https_only=True) == refusal
    assert check_url("https://example.com/", GUARD, https_only=True) is None
    assert check_url("ftp://example.com/", GUARD, https_only=True) != refusal
    assert "127.0.0.1" in check_url("https://127.0.0.1/", GUARD, https_only=True)


@given(st.text())
def test_any_text_is_judged(text):
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        fault = check_url(url, GUARD)
        assert fault is None or fault
