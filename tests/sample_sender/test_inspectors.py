"""Play's own inspectors may be delivered to wherever the sender is; nothing near them may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from hookseal_receiver.play import PlayStore, create_play
from hookseal_sender.addresses import AddressGuard
from hookseal_sender.api import Services
from hookseal_sender.api.endpoint_inputs import endpoint_in
from hookseal_sender.api.fields import InputInvalid
from hookseal_sender.inspectors import Inspectors
from hookseal_sender.outcome import FaultKind, Reply
from hookseal_sender.to_play import ANYWHERE, ToPlay
from hookseal_sender.transport import HttpTransport
from tests.sample_sender.names import Names

pytestmark = pytest.mark.anyio
TOKEN = "t" * 32

NEAR = [
    # other paths
    "{base}/play/in/{token}/", "{base}/play/in/{token}/x", "{base}/play/in/{token}?x=1",
    "{base}/play/in/{token}?", "{base}/play/in/{token}#x", "{base}/play/in/{token};x",
    "{base}/play/in/{token}x/y", "{base}/play/in/", "{base}/play/in", "{base}/play/",
    "{base}/play/in/short", "{base}/play/in/{token}{token}{token}", "{base}/play/view/{token}",
    "{base}/play/IN/{token}", "{base}/Play/in/{token}", "{base}//play/in/{token}",
    "{base}/play//in/{token}", "{base}/play/in//{token}", "{base}/console/", "{base}/metrics",
    "{base}/api/v1/app", "{base}", "{base}/", "{base}/x/play/in/{token}",
    # paths that climb
    "{base}/play/in/../{token}", "{base}/play/in/{token}/..", "{base}/play/in/{token}/../x",
    "{base}/play/in/../../metrics", "{base}/play/../play/in/{token}", "{base}/./play/in/{token}",
    "{base}/play/in/....................", "{base}/play/in/{token}/../../../metrics",
    # encoded
    "{base}/play/in/%74{token}", "{base}/play/in/{token}%2f..", "{base}/play/in/%2e%2e%2fmetrics",
    "{base}/play%2fin/{token}", "{base}/%70lay/in/{token}", "{base}/play/in/{token}%00",
    "{base}/play/in/{token}%0d%0a", "http://%31%32%37.0.0.1:{port}/play/in/{token}",
    # another authority
    "http://user@127.0.0.1:{port}/play/in/{token}", "http://u:p@127.0.0.1:{port}/play/in/{token}",
    "http://@127.0.0.1:{port}/play/in/{token}", "http://127.0.0.1:1/play/in/{token}",
    "http://127.0.0.1:0{port}/play/in/{token}", "http://127.0.0.1/play/in/{token}",
    "http://127.0.0.1:/play/in/{token}", "http://127.0.0.2:{port}/play/in/{token}",
    "http://localhost:{port}/play/in/{token}", "http://127.1:{port}/play/in/{token}",
    "http://0x7f000001:{port}/play/in/{token}", "http://[::1]:{port}/play/in/{token}",
    "http://[::ffff:127.0.0.1]:{port}/play/in/{token}", "http://127.0.0.1.:{port}/play/in/{token}",
    "{base}.evil.example/play/in/{token}", "{base}@evil.example/play/in/{token}",
    "http://evil.example:{port}/play/in/{token}", "{base}#@evil.example/play/in/{token}",
    "http://evil.example/?{base}/play/in/{token}", "http://evil.example/{base}/play/in/{token}",
    # another scheme or spelling
    "https://127.0.0.1:{port}/play/in/{token}", "HTTP://127.0.0.1:{port}/play/in/{token}",
    "http:/127.0.0.1:{port}/play/in/{token}", "//127.0.0.1:{port}/play/in/{token}",
    "http:\\\\127.0.0.1:{port}/play/in/{token}", "{base}\\play\\in\\{token}",
    # white space and other scripts
    " {base}/play/in/{token}", "{base}/play/in/{token} ", "{base}/play/in/{token}\n",
    "\n{base}/play/in/{token}", "{base}/play/in/{token}\0", "{base}\t/play/in/{token}",
    "{base}/play/in/\uff54{token}", "{base}/play/in/{token}\u0661", "{base}\u2044play/in/{token}",
]  # fmt: skip


@pytest.fixture
async def played(served):
    """Serve Play on loopback; return its store, an inspector's URL, and where the host is."""
    store = PlayStore()
    play = create_play(store)
    made = await play.make_bin()
    async with served(Starlette(routes=[Mount("/play", play)])) as base:
        yield store, made, base
    await store.close()


