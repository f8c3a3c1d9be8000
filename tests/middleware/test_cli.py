"""The command ``hookseal``."""

import io
import shlex
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest

from hookseal import Verifier
from hookseal.cli import main

from .support import BODY, OTHER_SECRET, SECRET

NOW = 1_700_000_000


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("HOOKSEAL_SECRET", SECRET)


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload with space.json"
    path.write_bytes(BODY)
    return str(path)


@pytest.fixture
def stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(BODY)))


def headers(text):
    return dict(line.split(": ", 1) for line in text.splitlines())


def verify_arguments(signed, payload, *more):
    lines = [word for name, value in signed.items() for word in ("-H", f"{name}: {value}")]
    return ["verify", *lines, *more, payload]


def test_sign_prints_headers_that_verify(payload, capsys):
    assert main(["sign", payload]) == 0
    signed = headers(capsys.readouterr().out)
    event = Verifier(SECRET).verify(signed, BODY)
    assert event.id.startswith("msg_")


def test_sign_takes_id_timestamp_secret_and_standard_input(stdin, capsys):
    arguments = ["--id", "evt_1", "--timestamp", str(NOW), "--secret", OTHER_SECRET, "-"]
    assert main(["sign", *arguments]) == 0
    signed = headers(capsys.readouterr().out)
    event = Verifier(OTHER_SECRET).verify(signed, BODY, now=NOW)
    assert (event.id, event.timestamp) == ("evt_1", NOW)


def test_sign_prints_a_curl_command_that_a_shell_understands(payload, capsys):
    assert main(["sign", "--curl", "https://example.com/a?b=1&c=2", payload]) == 0
    words = shlex.split(capsys.readouterr().out)
    assert words[:5] == ["curl", "-sS", "-X", "POST", "https://example.com/a?b=1&c=2"]
    assert words[-2:] == ["--data-binary", f"@{payload}"]
    given = dict(word.split(": ", 1) for flag, word in pairwise(words) if flag == "-H")
    assert given.pop("content-type") == "application/json"
    assert Verifier(SECRET).verify(given, BODY)


def test_sign_makes_no_curl_command_of_a_body_that_is_gone(capsys):
    assert main(["sign", "--curl", "https://example.com/", "-"]) == 2
    assert "name a file" in capsys.readouterr().err


def test_verify_says_what_was_verified(payload, capsys):
    main(["sign", "--id", "evt_1", "--timestamp", str(NOW), payload])
    signed = headers(capsys.readouterr().out)
    assert main(verify_arguments(signed, payload, "--at", str(NOW + 299))) == 0
    assert capsys.readouterr().out == f"verified: evt_1, signed at {NOW}, {len(BODY)} bytes\n"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--at", str(NOW), "--secret", OTHER_SECRET], "signature_invalid (401)"),
        (["--at", str(NOW + 301)], "timestamp_too_old (401)"),
        (["--at", str(NOW + 11), "--tolerance", "10"], "timestamp_too_old (401)"),
        ([], "timestamp_too_old (401)"),
    ],
)
def test_a_refusal_has_status_1_and_says_why(payload, capsys, more, code):
    main(["sign", "--timestamp", str(NOW), payload])
    signed = headers(capsys.readouterr().out)
    assert main(verify_arguments(signed, payload, *more)) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"refused: {code}: ")


def test_a_header_missing_is_a_refusal(payload, capsys):
    assert main(["verify", payload]) == 1
    assert "header_missing (400): The header webhook-id is missing." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sign", "/no/such/file"], "No such file or directory"),
        (["sign", "--secret", "nonsense", "PAYLOAD"], "secrets: the secret has no known prefix"),
        (["sign", "--id", "a.b", "PAYLOAD"], "event_id: 'a.b'"),
        (["verify", "-H", "no colon", "PAYLOAD"], "-H 'no colon': write it as 'name: value'"),
        (["verify", "--tolerance", "0", "PAYLOAD"], "tolerance: 0"),
        (["secret", "--bytes", "8"], "size: 8 bytes"),
    ],
)
def test_what_cannot_be_run_has_status_2_and_says_why(payload, capsys, arguments, says):
    words = [payload if word == "PAYLOAD" else word for word in arguments]
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("hookseal: ")
    assert says in said.err
    assert "nonsense" not in said.err


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_secret_it_says_where_to_put_one(payload, capsys, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("HOOKSEAL_SECRET")
    else:
        monkeypatch.setenv("HOOKSEAL_SECRET", value)
    assert main(["sign", payload]) == 2
    assert "set HOOKSEAL_SECRET, or give --secret whsec_..." in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--bytes", "64"]])
def test_secret_prints_one_that_can_be_used(capsys, more):
    assert main(["secret", *more]) == 0
    Verifier(capsys.readouterr().out.strip())


@pytest.mark.parametrize("arguments", [[], ["dance"], ["sign"], ["sign", "--timestamp", "x", "-"]])
def test_arguments_that_are_wrong_have_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: hookseal" in capsys.readouterr().err


def test_it_is_installed_as_a_command(payload):
    script = "import sys; from hookseal.cli import main; sys.exit(main())"
    signed = subprocess.run(
        [sys.executable, "-c", script, "sign", "-"], input=BODY, capture_output=True, check=True
    )
    assert Verifier(SECRET).verify(headers(signed.stdout.decode()), BODY)
