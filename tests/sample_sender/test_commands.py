"""Commands that end by themselves, and what those that run say."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import socket
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal import generate_secret
from hookseal_sender import entry, keys
from hookseal_sender.cli import main
from hookseal_sender.commands import COMMANDS
from hookseal_sender.commands.durations import parse_duration
from hookseal_sender.config import load
from hookseal_sender.errors import StartError
from hookseal_sender.keyfile import KeyKind, key_file
from hookseal_sender.model import (
    DEFAULT_ORGANISATION,
    OPERATIONS_ORGANISATION,
    ApplicationDraft,
    EndpointDraft,
    MessageDraft,
    Scope,
)
from hookseal_sender.running.listening import address_of, listen
from hookseal_sender.running.words import how_to_stop, how_to_use
from hookseal_sender.store import migrations, open_store
from hookseal_sender.tokens import TokenKey
from tests.ports import free_port

APP_ID = "app_" + "0" * 27
POSTGRESQL = "postgresql://hookseal:hunter2@db:5433/hookseal?sslmode=require"


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """Run in an empty folder, with no settings in the environment; put logging back."""
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "DATABASE_URL", "TOKEN_KEY", "ENCRYPTION_KEY"):
        monkeypatch.delenv(f"HOOKSEAL_{name}", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/h.db"


@pytest.fixture
def scope_of(tmp_path):
    """Read a token with the key beside the database."""

    def read(token):
        key = bytes.fromhex(key_file(tmp_path / "h.db", KeyKind.TOKEN).read_text())
        return TokenKey(key).read(token, now=int(time.time()))

    return read


def settings(**given):
    environment = {f"HOOKSEAL_{name.upper()}": value for name, value in given.items()}
    return load(argparse.Namespace(), environment, warn=pytest.fail)


@pytest.mark.parametrize("command", [[], *([each.name] for each in COMMANDS)])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    page = capsys.readouterr().out
    assert "examples:" in page
    assert all(len(line) <= 100 for line in page.splitlines())


def test_a_command_is_asked_for(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "org_id", "app_id"),
    [
        ([], DEFAULT_ORGANISATION, None),
        (["--app", APP_ID], DEFAULT_ORGANISATION, APP_ID),
        (["--operational"], OPERATIONS_ORGANISATION, None),
    ],
)
def test_token_prints_a_token_last_and_needs_no_database(
    url, tmp_path, capsys, scope_of, arguments, org_id, app_id
):
    assert main(["token", "--database-url", url, *arguments]) == 0
    scope = scope_of(capsys.readouterr().out.split()[-1])
    assert (scope.org_id, scope.app_id) == (org_id, app_id)
    assert scope.token_id
    assert not (tmp_path / "h.db").exists()


def test_token_for_an_organisation_makes_it_once(url, capsys, scope_of, tmp_path):
    assert main(["migrate", "--database-url", url]) == 0
    found = []
    for name in ("ACME Platform", " ACME Platform ", "Other"):
        assert main(["token", "--database-url", url, "--organisation", name]) == 0
        found.append(scope_of(capsys.readouterr().out.split()[-1]).org_id)
    assert found[0] == found[1] != found[2]
    assert DEFAULT_ORGANISATION not in found
    assert not key_file(tmp_path / "h.db", KeyKind.ENCRYPTION).exists()


def test_token_can_expire_sooner(url, capsys, tmp_path):
    assert main(["token", "--database-url", url, "--expires", "2h"]) == 0
    token = capsys.readouterr().out.split()[-1]
    key = bytes.fromhex(key_file(tmp_path / "h.db", KeyKind.TOKEN).read_text())
    assert 7190 < TokenKey(key).expiry(token) - time.time() <= 7200


def test_the_keys_can_be_given(url, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOOKSEAL_TOKEN_KEY", f"{'new-' * 10},{'old-' * 10}")
    assert main(["token", "--database-url", url]) == 0
    token = capsys.readouterr().out.split()[-1]
    assert TokenKey(b"new-" * 10).read(token, now=int(time.time()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["token", "--app", "mine"], "--app: 'mine' is not an application's id"),
        (["token", "--expires", "soon"], "--expires: 'soon' cannot be used: write a number"),
        (["token", "--expires", "4000d"], "a token lasts at most 10 years"),
        (["token", "--organisation", " "], "--organisation: write a name of 1 to 200"),
        (["token", "--organisation", "ACME"], "run 'hookseal-sender migrate'"),
        (["token", "--database-url", "postgresql://x/y"], "set HOOKSEAL_TOKEN_KEY"),
        (["token", "--database-url", "mysql://x/y"], "'mysql' is not supported"),
        (["serve", "--port", "99999"], "--port: '99999'"),
        (["serve", "--port", "1", "--host", "no.such.host.invalid"], "machine with --host"),
        (["serve", "--port", "1", "--host", "a" * 70 + ".x"], "this is no address"),
        (["worker", "--metrics-port", "TAKEN"], "run 'hookseal-sender migrate'"),
        (["serve", "--host", "192.0.2.1"], "name an address of this machine with --host"),
        (["migrate", "--database-url", "postgresql://u@h:x/y"], "--database-url: the value cannot"),
        (["migrate", "--database-url", "sqlitex://y"], "'sqlitex' is not supported"),
        (["token", "--database-url", "sqlitex://y"], "'sqlitex' is not supported"),
        (["migrate", "--config", "none.toml"], "config file none.toml: No such file"),
    ],
)
def test_what_cannot_run_says_so_in_one_line(arguments, message, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([port if each == "TAKEN" else each for each in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_port_that_needs_a_privilege_is_told_apart(monkeypatch):
    def refused(*_address, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("socket.create_server", refused)
    with pytest.raises(StartError, match="ports below 1024 are for root; choose another with --p"):
        listen("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bogus"], "'--bogus' is unknown here; see 'hookseal-sender serve --help'"),
        (["--token-key", "hunter2"], "--token-key: others see flags; set HOOKSEAL_TOKEN_KEY"),
        (["--encryption-key=hunter2"], "set HOOKSEAL_ENCRYPTION_KEY, or put it into the file"),
    ],
)
def test_an_unknown_flag_is_told_and_a_key_not_shown(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    error = capsys.readouterr().err
    assert (caught.value.code, words in error, "hunter2" in error) == (2, True, False)


def test_an_argument_that_is_missing_names_the_command(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--port"])
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("hookseal-sender serve: error: argument --port: ")


def test_a_token_key_that_was_made_for_the_token_is_told(url, tmp_path, capsys):
    assert main(["token", "--database-url", url]) == 0
    error = capsys.readouterr().err
    assert f"made the key {tmp_path}/h.db.token-key; a sender on another database" in error
    assert "or one that has its key from HOOKSEAL_TOKEN_KEY, refuses this token" in error
    assert main(["token", "--database-url", url]) == 0
    assert capsys.readouterr().err == ""


def test_a_metrics_port_in_use_names_its_flags(url, capsys):
    assert main(["migrate", "--database-url", url]) == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["worker", "--database-url", url, "--metrics-port", port]) == 2
    error = capsys.readouterr().err
    assert "is another process there? Choose another with --metrics-port" in error


def test_ctrl_c_before_the_start_ends_it_quietly(monkeypatch, url):
    def interrupted(_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("hookseal_sender.keys.token_key", interrupted)
    assert main(["token", "--database-url", url]) == 130


def test_migrate_says_from_which_version_to_which(url, tmp_path, capsys):
    said = []
    for arguments in (["--dry-run"], [], [], ["--dry-run"]):
        assert main(["migrate", "--database-url", url, *arguments]) == 0
        said.append(capsys.readouterr().out)
    assert all(line.startswith(f"database {tmp_path}/h.db: the schema ") for line in said)
    assert "would be made, at version" in said[0]
    assert "was made, at version" in said[1]
    assert said[2] == said[3]
    assert "is up to date, at version" in said[2]


def test_migrate_says_what_an_older_schema_becomes(url, monkeypatch, capsys):
    for work in ("plan", "upgrade"):
        outcome = migrations.Migration(before="0001", after="0003")
        monkeypatch.setattr(migrations, work, lambda _url, outcome=outcome: outcome)
    for arguments, verb in ((["--dry-run"], "would be brought"), ([], "was brought")):
        assert main(["migrate", "--database-url", url, *arguments]) == 0
        assert f"the schema {verb} from version 0001 to 0003" in capsys.readouterr().out


def test_a_dry_run_makes_nothing(url, tmp_path):
    assert main(["migrate", "--database-url", url, "--dry-run"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_healthy_sender(url, tmp_path, capsys):
    main(["migrate", "--database-url", url])
    capsys.readouterr()
    assert main(["status", "--database-url", url]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["database"] == f"{tmp_path}/h.db"
    assert lines["deliveries"].startswith("0 ready, 0 sending")
    assert lines["status"] == "healthy"
    assert main(["status", "--database-url", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["healthy"]
    assert found["schema"]["found"] == found["schema"]["needed"]
    assert (found["endpoints"], found["endpoints_disabled"]) == (0, 0)
    assert set(found["deliveries"].values()) == {0}
    assert not list(tmp_path.glob("*-key")), "whoever looks makes no key"


def test_status_tells_that_the_schema_is_behind(url, capsys):
    assert main(["status", "--database-url", url]) == 1
    assert "there is nothing in it yet: name the sender's database" in capsys.readouterr().out
    assert main(["status", "--database-url", url, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["healthy"], found["deliveries"]) == (False, None)


def test_a_config_file_that_others_may_read_is_warned_of(tmp_path, url, capsys):
    path = tmp_path / "sender.toml"
    path.write_text(f"database_url = '{url}'\ntoken_key = '{'key-' * 8}'\n", encoding="utf-8")
    path.chmod(0o644)
    assert main(["token", "--config", str(path)]) == 0
    assert "chmod o-r" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), (" 12h ", 43_200), ("90m", 5400), ("45s", 45)]
)
def test_a_duration(text, seconds):
    assert parse_duration(text) == seconds


@given(st.text() | st.from_regex(r"\d+[smhd]?"))
def test_any_text_is_a_duration_or_refused(text):
    with contextlib.suppress(ValueError):
        assert parse_duration(text) > 0


def test_what_is_said_goes_on_with_the_database(tmp_path):
    said = how_to_use(settings(database_url="sqlite:///h.db"))
    assert f"hookseal-sender token --database-url sqlite:///{tmp_path}/h.db\n" in said
    config = tmp_path / "s.toml"
    config.write_text("", encoding="utf-8")
    assert f"token --config {config} --database-url" in how_to_use(settings(config="s.toml"))
    # A key that no file beside the database holds is not what the command would make there.
    said = how_to_use(settings(database_url="sqlite:///h.db", token_key="signing-" * 4))
    assert f"--database-url sqlite:///{tmp_path}/h.db   (with the environment of this" in said


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (POSTGRESQL, "postgresql://db:5433/hookseal"),
        ("postgresql://hookseal:hunter2@/hookseal?host=/tmp/x", "postgresql:///hookseal"),
        ("postgresql://hookseal:hunter2@db:99999/hookseal", "PostgreSQL"),
    ],
)
def test_a_password_is_never_said(given, shown):
    found = settings(database_url=given)
    assert found.shown_database == shown
    for said in (how_to_use(found), how_to_stop(found)):
        assert shown in said
        assert "er2" not in said


def test_a_listener_has_an_address():
    for host, address in (("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")):
        with listen(host, 0) as listener:
            assert address_of(listener).startswith(address)


def test_keys_come_from_settings_or_from_files_beside_the_database(tmp_path):
    given = settings(database_url="sqlite:///h.db", encryption_key="sealing-" * 4)
    vault = keys.vault(given)
    assert not key_file(tmp_path / "h.db", KeyKind.ENCRYPTION).exists()
    made = keys.vault(settings(database_url="sqlite:///h.db"))
    assert key_file(tmp_path / "h.db", KeyKind.ENCRYPTION).exists()
    assert repr(made) == repr(keys.vault(settings(database_url="sqlite:///h.db"))) != repr(vault)


@pytest.mark.parametrize(
    ("load_key", "name"), [(keys.vault, "ENCRYPTION"), (keys.token_key, "TOKEN")]
)
def test_beside_postgresql_there_is_no_file(load_key, name):
    with pytest.raises(StartError, match=rf"HOOKSEAL_{name}_KEY.*python3 -c 'import secrets"):
        load_key(settings(database_url=POSTGRESQL))


@pytest.mark.parametrize("command", ["serve", "api", "worker"])
def test_without_the_key_of_what_is_stored_nothing_starts(command, url, tmp_path, capsys):
    main(["migrate", "--database-url", url])
    asyncio.run(publish_in_the_past(url, seconds=0))
    key_file(tmp_path / "h.db", KeyKind.ENCRYPTION).unlink()
    capsys.readouterr()
    flags = [] if command == "worker" else ["--port", str(free_port())]
    assert main([command, "--database-url", url, *flags]) == 2
    error = capsys.readouterr().err
    assert "h.db.encryption-key: it is not here, while the secrets of 1 endpoints" in error
    assert error.count("\n") == 1
    assert not key_file(tmp_path / "h.db", KeyKind.ENCRYPTION).exists()


def test_a_delivery_that_waits_for_a_worker_is_told(url, capsys):
    main(["migrate", "--database-url", url])
    asyncio.run(publish_in_the_past(url, seconds=90))
    capsys.readouterr()
    assert main(["status", "--database-url", url]) == 1
    page = capsys.readouterr().out
    assert "1 ready" in page
    assert "has waited 9" in page


async def publish_in_the_past(url, seconds):
    def clock(_connection):
        return round((time.time() - seconds) * 1000)

    vault = keys.vault(settings(database_url=url))
    store = open_store(url, vault, clock=clock)
    scope = Scope(org_id=DEFAULT_ORGANISATION)
    app = await store.create_application(scope.org_id, ApplicationDraft(name="ACME"))
    draft = EndpointDraft(url="https://acme.example/", name="x")
    await store.create_endpoint(app.id, draft, generate_secret())
    await store.publish(scope, app.id, MessageDraft(event_type="a.b", payload=b"{}"))
    await store.close()


def test_without_its_extra_the_command_names_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "hookseal_sender.cli", None)
    assert entry.main() == 2
    assert capsys.readouterr().err.endswith("Run pip install 'hookseal[sender]'\n")


def test_with_its_extra_the_command_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hookseal-sender", "--help"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 0
    assert "usage: hookseal-sender" in capsys.readouterr().out
