"""Every store, as the tests want it: made anew, with a clock that can be turned."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hookseal.ledger import MemoryLedger
from hookseal.ledger.conformance import OnLoop
from hookseal.ledger.sqlite import AsyncSQLiteLedger, SQLiteLedger
from hookseal.ledger.threads import InThread
from hookseal.testing import FakeClock
from tests.stores import servers

__all__ = ["ASYNC", "DURABLE", "STORES", "Store"]


class Store(NamedTuple):
    """A ledger, behind a sync face, and how time passes on its clock."""

    ledger: Any
    advance: Callable[[float], None]


@contextlib.contextmanager
def memory(folder: Path) -> Iterator[Store]:
    clock = FakeClock()
    yield Store(MemoryLedger(clock=clock), clock.advance)


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[Store]:
    clock = FakeClock()
    ledger = SQLiteLedger(folder / "ledger.db", clock=clock)
    yield Store(ledger, clock.advance)
    ledger.close()


@contextlib.contextmanager
def async_sqlite(folder: Path) -> Iterator[Store]:
    clock = FakeClock()
    with OnLoop(AsyncSQLiteLedger(folder / "ledger.db", clock=clock)) as ledger:
        yield Store(ledger, clock.advance)


@contextlib.contextmanager
def threaded_memory(folder: Path) -> Iterator[Store]:
    clock = FakeClock()
    with OnLoop(InThread(MemoryLedger(clock=clock))) as ledger:
        yield Store(ledger, clock.advance)


# What the keys say is moved into the past by as much as the time that is to pass.
_ADVANCE = """\
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', 'hookseal:ledger:*')) do
  local value, left = redis.call('GET', key), redis.call('PTTL', key)
  local ends, rest = string.match(value, '^C:([1-9]%d*):(.*)$')
  if ends then value = string.format('C:%.0f:', ends - ms) .. rest end
  if left > ms then
    redis.call('SET', key, value, 'PX', string.format('%.0f', left - ms))
  else
    redis.call('DEL', key)
  end
end
"""


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[Store]:
    client = servers.needs("redis").Redis.from_url(servers.valkey_url())
    ledger = servers.needs("hookseal.ledger.redis").RedisLedger(client)
    with contextlib.closing(client):
        yield Store(ledger, lambda seconds: client.eval(_ADVANCE, 0, seconds * 1000))


@contextlib.contextmanager
def async_valkey(folder: Path) -> Iterator[Store]:
    with valkey(folder) as store:
        made = servers.needs("hookseal.ledger.redis").AsyncRedisLedger(servers.valkey_url())
        with OnLoop(made) as ledger:
            yield Store(ledger, store.advance)


_ADVANCE_SQL = """\
UPDATE hookseal_ledger SET
  leased_until = leased_until - :seconds * interval '1 second',
  kept_until = kept_until - :seconds * interval '1 second'
"""


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[Store]:
    sa = servers.needs("sqlalchemy", "psycopg")
    engine = sa.create_engine(
        servers.postgresql_url().replace("postgresql://", "postgresql+psycopg://"),
        pool_size=32,
    )
    ledger = servers.needs("hookseal.ledger.sql").SQLLedger(engine)
    ledger.create_table()

    def advance(seconds: float) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text(_ADVANCE_SQL), {"seconds": seconds})

    yield Store(ledger, advance)
    engine.dispose()


def async_postgresql(driver: str) -> Callable[[Path], contextlib.AbstractContextManager[Store]]:
    @contextlib.contextmanager
    def make(folder: Path) -> Iterator[Store]:
        servers.needs(driver, "greenlet")
        with postgresql(folder) as store:
            url = servers.postgresql_url().replace("postgresql://", f"postgresql+{driver}://")
            made = servers.needs("hookseal.ledger.sql").AsyncSQLLedger(url, timeout=5)
            with OnLoop(made) as ledger:
                yield Store(ledger, store.advance)

    return make


DURABLE = {"sqlite": sqlite, "valkey": valkey, "postgresql": postgresql}
ASYNC = {
    "async_sqlite": async_sqlite,
    "async_valkey": async_valkey,
    "async_psycopg": async_postgresql("psycopg"),
    "async_asyncpg": async_postgresql("asyncpg"),
}
STORES = {"memory": memory, "threaded_memory": threaded_memory, **DURABLE, **ASYNC}
