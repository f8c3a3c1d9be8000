"""Retiring an encryption key: what it sealed is sealed anew."""

import pytest

from hookseal_sender.cli import main
from hookseal_sender.model import ApplicationDraft, EndpointDraft
from hookseal_sender.store import migrations, open_store, sql
from hookseal_sender.vault import Vault

pytestmark = pytest.mark.anyio
ORG = "org_a"
OLD, NEW, OTHER = "old-" * 8, "new-" * 8, "other-" * 6
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADERS = {"x-a": "b"}


def vault(*keys):
    return Vault([key.encode() for key in keys])


@pytest.fixture
def opened(database_url, clock):
    """Open the database with some keys: ``async with opened(NEW, OLD) as store``."""

    class Opened:
        def __init__(self, *keys):
            self.store = open_store(database_url, vault(*keys), clock=clock.database)

        async def __aenter__(self):
            return self.store

        async def __aexit__(self, *_exc):
            await self.store.close()

    return Opened


async def made(store, endpoints, headers=HEADERS):
    app = await store.create_application(ORG, ApplicationDraft(name="a"))
    draft = EndpointDraft(url="https://example.com/", name="e")
    return [await store.create_endpoint(app.id, draft, SECRET, headers) for _ in range(endpoints)]


async def test_the_older_key_can_be_retired(opened, monkeypatch):
    monkeypatch.setattr(sql, "_RESEALED_AT_ONCE", 2)
    async with opened(OLD) as store:
        endpoints = [*await made(store, 3), *await made(store, 2, headers=None)]
        await store.delete_endpoint(endpoints[0].app_id, endpoints[0].id)
    async with opened(NEW, OLD) as store:
        new = (await made(store, 1))[0]
        changed = endpoints[1]
        await store.change_headers(
            changed.app_id, changed.id, lambda _: {"x-c": "d"}
        )  # by the newest key
        assert await store.reseal() == (4, 0)
        assert await store.reseal() == (0, 0)
    async with opened(NEW) as store:
        for each in (*endpoints[1:], new):
            found = await store.endpoint(each.app_id, each.id)
            assert [secret.key for secret in found.secrets] == [SECRET]
            assert found.headers == ({"x-c": "d"} if each is changed else each.headers)


async def test_what_no_key_opens_is_counted_and_left(opened):
    async with opened(OLD) as store:
        await made(store, 2)
    async with opened(OTHER) as store:
        await made(store, 1)
    async with opened(NEW, OLD) as store:
        assert await store.reseal() == (2, 1)


def test_the_command_says_how_many(tmp_path, monkeypatch, capsys):
    import asyncio  # noqa: PLC0415

    url = f"sqlite:///{tmp_path}/h.db"
    migrations.upgrade(url)

    async def seal():
        store = open_store(url, vault(OLD))
        await made(store, 2)
        await store.close()

    asyncio.run(seal())
    for keys, status, words in (
        (f"{NEW},{OLD}", 0, "2 endpoints were sealed anew"),
        (NEW, 0, "0 endpoints were sealed anew"),
        (OTHER, 1, "2 endpoints do not open"),
    ):
        monkeypatch.setenv("HOOKSEAL_ENCRYPTION_KEY", keys)
        assert main(["migrate", "--reseal", "--database-url", url]) == status
        assert words in "".join(capsys.readouterr())
    monkeypatch.delenv("HOOKSEAL_ENCRYPTION_KEY")
    assert main(["migrate", "--reseal", "--database-url", url]) == 2
    assert "h.db.encryption-key: it is not here" in capsys.readouterr().err
