"""The schema's revisions: what they make, who runs them, and what stops them."""

import asyncio
import logging
import re
import shutil
import sqlite3
import stat
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text

from hookseal_sender.errors import StartError, Unreachable
from hookseal_sender.store import migrations
from hookseal_sender.store.schema import metadata

NEWEST = migrations.plan("sqlite:////nowhere/at.all").after


@pytest.fixture
def empty_url(request, dialect, tmp_path):
    """The URL of a database without tables, of each kind."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create("template1")
    yield url
    server.drop(url)


def run(url, *statements):
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return [connection.execute(text(each)) for each in statements][-1:]
    finally:
        engine.dispose()


def look(url, work):
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return work(connection)
    finally:
        engine.dispose()


def test_an_empty_database_is_brought_to_the_newest_revision(empty_url):
    made = migrations.Migration(before=None, after=NEWEST)
    assert migrations.plan(empty_url) == made
    assert migrations.upgrade(empty_url) == made
    again = migrations.Migration(before=NEWEST, after=NEWEST)
    assert migrations.plan(empty_url) == again
    assert migrations.upgrade(empty_url) == again
    migrations.check(empty_url)


def test_the_revisions_make_the_tables_of_the_schema(empty_url):
    migrations.upgrade(empty_url)

    def compare(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert look(empty_url, compare) == []


@pytest.fixture
def made_url(request, dialect, tmp_path):
    """The URL of a database with the tables of the schema, made without revisions."""
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path / 'made.db'}"
        look(url, lambda connection: (metadata.create_all(connection), connection.commit()))
        yield url
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create("template1")
    look(url, lambda connection: (metadata.create_all(connection), connection.commit()))
    yield url
    server.drop(url)


DEFINITIONS = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL",
    "postgresql": """
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'column', table_name || '.' || column_name,
  concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default, collation_name)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
}


def test_they_make_them_to_the_letter(empty_url, made_url, dialect):
    """Collations, conditions of indexes and the like, which alembic does not compare."""
    migrations.upgrade(empty_url)

    def definitions(connection):
        rows = connection.execute(text(DEFINITIONS[dialect]))
        return {
            (kind, name): _plain(definition)
            for kind, name, definition in rows
            if not re.match(r"alembic_version|sqlite_", name)
        }

    assert look(empty_url, definitions) == look(made_url, definitions)


def _plain(sql):
    """The parts of a definition in any order, for a table's constraints may stand in any."""
    return sorted(re.sub(r"[\s()\"]+", " ", sql).replace(" ,", ",").strip().split(", "))


def test_a_database_is_made_by_nobody_but_upgrade(tmp_path):
    url = f"sqlite:///{tmp_path / 'none.db'}"
    assert migrations.plan(url).before is None
    with pytest.raises(StartError, match="no tables yet; run 'hookseal-sender migrate'"):
        migrations.check(url)
    assert list(tmp_path.iterdir()) == []
    migrations.upgrade(url)
    assert stat.S_IMODE((tmp_path / "none.db").stat().st_mode) == 0o600


def test_sqlite_is_told_the_sizes_of_a_busy_database(tmp_path):
    migrations.upgrade(f"sqlite:///{tmp_path / 'h.db'}")
    with sqlite3.connect(tmp_path / "h.db") as connection:
        told = {index for (index,) in connection.execute("SELECT idx FROM sqlite_stat1")}
        there = {
            name
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            for _, name, *_ in connection.execute(f"PRAGMA index_list({table})")
        }
    connection.close()
    big = ("application", "endpoint", "message", "delivery", "attempt", "tally")
    wanted = {each for each in there if each.removeprefix("sqlite_autoindex_").startswith(big)}
    # A table without rowid is its own primary key.
    bare = {"delivery", "attempt", "tally"}
    keys = {f"sqlite_autoindex_{table}_1" for table in bare}
    assert wanted - keys | bare <= told


def test_a_database_with_rows_is_brought_from_the_first_revision_to_the_newest(empty_url):
    def begin(connection):
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO organisation VALUES ('org_1', 'one', 1)"))
        connection.commit()

    look(empty_url, begin)
    assert migrations.upgrade(empty_url) == migrations.Migration(before="0001", after=NEWEST)
    kept = look(empty_url, lambda connection: connection.execute(text(KEPT)).scalars().all())
    assert kept == ["one"]
    test_the_revisions_make_the_tables_of_the_schema(empty_url)


