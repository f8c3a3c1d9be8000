"""Functions of statements as the store's async operations.

Knows which kind of transaction runs a function, and what it is given first. Must not know any
statement.

A class of operations is a table: ``application = reads(find_application)`` makes
``await store.application(scope, key)`` run ``find_application(connection, scope, key)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import CoroutineType
    from typing import Concatenate

    from sqlalchemy import Connection

    from hookseal_sender.store.database import Database
    from hookseal_sender.vault import Vault

__all__ = ["Operations", "opens_sealed", "reads", "writes", "writes_sealed"]

ResultT = TypeVar("ResultT")
P = ParamSpec("P")


class Operations:
    """What every operation works with."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault


def reads(
    work: Callable[Concatenate[Connection, P], ResultT],
) -> Callable[Concatenate[Operations, P], CoroutineType[Any, Any, ResultT]]:
    """Return the method that runs ``work(connection, ...)``."""

    async def operation(store: Operations, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await store.database.read(work, *args, **kwargs)

    return _method(operation)


def opens_sealed(
    work: Callable[Concatenate[Connection, Vault, P], ResultT],
) -> Callable[Concatenate[Operations, P], CoroutineType[Any, Any, ResultT]]:
    """Return the method that runs ``work(connection, vault, ...)``."""

    async def operation(store: Operations, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await store.database.read(work, store.vault, *args, **kwargs)

    return _method(operation)


def writes(
    work: Callable[Concatenate[Connection, int, P], ResultT],
) -> Callable[Concatenate[Operations, P], CoroutineType[Any, Any, ResultT]]:
    """Return the method that runs ``work(connection, now_ms, ...)`` in a transaction."""

    async def operation(store: Operations, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await store.database.write(work, *args, **kwargs)

    return _method(operation)


def writes_sealed(
    work: Callable[Concatenate[Connection, int, Vault, P], ResultT],
) -> Callable[Concatenate[Operations, P], CoroutineType[Any, Any, ResultT]]:
    """Return the method that runs ``work(connection, now_ms, vault, ...)`` in a transaction."""

    async def operation(store: Operations, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await store.database.write(work, store.vault, *args, **kwargs)

    return _method(operation)


def _method(
    operation: Callable[Concatenate[Operations, P], Coroutine[Any, Any, ResultT]],
) -> Callable[Concatenate[Operations, P], CoroutineType[Any, Any, ResultT]]:
    """Return the function as a coroutine function, as pyright sees an ``async def``."""
    return cast("Callable[Concatenate[Operations, P], CoroutineType[Any, Any, ResultT]]", operation)
