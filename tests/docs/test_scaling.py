"""The cells of docs/scaling.md, made as the page says on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from sqlalchemy import make_url

from hookseal_sender.store import migrations
from tests.stores.servers import needs, new_database, postgresql_url

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
STATEMENTS = re.search(r"```sql\n(CREATE ROLE cell_1.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def database():
    """The URL of a database whose schema ``public`` has a sender's tables already."""
    url = new_database(postgresql_url())
    migrations.upgrade(url)
    yield url
    with needs("psycopg").connect(url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY cell_1 CASCADE")
        connection.execute("DROP ROLE cell_1")


def test_a_cell_is_a_schema_beside_others(database):
    with contextlib.closing(needs("psycopg").connect(database, autocommit=True)) as connection:
        connection.execute(STATEMENTS[1].replace("'...'", "'cell'"))
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO cell_1")
        cell = make_url(database).set(username="cell_1", password="cell")
        made = migrations.upgrade(cell.render_as_string(hide_password=False))
        assert made.before is None
        found = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE tablename = 'delivery' AND schemaname = 'cell_1'"
        )
        assert found.fetchone() == (1,)