KEPT = "SELECT name FROM organisation"


def test_processes_that_upgrade_at_once_make_it_once(empty_url):
    program = (
        "import sys; from hookseal_sender.store import migrations; "
        "print(migrations.upgrade(sys.argv[1]).before)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_url], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = sorted(each.communicate(timeout=60)[0].strip() for each in running)
    assert [each.returncode for each in running] == [0, 0, 0, 0]
    assert said == [NEWEST, NEWEST, NEWEST, "None"]
    migrations.check(empty_url)


def test_a_newer_database_is_left_alone(empty_url):
    migrations.upgrade(empty_url)
    run(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    for work in (migrations.upgrade, migrations.plan, migrations.check):
        with pytest.raises(StartError) as stopped:
            work(empty_url)
        said = str(stopped.value)
        assert f"revision 9999, this program knows up to {NEWEST}; start the newer" in said
        assert "\n" not in said


def test_an_older_database_is_not_used(empty_url, monkeypatch):
    migrations.upgrade(empty_url)
    monkeypatch.setattr(migrations, "_known", lambda: ["0999", NEWEST])
    with pytest.raises(StartError, match=f"revision {NEWEST}, this program needs 0999; run"):
        migrations.check(empty_url)


def test_a_database_of_the_first_cut_is_refused(empty_url):
    run(empty_url, "CREATE TABLE schema_version (version INTEGER)")
    for work in (migrations.upgrade, migrations.plan):
        with pytest.raises(StartError, match="an early hookseal-sender made it"):
            work(empty_url)
    assert look(empty_url, lambda connection: inspect(connection).get_table_names()) == [
        "schema_version"
    ]


def test_an_upgrade_that_fails_leaves_nothing(empty_url):
    run(empty_url, "CREATE TABLE attempt (id INTEGER)")
    with pytest.raises(StartError, match="already exists") as stopped:
        migrations.upgrade(empty_url)
    assert "\n" not in str(stopped.value)
    assert look(empty_url, lambda connection: inspect(connection).get_table_names()) == ["attempt"]


@pytest.mark.parametrize(
    "url", ["user:tinyword@/h?host={path}", "/h?host={path}&user=user&password=tinyword"]
)
def test_a_server_that_is_away_is_unreachable(url, tmp_path):
    url = f"postgresql://{url.format(path=tmp_path)}&sslpassword=tinyword"
    for work in (migrations.upgrade, migrations.check):
        with pytest.raises(Unreachable, match=r"^database postgresql:///h: ") as stopped:
            work(url)
        assert "tinyword" not in str(stopped.value)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_connection_that_breaks_is_said_to(empty_url, monkeypatch, postgresql_server):
    def cut(connection, _name):
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        postgresql_server.run(f"SELECT pg_terminate_backend({pid})")
        connection.exec_driver_sql("SELECT 1")

    monkeypatch.setattr(migrations, "_revision", cut)
    with pytest.raises(Unreachable):
        migrations.upgrade(empty_url)


def test_the_password_is_not_shown(empty_url, dialect):
    url = empty_url
    if dialect == "postgresql":
        given = make_url(empty_url).update_query_dict({"sslpassword": "smallword"})
        url = given.set(password="tinyword").render_as_string(hide_password=False)
    with pytest.raises(StartError) as stopped:
        migrations.check(url)
    assert "tinyword" not in str(stopped.value)
    assert "smallword" not in str(stopped.value)


def test_logging_stays_as_it_was(tmp_path):
    root, there = logging.getLogger(), logging.getLogger("hookseal_sender.store")
    before = (root.level, list(root.handlers), there.disabled, there.level)
    migrations.upgrade(f"sqlite:///{tmp_path / 'h.db'}")
    assert (root.level, list(root.handlers), there.disabled, there.level) == before


def test_the_revisions_are_one_line_of_descent():
    assert migrations._known() == sorted(migrations._known(), reverse=True)


def test_a_copy_of_a_database_is_at_its_revision(sqlite_template, tmp_path):
    shutil.copy(sqlite_template, tmp_path / "copy.db")
    migrations.check(f"sqlite:///{tmp_path / 'copy.db'}")


@pytest.mark.anyio
async def test_it_can_run_beside_an_event_loop(empty_url):
    await asyncio.to_thread(migrations.upgrade, empty_url)
    await asyncio.to_thread(migrations.check, empty_url)
