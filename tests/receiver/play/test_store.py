"""What is kept, for how long, and how."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace

import pytest

from hookseal import ConfigError, generate_secret
from hookseal_receiver.look.headers import content_security_policy
from hookseal_receiver.play import PlaySettings, PlayStore, TooManyBins, create_play
from hookseal_receiver.play.model import Draft, Reply, Verdict

NOW = 1_800_000_000_000
SETTINGS = PlaySettings()
DRAFT = Draft(
    at_ms=NOW,
    method="POST",
    path="",
    query="",
    http_version="1.1",
    scheme="https",
    client="",
    headers=(),
    body=b"x",
    size=1,
)


def unchecked(_):
    return Verdict(outcome="unchecked", steps=())


class Backwards:
    def seal(self, plain, context):
        return f"{context}|{plain[::-1]}"

    def open(self, sealed, context):
        found, _, rest = sealed.partition("|")
        assert found == context
        return rest[::-1]


def run(work, path=":memory:", **options):
    async def main():
        store = PlayStore(path, **options)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(main())


def capture(store, made):
    return store.capture(made.id, DRAFT, "", unchecked, SETTINGS)


def test_a_bin_expires_with_its_requests():
    async def work(store):
        made = await store.make_bin(NOW, SETTINGS)
        await capture(store, made)
        later = made.expires_ms
        assert await store.bin_to_view(made.view_token, later - 1)
        assert await store.bin_to_view(made.view_token, later) is None
        assert await store.bin_to_capture(made.capture_token, later) is None
        assert await store.purge(later) == 1
        return await store.requests(made.id)

    assert run(work) == []


def test_a_request_for_a_bin_deleted_meanwhile_is_dropped():
    async def work(store):
        made = await store.make_bin(NOW, SETTINGS)
        await store.delete_bin(made.id)
        captured = await capture(store, made)
        return captured.number, await store.next_answer(made.id), await store.newest(made.id)

    assert run(work) == (0, 1, None)


def test_headers_are_kept_as_they_were_read_whatever_they_hold():
    given = (("x-a", "\xff\x00\u20ac"), ("x-b", "\udc80"))

    async def work(store):
        made = await store.make_bin(NOW, SETTINGS)
        for headers in (given[:1], given[1:]):
            draft = replace(DRAFT, headers=headers)
            await store.capture(made.id, draft, "", unchecked, SETTINGS)
        return [one.draft.headers for one in await store.newer(made.id, 0)]

    assert run(work) == [given[:1], given[1:]]


def test_a_list_holds_neither_bodies_nor_answers():
    async def work(store):
        made = await store.make_bin(NOW, SETTINGS)
        captured = await capture(store, made)
        reply = Reply(status=200, body=b"long")
        await store.record_reply(made.id, captured.number, reply, 1, SETTINGS)
        (listed,) = await store.requests(made.id)
        return listed, await store.request(made.id, captured.number)

    listed, whole = run(work)
    assert (listed.draft.body, listed.reply.body, listed.reply.status) == (b"", b"", 200)
    assert (whole.draft.body, whole.reply.body) == (b"x", b"long")


def test_bins_are_limited_in_all():
    async def work(store):
        await store.make_bin(NOW, PlaySettings(bins=1))
        with pytest.raises(TooManyBins):
            await store.make_bin(NOW, PlaySettings(bins=1))

    run(work)


def test_secrets_are_sealed_in_the_file(tmp_path):
    secret = generate_secret()
    path = tmp_path / "play.db"

    async def work(store):
        made = await store.make_bin(NOW, SETTINGS, secrets=(secret,))
        return (await store.bin_to_view(made.view_token, NOW)).secrets

    assert run(work, path, sealer=Backwards()) == (secret,)
    assert secret.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_bin_is_found_by_whoever_made_it():
    async def work(store):
        play = create_play(store)
        made = await play.make_bin(secrets=generate_secret(), client="application 1")
        nobodys = await play.make_bin()
        assert await play.find_bin(made.capture_token, client="application 1") == made
        for client in ("application 2", "", "application 1 "):
            assert await play.find_bin(made.capture_token, client=client) is None
        for token in (made.view_token, "", "none"):
            assert await play.find_bin(token, client="application 1") is None
        assert await play.find_bin(nobodys.capture_token, client="") is None
        later = made.expires_ms
        assert await store.bin_of_client(made.capture_token, "application 1", later - 1)
        assert await store.bin_of_client(made.capture_token, "application 1", later) is None

    run(work)


def test_a_spare_bin_is_one_that_nobody_used():
    async def work(store):
        settings = replace(SETTINGS, bins_per_client=4)
        first = await store.spare_bin(NOW, settings, "a")
        again = await store.spare_bin(NOW + 1, settings, "a")
        assert (again.id, again.expires_ms) == (first.id, first.expires_ms + 1)
        await store.set_secrets(first, (generate_secret(),))
        second = await store.spare_bin(NOW, settings, "a")
        await store.capture(second.id, DRAFT, "", unchecked, settings)
        third = await store.spare_bin(NOW, settings, "a")
        other = await store.spare_bin(NOW, settings, "b")
        assert len({first.id, second.id, third.id, other.id}) == 4
        expired = await store.spare_bin(third.expires_ms, settings, "a")
        assert expired.capture_token != third.capture_token
        nobodys = [await store.spare_bin(NOW, settings, "") for _ in range(2)]
        assert nobodys[0].id != nobodys[1].id

    run(work)


def test_a_name_gives_the_same_urls_again(tmp_path):
    async def work(store):
        made = await create_play(store).open_bin("orders")
        return made.capture_token, made.view_token

    first, second = run(work, tmp_path / "p.db"), run(work, tmp_path / "p.db")
    assert first == second
    assert first[0] == "orders"


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "-a", "x" * 64, "a/b"])
def test_a_name_that_is_no_part_of_a_url_is_refused(name):
    async def work(store):
        with pytest.raises(ConfigError, match="name"):
            await create_play(store).open_bin(name)

    run(work)


@pytest.mark.parametrize("secrets", ["sk_x", ["whsk_" + "A" * 43 + "="], [generate_secret()] * 6])
def test_secrets_that_cannot_verify_are_refused(secrets):
    async def work(store):
        with pytest.raises(ConfigError, match="secrets"):
            await create_play(store).make_bin(secrets=secrets)

    run(work)


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    bad = tmp_path / "text.db"
    bad.write_text("no database" * 100)

    for path in (bad, tmp_path / "none" / "x.db"):
        with pytest.raises(ConfigError, match="cannot be used"):
            PlayStore(path)


@pytest.mark.parametrize("name", ["requests_kept", "body_seconds", "bins"])
def test_a_limit_below_one_is_refused(name):
    with pytest.raises(ConfigError, match=name):
        PlaySettings(**{name: 0})
    with pytest.raises(ConfigError, match="body_limit"):
        PlaySettings(body_limit=1)


@pytest.mark.parametrize("origin", ["*", "https://x; script-src *", "https://x/path", "x"])
def test_an_origin_cannot_add_to_the_policy(origin):
    with pytest.raises(ConfigError, match="frame_origins"):
        content_security_policy([origin])
