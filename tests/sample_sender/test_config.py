"""Settings: where values come from, what is refused, and that each is described."""

import argparse
import contextlib
import dataclasses
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal_sender.config import SETTINGS, Setting, Settings, add_flags, load, settings_of
from hookseal_sender.config.catalogue import TOPICS
from hookseal_sender.errors import StartError

COMMANDS = ("serve", "api", "worker", "migrate", "token", "status")
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
KEYS = ("new-" * 8, "old-" * 10)
SEALING = ("seal-new" * 4, "seal-old" * 4)


def settings(*arguments, **environment):
    parser = argparse.ArgumentParser()
    add_flags(parser, SETTINGS)
    warnings = []
    found = load(parser.parse_args(arguments), environment, warn=warnings.append)
    assert not warnings
    return found


@pytest.fixture
def config_file(tmp_path):
    """Write a config file that its owner only may read; return its path as text."""

    def write(text):
        path = tmp_path / "sender.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return str(path)

    return write


def test_the_defaults_are_the_documented_ones():
    found = settings()
    assert found == Settings(
        config=None,
        database_url="sqlite:///hookseal.db",
        database_pool=8,
        token_key=(),
        encryption_key=(),
        host="127.0.0.1",
        port=8071,
        public_url="http://127.0.0.1:8071",
        api_rate_limit="5000/second",
        max_body=2_097_152,
        default_plan="enterprise",
        contact="",
        console=True,
        frame_origins=(),
        play_store=None,
        trusted_proxies=(),
        https_only=False,
        allow_networks=(),
        retry_schedule=(5, 300, 1800, 7200, 18000, 36000, 36000),
        request_timeout=20,
        max_in_flight=200,
        max_in_flight_per_endpoint=10,
        disable_after=432_000,
        retention=90,
        metrics_host="127.0.0.1",
        metrics_port=0,
        log_format="text",
        log_level="info",
    )


def test_a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default(config_file):
    path = config_file("port = 9000\n")
    assert settings("--config", path).port == 9000
    assert settings(HOOKSEAL_CONFIG=path).port == 9000
    assert settings("--config", path, HOOKSEAL_PORT="9001").port == 9001
    assert settings("--config", path, "--port", "9002", HOOKSEAL_PORT="9001").port == 9002


