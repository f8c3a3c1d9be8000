"""What is in deploy/ uses flags, settings and probes that there are."""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from hookseal_sender.cli import make_parser
from hookseal_sender.config import SETTINGS, load
from hookseal_sender.running.server import _GRACE

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
UNITS = sorted(DEPLOY.glob("*.service"))
VARIABLE = re.compile(r"\bHOOKSEAL_[A-Z_]+")
KNOWN = {setting.env for setting in SETTINGS}
PROGRAM = "/opt/hookseal/bin/hookseal-sender"


class Unit(configparser.RawConfigParser):
    """A unit, whose options keep their case and may be given more than once."""

    def __init__(self, path):
        super().__init__(strict=False, delimiters=["="], comment_prefixes=["#"])
        self.optionxform = str
        self.read(path)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_is_one_of_the_senders(path):
    assert set(VARIABLE.findall(path.read_text())) <= KNOWN


def test_compose_runs_commands_that_there_are(services):
    ours = {name: each for name, each in services.items() if name != "postgres"}
    assert set(ours) == {"migrate", "api", "worker", "token"}
    for name, each in ours.items():
        assert make_parser().parse_args(each["command"]).command.name == name
        assert each["read_only"]
        assert each["cap_drop"] == ["ALL"]
        assert set(each["environment"]) <= KNOWN
        assert each["env_file"] == ".env", "a setting that is written there does something"


def test_compose_migrates_before_anything_runs_and_asks_whether_it_is_ready(services):
    for name, port in {"api": "8071", "worker": "9108"}.items():
        assert services[name]["deploy"]["replicas"] == 2
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }
        assert f"127.0.0.1:{port}/health/ready" in " ".join(services[name]["healthcheck"]["test"])
    assert services["worker"]["environment"]["HOOKSEAL_METRICS_PORT"] == "9108"
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_compose_asks_for_what_the_example_of_an_environment_lists():
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    listed = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert asked == listed


def test_the_example_of_an_environment_gives_no_setting_an_empty_value():
    lines = (DEPLOY / "env.example").read_text().splitlines()
    given = dict(line.removeprefix("# ").partition("=")[::2] for line in lines if "=" in line)
    assert {"HOOKSEAL_PUBLIC_URL", "HOOKSEAL_TRUSTED_PROXIES"} <= set(given)
    to_be_filled_in = {"HOOKSEAL_TOKEN_KEY", "HOOKSEAL_ENCRYPTION_KEY", "POSTGRES_PASSWORD"}
    assert {name for name, value in given.items() if not value} == to_be_filled_in


def test_a_stop_has_the_time_that_the_longest_takes(services):
    longest = _GRACE + load(argparse.Namespace(), {}, warn=pytest.fail).request_timeout
    for unit in UNITS:
        assert int(Unit(unit)["Service"]["TimeoutStopSec"]) > longest
    for name in ("api", "worker"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > longest


def test_the_source_distribution_holds_what_the_pages_name():
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())
    sdist = project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert {"deploy", "docs", "examples", "tests"} <= set(sdist)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_there_is_and_is_shut_in(path):
    service = Unit(path)["Service"]
    for option in ("ExecStart", "ExecStartPre"):
        program, *arguments = shlex.split(service.get(option, f"{PROGRAM} migrate"))
        assert program == PROGRAM
        assert make_parser().parse_args([each.replace("%i", "1") for each in arguments])
    for option in ("DynamicUser", "NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateUsers"):
        assert service[option] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_a_unit(path, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not here")
    unit = tmp_path / path.name.replace("@", "@1")
    unit.write_text(path.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_runs_as_nobody_in_particular_and_holds_only_what_it_needs():
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--" not in line]
    allowed = {
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert {source for sources in copied for source in sources} == allowed
    assert all((DEPLOY.parent / source).exists() for source in allowed)
    assert "USER 65532" in lines
    assert lines[-2:] == ['ENTRYPOINT ["hookseal-sender"]', 'CMD ["serve"]']
