"""The inbox through Django's ORM, on SQLite and on a real PostgreSQL server."""

import contextlib
import io
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("django")

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections, router, transaction
from django.test.utils import modify_settings
from django.utils.functional import empty

from hookseal import ConfigError
from hookseal.inbox import NotInTransactionError
from hookseal.inbox.django import first_time, purge
from tests.stores import servers

from .support import DAY, SECONDS, event

APP = "hookseal.inbox.django"
DATABASE = "webhooks"


@pytest.fixture(scope="module", autouse=True)
def _project():
    """A Django project with the app: that of other tests, or a bare one that leaves no trace."""
    if settings.configured:
        with modify_settings(INSTALLED_APPS={"append": [APP]}):
            yield
        return
    settings.configure(INSTALLED_APPS=[APP], USE_TZ=True)
    django.setup()
    yield
    settings._wrapped = empty
    del connections.settings
    apps.apps_ready = apps.models_ready = apps.ready = False
    apps.app_configs.clear()
    apps.clear_cache()


def sqlite(folder):
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / "app.db",
        "OPTIONS": {"timeout": SECONDS},
    }


def postgresql(folder):
    servers.needs("psycopg")
    url = urlsplit(servers.postgresql_url())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "USER": url.username,
        "HOST": parse_qs(url.query)["host"][0],
    }


@pytest.fixture(autouse=True, params=[sqlite, postgresql])
def _database(request, tmp_path, monkeypatch):
    """One empty database, with the table that the migration makes."""
    given = connections.configure_settings({"default": {}, DATABASE: request.param(tmp_path)})
    monkeypatch.setitem(connections.settings, DATABASE, given[DATABASE])
    with connections[DATABASE].cursor() as cursor:
        for table in ("hookseal_inbox", "django_migrations"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
    call_command("migrate", "hookseal_inbox", database=DATABASE, verbosity=0, interactive=False)
    yield
    connections[DATABASE].close()
    del connections[DATABASE]


def atomic():
    return transaction.atomic(using=DATABASE)


def record(one):
    return first_time(one, using=DATABASE)


class Undone(Exception):
    pass


def test_an_event_is_the_first_time_once():
    with atomic():
        assert [record(event()) for _ in range(2)] == [True, False]
        assert record(event(source="globex"))
    with atomic():
        assert not record(event())


def test_a_rollback_makes_it_the_first_time_again():
    with contextlib.suppress(Undone), atomic():
        assert record(event())
        raise Undone
    with atomic():
        assert record(event())


def test_outside_of_a_transaction_it_is_refused():
    with pytest.raises(NotInTransactionError, match="atomic"):
        record(event())


def in_thread(work):
    def run():
        try:
            work()
        finally:
            connections[DATABASE].close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("committed", [True, False])
def test_of_two_that_race_the_second_waits_for_the_first(committed):
    began, told = threading.Event(), []

    def second():
        with atomic():
            began.set()
            told.append(record(event()))

    with contextlib.suppress(Undone), atomic():
        assert record(event())
        thread = in_thread(second)
        assert began.wait(SECONDS)
        assert not told
        if not committed:
            raise Undone
    thread.join(SECONDS)
    assert told == [not committed]


def test_of_many_at_once_one_is_first():
    barrier, told = threading.Barrier(4), []

    def handle():
        barrier.wait(SECONDS)
        with atomic():
            told.append(record(event()))

    threads = [in_thread(handle) for _ in range(4)]
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(told) == [False] * 3 + [True]


def test_a_purge_takes_the_oldest_in_batches():
    model = apps.get_model("hookseal_inbox", "Received")
    for number in range(5):
        with atomic():
            record(event(f"evt_{number}"))
        row = model.objects.using(DATABASE).filter(event_id=f"evt_{number}")
        row.update(recorded_at=number * DAY)
    old = {"older_than_days": 2.5, "batch": 2, "using": DATABASE, "now": 5 * DAY}
    assert [purge(**old) for _ in range(3)] == [2, 1, 0]
    left = model.objects.using(DATABASE).order_by("recorded_at")
    assert [str(row) for row in left] == ["acme evt_3", "acme evt_4"]
    assert purge(using=DATABASE) == 2  # by the clock, they are of 1970
    with pytest.raises(ConfigError, match="older_than_days"):
        purge(older_than_days=0, using=DATABASE)


def test_without_a_name_the_routers_say_which_database(asked_routers):
    with atomic():
        assert first_time(event())
    assert purge() == 0
    assert asked_routers == ["write", "write"]


@pytest.fixture
def asked_routers(monkeypatch):
    asked = []

    class Router:
        def db_for_write(self, model, **hints):
            asked.append("write")
            return DATABASE

    monkeypatch.setattr(router, "routers", [Router()], raising=False)
    return asked


def test_the_migration_makes_what_the_model_says():
    said = io.StringIO()
    call_command("makemigrations", "hookseal_inbox", check=True, dry_run=True, stdout=said)
    assert "No changes" in said.getvalue()
