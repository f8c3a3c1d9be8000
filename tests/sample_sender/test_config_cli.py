"""Settings and commands."""

import argparse
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.cli import main
from hookseal_sender.config import SETTINGS, add_flags, load
from hookseal_sender.errors import StartError
from hookseal_sender.keyfile import key_file
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import TokenKey

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "sender.md"


def settings(*arguments, **environment):
    parser = argparse.ArgumentParser()
    add_flags(parser, SETTINGS)
    return load(parser.parse_args(arguments), environment)


def test_the_defaults_are_the_documented_ones():
    found = settings()
    assert (found.database_url, found.host, found.port) == (
        "sqlite:///hookseal.db",
        "127.0.0.1",
        8071,
    )
    assert found.retry_schedule == (5, 300, 1800, 7200, 18000, 36000, 36000)
    assert (found.allow_networks, found.token_key, found.request_timeout) == ((), None, 20)


def test_a_flag_wins_over_the_environment():
    assert settings(HOOKSEAL_PORT="9000").port == 9000
    assert settings("--port", "9001", HOOKSEAL_PORT="9000").port == 9001
    found = settings("--allow-networks", "10.0.0.0/8, ::1/128", HOOKSEAL_TOKEN_KEY="k" * 32)
    assert [str(each) for each in found.allow_networks] == ["10.0.0.0/8", "::1/128"]
    assert found.token_key == "k" * 32
    assert "k" * 32 not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOOKSEAL_PORT", "0"), ("HOOKSEAL_PORT", "70000"), ("HOOKSEAL_PORT", "http"),
        ("HOOKSEAL_PORT", ""), ("HOOKSEAL_PORT", "9" * 5000), ("HOOKSEAL_HOST", " "),
        ("HOOKSEAL_ALLOW_NETWORKS", "10.0.0.1/8"), ("HOOKSEAL_ALLOW_NETWORKS", "private"),
        ("HOOKSEAL_RETRY_SCHEDULE", "5,soon"), ("HOOKSEAL_RETRY_SCHEDULE", "5,0"),
        ("HOOKSEAL_RETRY_SCHEDULE", ""), ("HOOKSEAL_REQUEST_TIMEOUT", "nan"),
        ("HOOKSEAL_REQUEST_TIMEOUT", "-1"), ("HOOKSEAL_MAX_IN_FLIGHT", "1.5"),
    ],
)  # fmt: skip
def test_a_bad_value_names_the_setting_and_what_to_write(name, value):
    with pytest.raises(StartError, match=f"^{name}: .* cannot be used: ") as caught:
        settings(**{name: value})
    assert "\n" not in str(caught.value)


def test_a_bad_flag_is_named_as_a_flag_and_a_secret_is_not_shown():
    with pytest.raises(StartError, match=r"^--port: 'x'"):
        settings("--port", "x")
    with pytest.raises(StartError) as caught:
        settings(HOOKSEAL_TOKEN_KEY="hunter2")
    assert "hunter2" not in str(caught.value)


@given(st.sampled_from(SETTINGS), st.text())
def test_any_text_is_a_value_or_one_clear_error(setting, text):
    with contextlib.suppress(StartError):
        assert settings(**{setting.env: text})


def test_the_docs_list_every_setting():
    page = DOCS.read_text(encoding="utf-8")
    for setting in SETTINGS:
        assert f"`{setting.env}`" in page
        assert f"`{setting.default or 'none'}`" in page
        assert setting.secret or f"`{setting.flag}`" in page


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["token", "--help"]])
def test_help_teaches(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_token_prints_a_token_last(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/h.db"
    app_id = "app_" + "0" * 27
    for extra, scope in (
        ([], Scope(org_id=DEFAULT_ORGANISATION)),
        (["--app", app_id], Scope(org_id=DEFAULT_ORGANISATION, app_id=app_id)),
    ):
        assert main(["token", "--database-url", url, *extra]) == 0
        token = capsys.readouterr().out.split()[-1]
        key = bytes.fromhex(key_file(tmp_path / "h.db").read_text())
        assert TokenKey(key).read(token, now=int(time.time())) == scope


def test_the_token_key_can_be_given(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOOKSEAL_TOKEN_KEY", "k" * 40)
    assert main(["token", "--database-url", f"sqlite:///{tmp_path}/h.db"]) == 0
    token = capsys.readouterr().out.split()[-1]
    assert TokenKey(b"k" * 40).read(token, now=int(time.time()))
    assert not key_file(tmp_path / "h.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["token", "--app", "mine"], "--app: 'mine' is not"),
        (["token", "--database-url", "mysql://x/y"], "'mysql' is not supported"),
        (["serve", "--database-url", "postgresql://x/y"], "'postgresql' is not supported"),
        (["serve", "--port", "99999"], "--port: '99999'"),
        (["serve", "--port", "1", "--host", "no.such.host.invalid"], "cannot listen on"),
        (["serve", "--port", "FREE", "--database-url", "sqlite:////no/where/h.db"], "writable"),
    ],
)
def test_what_cannot_start_says_so_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [str(_free_port()) if each == "FREE" else each for each in arguments]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_port_in_use_says_so(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        url = f"sqlite:///{tmp_path}/h.db"
        assert main(["serve", "--port", port, "--database-url", url]) == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_serve_starts_answers_and_stops_on_sigterm(tmp_path, host):
    port = _free_port()
    command = [
        sys.executable,
        "-c",
        "import sys; from hookseal_sender.cli import main; sys.exit(main())",
    ]
    process = subprocess.Popen(
        [*command, "serve", "--port", str(port), "--host", host],
        cwd=tmp_path,
        env={**os.environ, "HOOKSEAL_DATABASE_URL": "sqlite:///my.db"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        first = process.stdout.readline()
        address = re.search(r"http://\S+", first).group()
        answer = httpx2.get(f"{address}/api/v1/health/ping", timeout=10, trust_env=False)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        out, errors = process.stdout.read(), process.stderr.read()
    assert answer.status_code == 204
    assert process.returncode == 0, errors
    assert "hookseal-sender token" in out
    assert (tmp_path / "my.db.token-key").exists()