def test_a_file_may_use_the_types_of_toml(config_file):
    path = config_file(
        """
        database_url = "sqlite:////var/lib/hookseal/hookseal.db"
        https_only = true
        retry_schedule = [5, 60.5]
        allow_networks = ["10.0.0.0/8", "fd00::/8"]
        api_rate_limit = ""
        """
    )
    found = settings("--config", path)
    assert found.database_url == "sqlite:////var/lib/hookseal/hookseal.db"
    assert found.https_only is True
    assert found.retry_schedule == (5, 60.5)
    assert [str(each) for each in found.allow_networks] == ["10.0.0.0/8", "fd00::/8"]
    assert found.api_rate_limit == ""
    assert str(found.config) == path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prot = 1", "'prot' is not a setting; did you mean 'port'?"),
        ("database-url = 1", "did you mean 'database_url'?"),
        ("zzzzzz = 1", "known are database_url, database_pool"),
        ('config = "other.toml"', "'config' is not a setting"),
        ("[table]\nport = 1", "'table' is not a setting"),
        ("port = {}", "port: write a text, a number, true, false or a list"),
        ("port = 0", "config file: port: '0' cannot be used: write a whole number from 1"),
        ("token_key = 'hunter2'", "config file: token_key: the value cannot be used"),
        ("token_key = hunter2", "it is not TOML: see line 1, column 13"),
        ("port = '''hunter2", "it is not TOML: see"),
        ("[a]\n[a]", "it is not TOML: see line 2"),
    ],
)
def test_a_wrong_file_is_named_with_the_fix(config_file, content, message):
    with pytest.raises(StartError) as caught:
        settings("--config", config_file(content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(StartError, match=f"config file {path}: {reason}"):
            settings("--config", str(path))
    path = tmp_path / "bytes"
    path.write_bytes(b"port = '\xff'")
    with pytest.raises(StartError, match="not TOML in UTF-8"):
        settings("--config", str(path))


@given(st.text())
def test_any_file_is_settings_or_one_clear_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(StartError):
        assert settings("--config", str(path))


@pytest.mark.parametrize(
    ("content", "mode", "warns"),
    [
        (f"token_key = '{KEYS[0]}'", 0o644, True),
        (f"token_key = '{KEYS[0]}'", 0o640, False),
        ("database_url = 'postgresql://hookseal:hunter2@db/hookseal'", 0o644, True),
        ("database_url = 'postgresql://hookseal@db/hookseal?password=hunter2'", 0o644, True),
        ("database_url = 'postgresql://hookseal@db/hookseal'", 0o644, False),
    ],
)
def test_a_secret_in_a_file_that_anybody_may_read_is_warned_of(config_file, content, mode, warns):
    path = config_file(content)
    Path(path).chmod(mode)
    warnings = []
    load(argparse.Namespace(config=path), {}, warn=warnings.append)
    assert bool(warnings) is warns
    if warns:
        assert warnings == [
            f"config file {path}: any user may read the secrets in it; run: chmod o-r {path}"
        ]


def test_several_keys_are_given_newest_first_and_not_shown():
    found = settings(
        HOOKSEAL_TOKEN_KEY=f" {KEYS[0]}, {KEYS[1]} ",
        HOOKSEAL_ENCRYPTION_KEY=",".join(SEALING),
        HOOKSEAL_DATABASE_URL="postgresql://hookseal:hunter2@db/hookseal",
    )
    assert (found.token_key, found.encryption_key) == (KEYS, SEALING)
    for secret in (*KEYS, *SEALING, "hunter2"):
        assert secret not in repr(found)


def test_one_key_is_not_for_tokens_and_for_secrets():
    with pytest.raises(StartError, match="the same key is in both") as caught:
        settings(HOOKSEAL_TOKEN_KEY=",".join(KEYS), HOOKSEAL_ENCRYPTION_KEY=KEYS[1])
    assert KEYS[1] not in str(caught.value)


def test_a_switch_needs_no_value():
    assert settings("--https-only").https_only
    assert settings("--https-only", "false", HOOKSEAL_HTTPS_ONLY="true").https_only is False
    assert settings(HOOKSEAL_HTTPS_ONLY="On").https_only


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (["--host", "::1"], "http://[::1]:8071"),
        (["--host", "0.0.0.0"], "http://127.0.0.1:8071"),
        (["--host", "::", "--port", "80"], "http://[::1]:80"),
        (["--public-url", "https://hooks.example.com/svc/"], "https://hooks.example.com/svc"),
    ],
)
def test_the_public_url_is_made_of_host_and_port_unless_given(arguments, url):
    assert settings(*arguments).public_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOOKSEAL_PORT", "0"), ("HOOKSEAL_PORT", "70000"), ("HOOKSEAL_PORT", "http"),
        ("HOOKSEAL_PORT", ""), ("HOOKSEAL_PORT", "9" * 5000), ("HOOKSEAL_HOST", " "),
        ("HOOKSEAL_ALLOW_NETWORKS", "10.0.0.1/8"), ("HOOKSEAL_ALLOW_NETWORKS", "private"),
        ("HOOKSEAL_RETRY_SCHEDULE", "5,soon"), ("HOOKSEAL_RETRY_SCHEDULE", "5,0"),
        ("HOOKSEAL_RETRY_SCHEDULE", ""), ("HOOKSEAL_REQUEST_TIMEOUT", "nan"),
        ("HOOKSEAL_REQUEST_TIMEOUT", "0"), ("HOOKSEAL_REQUEST_TIMEOUT", "-1"),
        ("HOOKSEAL_MAX_IN_FLIGHT", "1.5"), ("HOOKSEAL_DISABLE_AFTER", "-1"),
        ("HOOKSEAL_DISABLE_AFTER", "inf"), ("HOOKSEAL_HTTPS_ONLY", "maybe"),
        ("HOOKSEAL_LOG_FORMAT", "xml"), ("HOOKSEAL_LOG_LEVEL", ""),
        ("HOOKSEAL_API_RATE_LIMIT", "many"), ("HOOKSEAL_API_RATE_LIMIT", "0/second"),
        ("HOOKSEAL_API_RATE_LIMIT", "1/second;" * 50), ("HOOKSEAL_DEFAULT_PLAN", "a b"),
        ("HOOKSEAL_CONTACT", "two\nlines"), ("HOOKSEAL_CONTACT", "x" * 201),
        ("HOOKSEAL_PUBLIC_URL", "example.com"), ("HOOKSEAL_PUBLIC_URL", "ftp://example.com"),
        ("HOOKSEAL_PUBLIC_URL", "https://a@example.com"), ("HOOKSEAL_PUBLIC_URL", "http://[x"),
        ("HOOKSEAL_PUBLIC_URL", "https://"), ("HOOKSEAL_MAX_BODY", "10"),
        ("HOOKSEAL_RETENTION", "0"), ("HOOKSEAL_METRICS_PORT", "65536"),
        ("HOOKSEAL_CONSOLE", ""), ("HOOKSEAL_FRAME_ORIGINS", "app.example.com"),
        ("HOOKSEAL_FRAME_ORIGINS", "https://a.example/x"), ("HOOKSEAL_FRAME_ORIGINS", "*"),
        ("HOOKSEAL_FRAME_ORIGINS", "https://a.example; script-src *"),
        ("HOOKSEAL_TRUSTED_PROXIES", "proxy.internal"), ("HOOKSEAL_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("HOOKSEAL_DATABASE_URL", "sqlite:///x.db?nosuch=1"),
        ("HOOKSEAL_DATABASE_URL", "sqlite:///x.db?mode=ro"),
        ("HOOKSEAL_TOKEN_KEY", "k" * 40), ("HOOKSEAL_ENCRYPTION_KEY", f"{KEYS[0]},{'k' * 32}"),
    ],
)  # fmt: skip
def test_a_bad_value_names_the_setting_and_what_to_write(name, value):
    with pytest.raises(StartError, match=f"^{name}: .* cannot be used: ") as caught:
        settings(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("disable_after", "0", 0), ("api_rate_limit", "", ""), ("api_rate_limit", "10/minute",
        "10/minute"), ("metrics_port", "0", 0), ("log_format", "JSON", "json"),
        ("contact", "sales@example.com", "sales@example.com"), ("default_plan", "free", "free"),
        ("console", "off", False), ("play_store", "play.db", Path("play.db")),
        ("trusted_proxies", "10.0.0.7", (ip_network("10.0.0.7/32"),)),
        ("frame_origins", "https://a.example, http://b.example:8080,", ("https://a.example",
        "http://b.example:8080")),
    ],
)  # fmt: skip
def test_values_at_the_edge_are_good(name, value, found):
    assert getattr(settings(**{f"HOOKSEAL_{name.upper()}": value}), name) == found


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:hun@ter2@h/x", "postgresql://u:hun/ter2@h/x", "postgresql://u:hun?ter2@h/x",
     "postgresql://u:hun#ter2@h/x", "postgres://u:hun:ter2@h:port/x", "postgresql:u:hunter2@h"],
)  # fmt: skip
def test_a_database_url_that_could_be_read_otherwise_is_refused_and_not_shown(url):
    with pytest.raises(StartError, match=r"^HOOKSEAL_DATABASE_URL: the value .* %40 for") as caught:
        settings(HOOKSEAL_DATABASE_URL=url)
    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:%40%2F%3F:x@h.example.com:5432/x?sslmode=require&application_name=a@b",
     "postgresql://[::1]/x", "postgres:///x?host=/run/postgresql", "postgresql+psycopg://u:@h",
     "postgresql://postgres:@/postgres?host=/tmp/a:b", "sqlite:////var/lib/a@b/c.db"],
)  # fmt: skip
def test_a_database_url_is_taken_as_it_is(url):
    assert settings(HOOKSEAL_DATABASE_URL=url).database_url == url


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HOOKSEAL_PROT", "HOOKSEAL_PORT"), ("HOOKSEAL_ALLOW_NETWORK", "HOOKSEAL_ALLOW_NETWORKS"),
        ("HOOKSEAL_SECRET", None), ("HOOKSEAL_BENCHMARK_CORES", None), ("PORT", None),
        ("HOOKSEAL_HOST", None),
    ],
)  # fmt: skip
def test_a_misspelt_variable_is_warned_of(variable, meant):
    warnings = []
    load(argparse.Namespace(), {variable: "x"}, warn=warnings.append)
    words = f"{variable} is not a setting; did you mean {meant}?"
    assert warnings == ([words] if meant else [])


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


def test_every_value_has_a_setting_and_every_setting_a_value():
    assert [each.name for each in SETTINGS] == [each.name for each in dataclasses.fields(Settings)]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_documented_and_can_be_given(setting: Setting):
    page = (REFERENCE / "sender-settings.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{setting.env}` |"))
    assert setting.help in row
    assert f"`{setting.default or 'none'}`" in row
    assert (f"`{setting.flag}`" in row) is not setting.secret
    for command in setting.commands:
        assert f"`{command}`" in row
    assert setting.env.startswith("HOOKSEAL_")
    assert setting.topic in TOPICS
    assert set(setting.commands) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_flags_for_its_settings_only(command):
    parser = argparse.ArgumentParser(prog=command)
    add_flags(parser, settings_of(command))
    help_text = parser.format_help()
    for setting in SETTINGS:
        used = command in setting.commands
        assert (f"{setting.flag} " in help_text) is (used and not setting.secret), setting.name
        assert (setting.env in help_text) is used