@pytest.fixture
async def to_play(played):
    """Send where loopback is not allowed, and every name leads there."""
    guarded = HttpTransport(AddressGuard(), resolver=Names(["127.0.0.1"]), timeout=2)
    own = HttpTransport(AddressGuard(ANYWHERE), timeout=5)
    transport = ToPlay(guarded, own, Inspectors(played[2]))
    yield transport
    await transport.close()


def accepted(url, base):
    services = Services(
        store=None, tokens=None, guard=AddressGuard(), clock=None, inspectors=Inspectors(base)
    )
    try:
        return endpoint_in({"url": url, "name": "n"}, services).url == url
    except InputInvalid:
        return False


async def test_an_inspector_is_accepted_and_delivered_to(played, to_play):
    store, made, base = played
    url = f"{base}/play/in/{made.capture_token}"
    assert accepted(url, base)
    reply = await to_play.send(url, {"webhook-id": "msg_1"}, b'{"a":1}')
    assert isinstance(reply, Reply)
    (captured,) = await store.newer(made.id, 0)
    assert captured.draft.body == b'{"a":1}'


async def test_nothing_near_an_inspector_is_delivered_to(played, to_play):
    store, made, base = played
    inspectors = Inspectors(base)
    assert len(NEAR) == len(set(NEAR)) > 60
    for row in NEAR:
        parts = {"base": base, "token": made.capture_token, "port": base.rpartition(":")[2]}
        url = row.format(**parts)
        assert url not in inspectors, row
        fault = await to_play.send(url, {}, b"{}")
        assert not isinstance(fault, Reply), row
        assert fault.kind in {FaultKind.ADDRESS, FaultKind.SETUP, FaultKind.NAME}, row
        named = "evil.example" in url.partition("//")[2].partition("/")[0]
        assert not accepted(url, base) or named, row  # a name is judged when it is called
    assert await store.newer(made.id, 0) == []


@pytest.mark.parametrize("base", ["https://hooks.example", "https://hooks.example:8443/below/"])
def test_an_inspector_has_a_token(base):
    inspectors = Inspectors(base)
    for token in ("t" * 20, "t" * 64, "aA0_-" * 5):
        url = f"{base.rstrip('/')}/play/in/{token}"
        assert inspectors.token_of(url) == token
        assert url in inspectors
    assert inspectors.base == f"{base.rstrip('/')}/play"


def test_where_there_is_no_play_there_are_no_inspectors():
    none = Inspectors()
    for url in (f"/play/in/{TOKEN}", f"http://127.0.0.1:8071/play/in/{TOKEN}", ""):
        assert url not in none


def test_a_dot_in_the_host_is_a_dot():
    assert f"https://hooksxexample/play/in/{TOKEN}" not in Inspectors("https://hooks.example")


BASE = "https://hooks.example"


@given(
    st.text(st.characters(codec=None)),
    st.sampled_from(["{}", BASE + "{}", BASE + "/play/in/{}", BASE + "/play/in/" + TOKEN + "{}",
                     "{}" + BASE + "/play/in/" + TOKEN, BASE + "/play{}/in/" + TOKEN]),
)  # fmt: skip
def test_a_url_with_a_token_is_that_token_at_our_place(text, place):
    url = place.replace("{}", text)
    token = Inspectors(BASE).token_of(url)
    if token is not None:
        assert url == f"{BASE}/play/in/{token}"
        assert token.replace("-", "").replace("_", "").isalnum()
        assert token.isascii()


async def test_both_ways_are_closed():
    class Closing:
        closed = False

        async def close(self):
            self.closed = True

    ways = Closing(), Closing()
    await ToPlay(*ways, Inspectors()).close()
    assert [each.closed for each in ways] == [True, True]
