"""``hookseal listen`` as a process, and its arguments."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hookseal import Signer, cli
from hookseal.asgi import WebhookMiddleware
from hookseal_receiver.listen import main
from hookseal_receiver.play import listening
from tests.ports import free_port
from tests.receiver.play.conftest import SECRET, Server


@pytest.fixture(autouse=True)
def no_secret_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("HOOKSEAL_SECRET", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def listen():
    running = []

    def start(*arguments, secret=SECRET):
        process = subprocess.Popen(
            [sys.executable, "-m", "hookseal_receiver.listen", *arguments],
            env={**os.environ, "HOOKSEAL_SECRET": secret},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def url_of(process):
    return process.stdout.readline().split()[-1]


def signed(body=b'{"type":"t"}', event_id="msg_1"):
    return Signer(SECRET).headers(event_id, int(time.time()), body)


def send(url, body=b'{"type":"t"}', **more):
    return httpx2.post(url, content=body, headers=signed(body, **more), timeout=20)


@pytest.mark.acceptance
def test_requests_go_on_to_a_real_app_unchanged_and_its_answers_come_back(listen):
    async def handle(request: Request) -> Response:
        return Response(b"done", 201, headers={"x-path": str(request.url.path)})

    inner = Starlette(routes=[Route("/hooks/{rest:path}", handle, methods=["POST"])])
    app = WebhookMiddleware(inner, secrets=SECRET, allow_insecure_peers=["127.0.0.1", "::1"])
    server = Server(app)
    base = server.__enter__()
    process = listen("--port", "0", "--forward", f"{base}/hooks", "--exit-after", "3")
    url = url_of(process)

    first = send(f"{url}/sub?x=1")
    assert (first.status_code, first.text, first.headers["x-path"]) == (201, "done", "/hooks/sub")
    again = send(f"{url}/sub?x=1")
    assert again.headers["webhook-replayed"] == "true"
    server.__exit__()
    down = send(f"{url}/sub", event_id="msg_2")
    assert down.status_code == 502

    shown, errors = process.communicate(timeout=20)
    lines = [line for line in shown.splitlines() if line.startswith("#")]
    assert process.returncode == 0, errors
    assert "POST /sub?x=1" in lines[0]
    assert "-> 201 in" in lines[0]
    assert "verified: Every check passed." in lines[0]
    assert "repeat:" in lines[1]
    assert "No connection: nothing answers" in lines[2]
    assert SECRET not in shown + errors
    assert '"type"' not in shown + errors


@pytest.mark.acceptance
def test_who_reaches_the_port_gets_no_inspector_to_send_from_here_with(listen):
    process = listen("--port", "0")
    base = url_of(process).partition("/in/")[0]
    view = url_of(process)

    with httpx2.Client(base_url=base, timeout=20) as stranger:
        assert stranger.post("/api/v1/token/generate/").status_code == 403
        assert stranger.post("/").status_code == 403
        assert "which prints its addresses" in stranger.get("/").text
        assert stranger.get(view).status_code == 200


@pytest.mark.acceptance
def test_json_lines_for_scripts(listen):
    process = listen("--json", "--once", "--port", "0")
    started = json.loads(process.stdout.readline())
    send(started["listening"])
    shown, _ = process.communicate(timeout=20)
    (line,) = map(json.loads, shown.splitlines())

    assert line["verdict"]["outcome"] == "verified"
    assert line["response"]["status_code"] == 200
    assert process.returncode == 0


@pytest.mark.acceptance
def test_a_name_keeps_its_url_and_what_came_before(listen, free):
    seen = []
    for _ in range(2):
        process = listen("--name", "orders", "--port", str(free))
        url, view = url_of(process), url_of(process)
        send(url)
        seen.append((url, view, httpx2.get(view).text.count('class="line"') // 2))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    assert seen[0][:2] == seen[1][:2]
    assert [count for *_, count in seen] == [1, 2]
    assert seen[0][0] == f"http://127.0.0.1:{free}/in/orders"


def test_its_inspector_does_not_expire_while_it_is_served(monkeypatch, capsys):
    kept = []

    @asynccontextmanager
    async def expiring(play, *, keep):
        kept.append(play.capture_url(keep, ""))
        yield

    async def serve(*_):
        assert len(kept) == 1

    monkeypatch.setattr(listening, "expiring", expiring)
    monkeypatch.setattr(listening.uvicorn.Server, "serve", serve)
    assert main(["--port", "0"]) == 0
    assert kept[0] in capsys.readouterr().out


@pytest.fixture
def free():
    return free_port()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--forward", "ftp://x"], "must begin with http"),
        (["--name", "Not Good"], "name:"),
        (["--store", "/nowhere/x.db"], "cannot be used"),
        (["--store", ":memory:", "--name", "x y"], "name:"),
    ],
)
def test_what_cannot_be_used_is_one_line(arguments, says, capsys):
    assert main(["--port", "0", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_bad_secret_is_said_without_it(monkeypatch, capsys):
    monkeypatch.setenv("HOOKSEAL_SECRET", "sk_live_verysecret")

    assert main(["--port", "0"]) == 2
    error = capsys.readouterr().err
    assert "secrets" in error
    assert "verysecret" not in error


def test_the_secret_may_be_typed(monkeypatch, capsys):
    monkeypatch.setattr("getpass.getpass", lambda _: "whsec_dHlwZWQ=")
    assert main(["--ask-secret"]) == 2
    assert "24 to 64" in capsys.readouterr().err

    def ended(_):
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ended)
    assert main(["--ask-secret"]) == 2
    assert "HOOKSEAL_SECRET" in capsys.readouterr().err


def test_a_port_in_use_is_one_line(free, capsys):
    with socket.create_server(("127.0.0.1", free)):
        assert main(["--port", str(free)]) == 2
    assert f"127.0.0.1:{free}" in capsys.readouterr().err


def test_a_host_that_is_none_of_this_machine_is_told(capsys):
    assert main(["--host", "no.such.host.invalid"]) == 2
    said = capsys.readouterr().err
    assert "cannot listen on no.such.host.invalid: " in said
    assert "--host" in said


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port", "70000"], ["--exit-after", "0"]])
def test_a_number_out_of_range_is_refused(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for words in ("--forward", "--once --json", "exit status", "HOOKSEAL_SECRET"):
        assert words in shown
    assert "--secret " not in shown


def points(value):
    return lambda **_: [EntryPoint("listen", value, "hookseal.commands")]


def test_hookseal_finds_the_command_by_its_entry_point(monkeypatch, capsys):
    monkeypatch.setattr(cli, "entry_points", points("hookseal_receiver.listen:main"))

    assert cli.main(["listen", "--name", "N o"]) == 2
    assert "hookseal listen: name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "listen" in capsys.readouterr().out


def test_an_extra_that_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(cli, "entry_points", points("no_such_package:main"))

    assert cli.main(["listen"]) == 2
    assert "pip install 'hookseal[play]'" in capsys.readouterr().err
