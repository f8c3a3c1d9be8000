"""The command hookseal-receiver, up to the point where it serves."""

from __future__ import annotations

import socket
import sys

import pytest

from hookseal import generate_secret
from hookseal_receiver import entry
from hookseal_receiver.cli import main

SECRET = generate_secret()


@pytest.fixture(autouse=True)
def no_secret_in_the_environment(monkeypatch):
    monkeypatch.delenv("HOOKSEAL_SECRET", raising=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "set HOOKSEAL_SECRET"),
        (["--secret", "whsec_"], "24 to 64"),
        (["--secret", "sk_live_x"], "no known prefix"),
        (["--secret", SECRET, "--certfile", "cert.pem"], "--certfile and --keyfile go together"),
        (["--secret", SECRET, "--trusted-proxy", "proxy"], "trusted_proxies"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_fix(arguments, says, capsys):
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_the_secret_is_never_in_an_error(capsys):
    main(["--secret", "sk_live_verysecret"])

    assert "verysecret" not in "".join(capsys.readouterr())


def test_a_port_in_use_is_one_clear_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--secret", SECRET, "--port", str(port)]) == 2

    error = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in error
    assert "--port" in error
    assert error.count("\n") == 1


def test_a_missing_certificate_is_one_clear_line(capsys, tmp_path):
    files = ["--certfile", str(tmp_path / "no.pem"), "--keyfile", str(tmp_path / "no.key")]

    assert main(["--secret", SECRET, "--port", "0", *files]) == 2
    assert "--certfile" in capsys.readouterr().err


def test_help_teaches_the_three_ways_to_run_it(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    shown = capsys.readouterr().out
    assert end.value.code == 0
    for word in ("--certfile", "--trusted-proxy", "--allow-insecure", "HOOKSEAL_SECRET"):
        assert word in shown


def test_without_its_extra_the_command_names_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "hookseal_receiver.cli", None)
    assert entry.main() == 2
    assert capsys.readouterr().err.endswith("Run pip install 'hookseal[receiver]'\n")


def test_with_its_extra_the_command_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hookseal-receiver", "--help"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 0
    assert "usage: hookseal-receiver" in capsys.readouterr().out
