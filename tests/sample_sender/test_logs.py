"""Log lines: what is in them, and what never is."""

import io
import json
import logging
import re
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookseal import generate_secret
from hookseal_sender import logs
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.tokens import TokenKey

FORMATTERS = [logs.JsonFormatter(), logs.TextFormatter()]
TOKEN = TokenKey(b"k" * 32).issue(Scope(org_id=DEFAULT_ORGANISATION), now=1_800_000_000)


def record(message, *args, exc_info=None, **extra):
    made = logging.LogRecord("hookseal_sender.x", logging.INFO, "x.py", 1, message, args, exc_info)
    made.created = 1_800_000_000.0625
    vars(made).update(extra)
    return made


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


@pytest.fixture
def root():
    """Put the root logger back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logging.captureWarnings(capture=False)
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_a_json_line_has_time_level_logger_message_and_ids():
    line = logs.JsonFormatter().format(
        record("attempt %s", "failed", app_id="app_1", msg_id="msg_1", attempt_id=None, body="{}")
    )
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.062Z",
        "level": "info",
        "logger": "hookseal_sender.x",
        "message": "attempt failed",
        "app_id": "app_1",
        "msg_id": "msg_1",
    }


def test_a_text_line_reads_well():
    line = logs.TextFormatter().format(record("attempt failed", endpoint_id="ep_1"))
    assert line == (
        "2027-01-15T08:00:00.062Z INFO hookseal_sender.x attempt failed endpoint_id=ep_1"
    )


def test_a_text_line_names_an_id_once():
    line = logs.TextFormatter().format(
        record("attempt of %s failed", "msg_1", app_id="app_1", msg_id="msg_1")
    )
    assert line.endswith(" attempt of msg_1 failed app_id=app_1")


def test_an_exception_is_one_field_and_the_line_stays_one():
    line = logs.JsonFormatter().format(record("broken", exc_info=raised(KeyError("no\nsuch"))))
    assert "\n" not in line
    assert json.loads(line)["exception"].startswith("Traceback (most recent call last)")
    text = logs.TextFormatter().format(record("broken", exc_info=raised(KeyError("x"))))
    assert text.splitlines()[-1] == "KeyError: 'x'"


def test_a_stack_is_shown_and_no_exception_is_none():
    stacked = record("here", exc_info=(None, None, None), stack_info="Stack:\n  here")
    assert json.loads(logs.JsonFormatter().format(stacked))["exception"] == "Stack:\n  here"


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    "private",
    [
        pytest.param(generate_secret(), id="generated"),
        "whsk_" + "A" * 43 + "=",
        TOKEN,
        f"Bearer {TOKEN}",
        "authorization: bearer opaque-token",
        "postgresql://hookseal:hunter2@db/hookseal",
        "postgresql:///hookseal?host=/tmp&sslpassword=hunter2",
    ],
)
def test_what_looks_like_a_secret_or_a_token_is_blotted_out(formatter, private):
    hidden = re.split(r"[ :_@]|word=", private.replace("@db/hookseal", ""))[-1]
    for line in (
        formatter.format(record("given %s", private)),
        formatter.format(record("failed", exc_info=raised(ValueError(private)))),
    ):
        assert hidden not in line
        assert "[removed]" in line


@pytest.mark.parametrize("formatter", FORMATTERS)
@given(st.text(st.characters()), st.text(st.characters()))
def test_no_text_makes_a_second_line(formatter, message, name):
    line = formatter.format(record("%s", message, app_id=name))
    assert line.isprintable()


def test_only_known_extras_are_written():
    assert "hunter2" not in logs.TextFormatter().format(record("x", password="hunter2"))


@pytest.mark.parametrize(("form", "starts"), [("json", '{"time": "'), ("text", "20")])
def test_configure_sends_everything_to_one_stream(form, starts, root):
    stream = io.StringIO()
    logs.configure(form, "warning", stream=stream)
    logging.getLogger("any").info("too fine")
    logging.getLogger("any").warning("seen")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(capture=True)
        warnings.warn("from a library", UserWarning, stacklevel=1)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.startswith(starts) for line in lines)
    assert "from a library" in lines[1]


def test_configure_writes_to_standard_error(root, capsys):
    logs.configure("text", "info")
    logging.getLogger("any").info("hello")
    assert capsys.readouterr().err.endswith("INFO any hello\n")
