"""The sender's commands as real processes: starting, stopping, and faults in one line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import time

import httpx2
import pytest

from hookseal_sender.model import DeliveryState
from tests import ports
from tests.acceptance.sender_process import PATIENCE, Endpoint, publish_to, run, running
from tests.stores.servers import needs, postgresql_url, unavailable

pytestmark = pytest.mark.acceptance
ONE_SUCCEEDED = [(DeliveryState.SUCCEEDED, 1)]
KEYS = {"token_key": "signing-" * 4, "encryption_key": "sealing-" * 4}


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'sender.db'}"


@pytest.fixture
def postgresql(tmp_path):
    """Settings for an empty database of a real PostgreSQL."""
    url = postgresql_url()
    name = f"commands_{time.time_ns()}"
    with contextlib.closing(needs("psycopg").connect(url, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return {"database_url": url.replace("/postgres?", f"/{name}?"), **KEYS}


def assert_one_line(finished, message, status=2):
    assert message in finished.stderr
    assert finished.stderr.startswith("hookseal-sender: ")
    assert finished.stderr.count("\n") == 1
    assert finished.returncode == status


def wait_until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_in_use(sqlite_url):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = run("serve", "--port", port, database_url=sqlite_url)
    assert_one_line(finished, f"cannot listen on 127.0.0.1 port {port}: Address already in use")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////no/such/folder/x.db", "is the folder writable?"),
        ("sqlite:///{tmp_path}", "database"),
        ("mysql://user@host/name", "'mysql' is not supported"),
        ("not a url", "this is not a URL"),
        ("sqlite://", "name a file"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_cannot_be_used(command, url, message, tmp_path, free_port):
    url = url.format(tmp_path=tmp_path)
    finished = run(command, database_url=url, port=str(free_port), **KEYS)
    assert_one_line(finished, message)


@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o555), (0o444, 0o755)])
def test_a_database_that_cannot_be_written(sqlite_url, tmp_path, free_port, file_mode, folder_mode):
    settings = {"database_url": sqlite_url, "port": str(free_port), **KEYS}
    assert run("migrate", **settings).returncode == 0
    file = tmp_path / "sender.db"
    file.chmod(file_mode)
    tmp_path.chmod(folder_mode)
    try:
        for command in ("serve", "worker", "migrate"):
            finished = run(command, under=without_privileges(), **settings)
            assert_one_line(finished, "sender.db: this user cannot write it")
    finally:
        tmp_path.chmod(0o755)


def without_privileges():
    """Return what a command is run by so that modes of files hold for root too."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        unavailable("setpriv of util-linux is not here, and this is root")
    return (setpriv, "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")


def test_a_postgresql_that_is_out_of_reach(free_port):
    url = f"postgresql://hookseal:hunter2@127.0.0.1:{ports.free_port()}/hookseal"
    for command in ("serve", "api", "worker", "migrate"):
        finished = run(command, database_url=url, port=str(free_port), **KEYS)
        assert_one_line(finished, "is the server running")
        assert "hunter2" not in finished.stderr
    finished = run("status", database_url=url, **KEYS)
    assert finished.returncode == 1
    assert "is the server running" in finished.stdout


def test_postgresql_without_keys_says_how_to_make_one(postgresql, free_port):
    for command, missing in (("serve", "encryption"), ("token", "token")):
        finished = run(command, database_url=postgresql["database_url"], port=str(free_port))
        assert_one_line(finished, f"set HOOKSEAL_{missing.upper()}_KEY")
        assert "python3 -c 'import secrets" in finished.stderr


def test_a_schema_that_is_not_the_programs(sqlite_url, tmp_path, free_port):
    settings = {"database_url": sqlite_url, "port": str(free_port)}
    for command in ("api", "worker"):
        assert_one_line(run(command, **settings), "run 'hookseal-sender migrate'")
    assert not (tmp_path / "sender.db").exists()
    assert run("migrate", **settings).returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "sender.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in ("serve", "api", "worker", "migrate", "status"):
        assert_one_line(run(command, **settings), "start the newer hookseal-sender")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_serve_makes_its_database_and_keys_and_says_how_to_go_on(tmp_path, free_port, host):
    url = f"sqlite:///{tmp_path}/my.db"
    with running(
        "serve", "--host", host, database_url=url, port=str(free_port), log_format="json"
    ) as sender:
        assert httpx2.get(f"{sender.url}/api/v1/health/ping", trust_env=False).status_code == 204
        assert httpx2.get(f"{sender.url}/health/live", trust_env=False).status_code == 204
        assert httpx2.get(f"{sender.url}/health/ready", trust_env=False).status_code == 200
        assert "hookseal_sender" in httpx2.get(f"{sender.url}/metrics", trust_env=False).text
        command = next(line for line in sender.said if "hookseal-sender token" in line)
        token = run(*command.partition("hookseal-sender ")[2].split()).stdout.split()[-1]
        answer = httpx2.get(
            f"{sender.url}/api/v1/app",
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
        )
        assert answer.status_code == 200
        sender.process.send_signal(signal.SIGINT)
        status, errors = sender.stopped()
    assert status == 0, errors
    assert all(json.loads(line)["time"] for line in errors.splitlines())
    made = {path.name for path in tmp_path.iterdir()}
    assert {"my.db", "my.db.token-key", "my.db.encryption-key"} <= made


