"""What ``manage.py check`` says."""

import subprocess
import sys

import pytest

pytest.importorskip("django", reason="Django is not installed")

from django.apps import apps
from django.core import checks

from tests.middleware.django.project import CSRF, MIDDLEWARE
from tests.middleware.support import SECRET

COMMON = "django.middleware.common.CommonMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
FIRST = {"MIDDLEWARE": [MIDDLEWARE, SECURITY, COMMON, CSRF], "HOOKSEAL": {"secrets": SECRET}}


@pytest.fixture
def ids(configured):
    """Runs the checks under changed settings."""

    def run(*, deploy=False, **changes):
        configured(INSTALLED_APPS=["hookseal.django"], **changes)
        found = checks.run_checks(include_deployment_checks=deploy)
        return [one.id for one in found if one.id.startswith("hookseal.")]

    return run


def test_all_is_well(ids):
    assert ids(**FIRST) == []
    assert apps.get_app_config("hookseal").name == "hookseal.django"


def test_nothing_is_said_where_it_is_not_in_use(ids):
    assert ids(MIDDLEWARE=[COMMON], deploy=True) == []


def test_wrong_settings(ids):
    assert ids(**FIRST | {"HOOKSEAL": {"secrets": "short"}}) == ["hookseal.E001"]


def test_settings_that_nothing_reads(ids):
    assert ids(**FIRST | {"MIDDLEWARE": [COMMON]}) == ["hookseal.E002"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"MIDDLEWARE": [COMMON, MIDDLEWARE]}, ["hookseal.W001"]),
        ({"MIDDLEWARE": [SECURITY, MIDDLEWARE]}, []),
        ({"MIDDLEWARE": [SECURITY, MIDDLEWARE], "SECURE_SSL_REDIRECT": True}, ["hookseal.W001"]),
        ({"MIDDLEWARE": [f"{__name__}.function", MIDDLEWARE]}, []),
    ],
)
def test_order(ids, changes, expected):
    assert ids(**FIRST | changes) == expected


def function(get_response):
    return get_response


def test_a_proxy_that_hookseal_does_not_know_of(ids):
    behind = FIRST | {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
    known = {"HOOKSEAL": {"secrets": SECRET, "trusted_proxies": ["10.0.0.0/8"]}}
    assert ids(**behind) == ["hookseal.W002"]
    assert ids(**behind | known) == []


def test_what_is_fit_for_development_only(ids):
    hookseal = {"secrets": SECRET, "allow_insecure_peers": ["127.0.0.1"]}
    told = ids(**FIRST | {"HOOKSEAL": hookseal}, deploy=True)
    assert set(told) == {"hookseal.W003", "hookseal.W004"}
    lasting = {"secrets": SECRET, "ledger": None}
    assert ids(**FIRST | {"HOOKSEAL": lasting}, deploy=True) == []
    assert ids(**FIRST | {"HOOKSEAL": {"secrets": "short"}}, deploy=True) == ["hookseal.E001"]


def test_manage_py_check_names_the_fix(monkeypatch):
    script = """if True:
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["hookseal.django"],
            MIDDLEWARE=["hookseal.django.WebhookMiddleware"],
            HOOKSEAL={"secrets": ""},
        )
        from django.core.management import execute_from_command_line
        execute_from_command_line(["manage.py", "check"])
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True
    )
    assert done.returncode == 1
    assert "(hookseal.E001) HOOKSEAL: secrets: " in done.stderr
