"""The package as it is imported: what it offers and what it does not drag in."""

import importlib
import json
import os
import pkgutil
import runpy
import subprocess
import sys
from importlib import resources

import pytest

import hookseal
from hookseal import errors, tokens

OF_A_PROJECT = ("hookseal.inbox.django.models", "hookseal.inbox.django.migrations.0")
"""What only Django imports, in a project that has settings."""
MODULES = [
    "hookseal",
    *(
        module.name
        for module in pkgutil.walk_packages(hookseal.__path__, "hookseal.")
        if not module.name.startswith(OF_A_PROJECT)
    ),
]
HEAVY = {
    "aiohttp",
    "cryptography",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "httpx2",
    "opentelemetry",
    "prometheus_client",
    "pytest",
    "redis",
    "sqlalchemy",
    "starlette",
    "uvicorn",
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_lists_its_public_names(name):
    module = pytest.importorskip(name, exc_type=ImportError)  # some are of an extra
    assert module.__all__ == sorted(set(module.__all__))
    for public in module.__all__:
        assert hasattr(module, public)


def in_a_new_process(statement):
    script = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize(
    "statement",
    [
        "import hookseal",
        "import hookseal.asgi",
        "import hookseal.wsgi",
        "import hookseal.testing",
        "from hookseal import generate_secret, Verifier; Verifier(generate_secret())",
    ],
)
def test_importing_brings_in_no_framework_and_no_cryptography(statement):
    assert in_a_new_process(statement).isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("hookseal", ["ConfigError", "Signer", "Verifier", "WebhookError"]),
        ("hookseal.asgi", ["WebhookMiddleware"]),
        ("hookseal.wsgi", ["WebhookMiddleware"]),
    ],
)
def test_the_promised_names_are_there(module, names):
    assert set(names) <= set(importlib.import_module(module).__all__)


def test_types_are_for_everybody():
    assert resources.files("hookseal").joinpath("py.typed").is_file()


REFUSALS = [
    error
    for error in map(vars(errors).get, errors.__all__)
    if issubclass(error, errors.WebhookError)
]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_refusal_has_a_code_and_a_status_of_its_own_kind(error):
    assert error.code.isidentifier()
    assert 400 <= error.status_hint < 600
    assert error.status_hint not in {410, 425}  # a sender would give the endpoint up
    assert error.title.endswith(".")
    assert error.__doc__


def test_codes_are_not_shared():
    codes = {error.code: error for error in REFUSALS}
    in_flight = issubclass(errors.DeliveryConflict, errors.DeliveryInFlight)
    assert len(codes) == len(REFUSALS) - in_flight


def test_all_errors_have_one_root():
    assert issubclass(errors.ConfigError, errors.HooksealError)
    assert issubclass(errors.WebhookError, errors.HooksealError)
    assert not issubclass(errors.ConfigError, errors.WebhookError)


# --- tokens, white-box: nothing else can tell two processes' claims apart ---------------------


def test_tokens_are_never_given_twice():
    assert len({tokens.new_token() for _ in range(1000)}) == 1000
    assert len(tokens.new_token()) == 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_gives_tokens_of_its_own():
    script = """if True:
        import os
        from hookseal.tokens import new_token
        new_token()
        child = os.fork()
        os.write(1, new_token().hex().encode() + b" ")
        if child:
            os.waitpid(child, 0)
        else:
            os._exit(0)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    one, other = done.stdout.split()
    assert one[:16] != other[:16]


def test_starting_again_leaves_what_was_given_behind():
    before = tokens.new_token()
    tokens._start_again()
    assert tokens.new_token()[:8] != before[:8]


def test_a_system_that_cannot_fork_needs_nothing(monkeypatch):
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    assert runpy.run_path(tokens.__file__)["new_token"]()