def test_sigterm_lets_what_is_under_way_end(sqlite_url, free_port, tmp_path):
    settings = {"database_url": sqlite_url, "port": str(free_port)}
    token = run("token", **settings).stdout.split()[-1]
    with (
        Endpoint().serving() as endpoint,
        running("serve", allow_networks="127.0.0.0/8", **settings) as sender,
    ):
        publish_to(endpoint, sender.url, token)
        assert endpoint.asked.wait(PATIENCE)
        sender.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(free_port))
        assert sender.process.poll() is None, "it waits for the delivery"
        endpoint.answers.set()
        status, errors = sender.stopped()
    assert status == 0, errors
    assert endpoint.bodies == [b'{"id":17}']
    with contextlib.closing(sqlite3.connect(tmp_path / "sender.db")) as database:
        assert database.execute("SELECT state, attempts FROM delivery").fetchall() == ONE_SUCCEEDED
    found = json.loads(run("status", "--json", **settings).stdout)
    assert found["healthy"]
    assert sum(found["deliveries"].values()) == 0, "nothing is left to do"


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_second_signal_ends_it_at_once(sqlite_url, free_port):
    settings = {"database_url": sqlite_url, "port": str(free_port)}
    token = run("token", **settings).stdout.split()[-1]
    with (
        Endpoint().serving() as endpoint,
        running("serve", allow_networks="127.0.0.0/8", **settings) as sender,
    ):
        publish_to(endpoint, sender.url, token)
        assert endpoint.asked.wait(PATIENCE)
        sender.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(free_port))
        sender.process.send_signal(signal.SIGTERM)
        status, _ = sender.stopped()
    assert status == -signal.SIGTERM


def test_api_and_worker_on_postgresql(postgresql, free_port):
    dry = run("migrate", "--dry-run", **postgresql)
    assert "the schema would be made" in dry.stdout
    assert "the schema was made" in run("migrate", **postgresql).stdout
    assert "up to date" in run("migrate", **postgresql).stdout
    token = run("token", **postgresql).stdout.split()[-1]
    health_port = ports.free_port()
    with (
        Endpoint().serving() as endpoint,
        running("api", port=str(free_port), allow_networks="127.0.0.0/8", **postgresql) as api,
        running(
            "worker", metrics_port=str(health_port), allow_networks="127.0.0.0/8", **postgresql
        ) as worker,
    ):
        assert ready(worker).status_code == ready(api).status_code == 200
        assert "hookseal_sender" in httpx2.get(f"{worker.url}/metrics", trust_env=False).text
        publish_to(endpoint, api.url, token)
        assert endpoint.asked.wait(PATIENCE)
        worker.process.send_signal(signal.SIGTERM)
        wait_until(lambda: ready(worker).status_code == 503)
        assert ready(worker).json()["reasons"] == ["draining"]
        endpoint.answers.set()
        assert worker.stopped()[0] == 0
        api.process.send_signal(signal.SIGTERM)
        assert api.stopped()[0] == 0
    found = run("status", **postgresql)
    assert found.returncode == 0, found.stdout
    with contextlib.closing(needs("psycopg").connect(postgresql["database_url"])) as database:
        assert database.execute("SELECT state, attempts FROM delivery").fetchall() == ONE_SUCCEEDED


def test_a_worker_needs_no_port(sqlite_url):
    assert run("migrate", database_url=sqlite_url).returncode == 0
    with running("worker", database_url=sqlite_url) as worker:
        assert worker.said[0] == "Hookseal sender's worker delivers\n"
        worker.process.send_signal(signal.SIGTERM)
        status, errors = worker.stopped()
    assert status == 0, errors


def ready(process):
    return httpx2.get(f"{process.url}/health/ready", trust_env=False, timeout=10)
