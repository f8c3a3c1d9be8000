"""Where bins and their requests are kept: SQLite, in a file or in memory.

Knows SQL, and the limits on what is kept. Must not know HTTP, signatures or pages. All statements
run on one thread of its own, so that the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from hookseal import ConfigError, HooksealError
from hookseal_receiver.play import codec
from hookseal_receiver.play.model import (
    Answer,
    Bin,
    Captured,
    Draft,
    Earlier,
    Outcome,
    Reply,
    Verdict,
)

if TYPE_CHECKING:
    from hookseal_receiver.play.settings import PlaySettings

__all__ = ["PlayStore", "Sealer", "TooManyBins"]

_TOKEN_BYTES = 24
"""192 random bits in a URL."""
_SEARCHED_BYTES = 64 * 1024
_PAGE_BYTES = 4 * 1024 * 1024
"""Of requests with their bodies, so much is read at once."""
_P = ParamSpec("_P")
_T = TypeVar("_T")

_FORGET_EXPIRED = "DELETE FROM bins WHERE expires_ms <= ?"
_NAMED = "name = ?"
_SPARE = """id = (
    SELECT max(id) FROM bins
    WHERE client = ? AND client <> '' AND name = '' AND secrets = '' AND last_number = 0)"""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS bins (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL DEFAULT '',
    capture_token TEXT NOT NULL UNIQUE,
    view_token TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    client TEXT NOT NULL,
    secrets TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0,
    last_number INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS bins_name ON bins (name) WHERE name <> '';
CREATE INDEX IF NOT EXISTS bins_expiry ON bins (expires_ms);
CREATE INDEX IF NOT EXISTS bins_client ON bins (client);
CREATE TABLE IF NOT EXISTS requests (
    bin_id INTEGER NOT NULL REFERENCES bins (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    http_version TEXT NOT NULL,
    scheme TEXT NOT NULL,
    client TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    kept INTEGER NOT NULL,
    size INTEGER NOT NULL,
    searched TEXT NOT NULL,
    event_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reply_status INTEGER,
    reply_headers TEXT NOT NULL DEFAULT '[]',
    reply_body BLOB NOT NULL DEFAULT x'',
    reply_note TEXT NOT NULL DEFAULT '',
    took_ms INTEGER,
    PRIMARY KEY (bin_id, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_event ON requests (bin_id, event_id) WHERE event_id <> '';
CREATE INDEX IF NOT EXISTS requests_kept ON requests (bin_id, number, kept);
"""


class TooManyBins(HooksealError):
    """A client, or all together, have as many bins as they may."""


class Sealer(Protocol):
    """Encrypts the secrets of bins at rest, as the sender's vault does."""

    def seal(self, plain: str, context: str) -> str:
        """Return ``plain`` encrypted for this ``context``."""
        ...

    def open(self, sealed: str, context: str) -> str:
        """Return what was sealed."""
        ...


class _Unsealed:
    """Keeps secrets as they are: the file is the owner's alone."""

    def seal(self, plain: str, context: str) -> str:
        del context
        return plain

    def open(self, sealed: str, context: str) -> str:
        del context
        return sealed


class PlayStore:
    """Bins and their requests in the SQLite file ``path``, or in memory.

    A new file can be read by its owner alone. ``sealer`` encrypts the secrets of bins; without one
    they are stored as they are. Raises ConfigError where the file cannot be used. Every method may
    be awaited at once with others; close the store with :meth:`close`.
    """

    def __init__(self, path: Path | str = ":memory:", *, sealer: Sealer | None = None) -> None:
        self._sealer = sealer or _Unsealed()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="play-store")
        try:
            self._connection = self._thread.submit(_connect, str(path)).result()
        except (OSError, sqlite3.Error) as error:
            self._thread.shutdown()
            raise ConfigError(f"Play's store: {path} cannot be used: {error}") from None

    async def run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Return what ``work`` makes of the connection, in one transaction on the thread."""

        def transaction() -> _T:
            with self._connection:
                return work(self._connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)

    async def close(self) -> None:
        """Close the file. Nothing may be asked after this."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    # --- bins ------------------------------------------------------------------------------------

    async def make_bin(
        self,
        now_ms: int,
        settings: PlaySettings,
        *,
        name: str = "",
        client: str = "",
        secrets: tuple[str, ...] = (),
    ) -> Bin:
        """Return a new bin; raise :class:`TooManyBins` over the limits.

        ``client`` is the address that asked, of which a hash is kept; empty is not counted.
        """
        made = await self.run(_make_bin, now_ms, settings, name, _client_hash(client))
        return await self.set_secrets(made, secrets) if secrets else made

    async def named_bin(self, now_ms: int, settings: PlaySettings, name: str) -> Bin:
        """Return the bin with this name, made now if there is none, living on from now."""
        row = await self.run(_renew, now_ms, settings, _NAMED, name)
        return self._bin(row) if row else await self.make_bin(now_ms, settings, name=name)

    async def spare_bin(self, now_ms: int, settings: PlaySettings, client: str) -> Bin:
        """Return the newest bin that ``client`` made and nobody used, made now if there is none.

        It lives on from now. Raises :class:`TooManyBins` over the limits.
        """
        row = await self.run(_renew, now_ms, settings, _SPARE, _client_hash(client))
        return self._bin(row) if row else await self.make_bin(now_ms, settings, client=client)

    async def bin_to_capture(self, token: str, now_ms: int) -> Bin | None:
        """Return the living bin that ``token`` posts to."""
        return self._found(await self.run(_find_bin, "capture_token", token, now_ms))

    async def bin_to_view(self, token: str, now_ms: int) -> Bin | None:
        """Return the living bin that ``token`` shows."""
        return self._found(await self.run(_find_bin, "view_token", token, now_ms))

    async def bin_of_client(self, token: str, client: str, now_ms: int) -> Bin | None:
        """Return the living bin that ``token`` posts to, if ``client`` made it."""
        row = await self.run(_find_bin, "capture_token", token, now_ms)
        mine = row is not None and bool(client) and row["client"] == _client_hash(client)
        return self._found(row) if mine else None

    async def set_secrets(self, one: Bin, given: tuple[str, ...]) -> Bin:
        """Keep ``given``, newest first, as the secrets of the bin."""
        sealed = self._sealer.seal(json.dumps(given), _context(one.id)) if given else ""
        await self.run(_update_bin, one.id, "secrets", sealed)
        return replace(one, secrets=given)

    async def set_answer(self, one: Bin, answer: Answer) -> Bin:
        """Answer on purpose from now on, beginning with the first status."""
        await self.run(_update_bin, one.id, "answer", codec.answer_text(answer))
        await self.run(_update_bin, one.id, "answered", 0)
        return replace(one, answer=answer)

    async def set_paused(self, one: Bin, *, paused: bool) -> Bin:
        """Stop or start keeping requests."""
        await self.run(_update_bin, one.id, "paused", int(paused))
        return replace(one, paused=paused)

    async def delete_bin(self, bin_id: int) -> None:
        """Delete a bin and its requests: its URLs are gone for good."""
        await self.run(_execute, "DELETE FROM bins WHERE id = ?", (bin_id,))

    async def extend(self, bin_id: int, now_ms: int, settings: PlaySettings) -> None:
        """Let a bin live on from now."""
        await self.run(_update_bin, bin_id, "expires_ms", _expiry(now_ms, settings))

    async def purge(self, now_ms: int) -> int:
        """Delete expired bins, one by one so that others come between; return how many."""
        purged = 0
        while await self.run(_execute, _PURGE, (now_ms,)):
            purged += 1
        return purged

    async def next_answer(self, bin_id: int) -> int:
        """Return how many requests the bin answered before this one, counting this one."""
        return await self.run(_next_answer, bin_id)

    # --- requests --------------------------------------------------------------------------------

    async def capture(
        self,
        bin_id: int,
        draft: Draft,
        event_id: str,
        judge: Callable[[Earlier | None], Verdict],
        settings: PlaySettings,
    ) -> Captured:
        """Store a request with the verdict that ``judge`` gives, told of an earlier one like it.

        All other requests wait for ``judge``.
        """
        return await self.run(_capture, bin_id, draft, event_id, judge, settings)

    async def record_reply(
        self, bin_id: int, number: int, reply: Reply, took_ms: int, settings: PlaySettings
    ) -> None:
        """Keep what was answered to a request."""
        await self.run(_record_reply, bin_id, number, reply, took_ms, settings)

    async def request(self, bin_id: int, number: int) -> Captured | None:
        """Return one request."""
        row = await self.run(_one, f"{_REQUEST} AND number = ?", (bin_id, number))
        return _captured(row) if row else None

    async def requests(
        self,
        bin_id: int,
        *,
        text: str = "",
        outcome: Outcome | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Captured]:
        """Return requests without their bodies, newest first.

        ``text`` is looked for, in any case, in method, path, headers and the first 64 KiB of the
        body; ``before`` is the number to go on from.
        """
        return [
            _captured(row) for row in await self.run(_list, bin_id, text, outcome, before, limit)
        ]

    async def newer(self, bin_id: int, after: int, limit: int = 50) -> list[Captured]:
        """Return requests after number ``after``, oldest first, with their bodies.

        There are fewer than ``limit`` where they pass 4 MiB, but one at least if there is any.
        """
        values = (bin_id, after, bin_id, after, limit, _PAGE_BYTES)
        rows = await self.run(_all, _REQUEST + _PAGE, values)
        return [_captured(row) for row in rows]

    async def tally(self, bin_id: int) -> dict[str, int]:
        """Return how many requests there are of each outcome."""
        sql = "SELECT outcome, count(*) FROM requests WHERE bin_id = ? GROUP BY outcome"
        return {row[0]: row[1] for row in await self.run(_all, sql, (bin_id,))}

    async def newest(self, bin_id: int) -> tuple[int, bool] | None:
        """Return the number of the newest request ever, and whether it was answered."""
        row = await self.run(_one, _NEWEST, (bin_id,))
        return (row[0], bool(row[1])) if row else None

    async def delete_request(self, bin_id: int, number: int) -> None:
        """Delete one request."""
        sql = "DELETE FROM requests WHERE bin_id = ? AND number = ?"
        await self.run(_execute, sql, (bin_id, number))

    async def clear(self, bin_id: int) -> None:
        """Delete all requests of a bin."""
        await self.run(_execute, "DELETE FROM requests WHERE bin_id = ?", (bin_id,))

    def _found(self, row: sqlite3.Row | None) -> Bin | None:
        return self._bin(row) if row else None

    def _bin(self, row: sqlite3.Row) -> Bin:
        sealed = row["secrets"]
        opened = json.loads(self._sealer.open(sealed, _context(row["id"]))) if sealed else ()
        return _bin(row, tuple(opened))


_PURGE = "DELETE FROM bins WHERE id = (SELECT id FROM bins WHERE expires_ms <= ? LIMIT 1)"
_NEWEST = (
    "SELECT last_number, (SELECT took_ms IS NOT NULL FROM requests "
    "WHERE bin_id = id AND number = last_number) FROM bins WHERE id = ?"
)
_COLUMNS = (
    "number, at_ms, method, path, query, http_version, scheme, client, headers, size, verdict, "
    "reply_status, reply_headers, reply_body, reply_note, took_ms"
)
_REQUEST = f"SELECT {_COLUMNS}, body FROM requests WHERE bin_id = ?"  # noqa: S608 # fixed columns
_LISTED = _REQUEST.replace(" reply_body", " x'' AS reply_body").replace(" body", " x'' AS body")
_PAGE = (
    " AND number > ? AND number <= (SELECT max(number) FROM ("
    "SELECT number, sum(kept) OVER (ORDER BY number) - kept AS before FROM requests "
    "WHERE bin_id = ? AND number > ? ORDER BY number LIMIT ?) WHERE before < ?) ORDER BY number"
)
_REPLY = (
    "UPDATE requests SET reply_status = ?, reply_headers = ?, reply_body = ?, reply_note = ?, "
    "took_ms = ?, kept = kept + ? WHERE bin_id = ? AND number = ?"
)


def _connect(path: str) -> sqlite3.Connection:
    if path != ":memory:":
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=10)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")
    connection.executescript(_SCHEMA)
    return connection


def _execute(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> int:
    return connection.execute(sql, values).rowcount


def _one(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(sql, values).fetchone()
    return row


def _all(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
    return connection.execute(sql, values).fetchall()


def _make_bin(
    connection: sqlite3.Connection, now_ms: int, settings: PlaySettings, name: str, client: str
) -> Bin:
    connection.execute(_FORGET_EXPIRED, (now_ms,))
    _check_room(connection, settings, client)
    token = name or secrets.token_urlsafe(_TOKEN_BYTES)
    expires = _expiry(now_ms, settings)
    view = secrets.token_urlsafe(_TOKEN_BYTES)
    values = (name, token, view, now_ms, expires, client, codec.answer_text(Answer()))
    row = connection.execute(
        "INSERT INTO bins (name, capture_token, view_token, created_ms, expires_ms, client, answer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        values,
    ).fetchone()
    return _bin(row, ())


def _check_room(connection: sqlite3.Connection, settings: PlaySettings, client: str) -> None:
    (living,) = connection.execute("SELECT count(*) FROM bins").fetchone()
    if living >= settings.bins:
        raise TooManyBins("There are as many inspectors as this server keeps. Try again later.")
    counted = "SELECT count(*) FROM bins WHERE client = ?"
    if client and connection.execute(counted, (client,)).fetchone()[0] >= settings.bins_per_client:
        raise TooManyBins(
            f"You have {settings.bins_per_client} inspectors, the most you may. "
            "Delete one, or wait until one expires."
        )


def _renew(
    connection: sqlite3.Connection, now_ms: int, settings: PlaySettings, which: str, value: str
) -> sqlite3.Row | None:
    """Let the bin that ``which`` selects by ``value`` live on from now; return it, if there is."""
    connection.execute(_FORGET_EXPIRED, (now_ms,))
    sql = f"UPDATE bins SET expires_ms = ? WHERE {which} RETURNING *"  # noqa: S608 # our own words
    values = (_expiry(now_ms, settings), value)
    row: sqlite3.Row | None = connection.execute(sql, values).fetchone()
    return row


def _expiry(now_ms: int, settings: PlaySettings) -> int:
    return now_ms + settings.bin_seconds * 1000


def _find_bin(
    connection: sqlite3.Connection, column: str, token: str, now_ms: int
) -> sqlite3.Row | None:
    sql = f"SELECT * FROM bins WHERE {column} = ? AND expires_ms > ?"  # noqa: S608 # a column of ours
    return _one(connection, sql, (token, now_ms))


def _update_bin(connection: sqlite3.Connection, bin_id: int, column: str, value: Any) -> None:
    sql = f"UPDATE bins SET {column} = ? WHERE id = ?"  # noqa: S608 # a column of ours
    connection.execute(sql, (value, bin_id))


def _next_answer(connection: sqlite3.Connection, bin_id: int) -> int:
    sql = "UPDATE bins SET answered = answered + 1 WHERE id = ? RETURNING answered"
    row = connection.execute(sql, (bin_id,)).fetchone()
    return int(row[0]) if row else 1


def _capture(
    connection: sqlite3.Connection,
    bin_id: int,
    draft: Draft,
    event_id: str,
    judge: Callable[[Earlier | None], Verdict],
    settings: PlaySettings,
) -> Captured:
    verdict = judge(_earlier(connection, bin_id, event_id) if event_id else None)
    sql = "UPDATE bins SET last_number = last_number + 1 WHERE id = ? RETURNING last_number"
    row = connection.execute(sql, (bin_id,)).fetchone()
    if row is None:  # deleted while the request came
        return Captured(number=0, draft=draft, verdict=verdict)
    captured = Captured(number=row[0], draft=draft, verdict=verdict)
    _insert(connection, bin_id, captured)
    _trim(connection, bin_id, settings)
    return captured


def _record_reply(
    connection: sqlite3.Connection,
    bin_id: int,
    number: int,
    reply: Reply,
    took_ms: int,
    settings: PlaySettings,
) -> None:
    stored = (codec.pairs_text(reply.headers), reply.body, reply.note)
    values = (reply.status, *stored, took_ms, _size(stored), bin_id, number)
    connection.execute(_REPLY, values)
    _trim(connection, bin_id, settings)


def _size(stored: Iterable[object]) -> int:
    """Return how many bytes of text and of bodies are stored."""
    texts = (one.encode() if isinstance(one, str) else one for one in stored)
    return sum(len(one) for one in texts if isinstance(one, bytes))


def _earlier(connection: sqlite3.Connection, bin_id: int, event_id: str) -> Earlier | None:
    sql = (
        "SELECT number, at_ms FROM requests WHERE bin_id = ? AND event_id = ? AND event_id <> '' "
        "ORDER BY number LIMIT 1"
    )
    row = connection.execute(sql, (bin_id, event_id)).fetchone()
    return Earlier(number=row["number"], at_ms=row["at_ms"]) if row else None


def _insert(connection: sqlite3.Connection, bin_id: int, captured: Captured) -> None:
    draft, verdict = captured.draft, captured.verdict
    fields: dict[str, Any] = {
        "bin_id": bin_id,
        "number": captured.number,
        "at_ms": draft.at_ms,
        "method": draft.method,
        "path": draft.path,
        "query": draft.query,
        "http_version": draft.http_version,
        "scheme": draft.scheme,
        "client": draft.client,
        "headers": codec.pairs_text(draft.headers),
        "body": draft.body,
        "size": draft.size,
        "searched": _searched(draft),
        "event_id": verdict.event_id,
        "outcome": verdict.outcome,
        "verdict": codec.verdict_text(verdict),
    }
    fields["kept"] = _size(fields.values())
    marks = ", ".join(f":{name}" for name in fields)
    sql = f"INSERT INTO requests ({', '.join(fields)}) VALUES ({marks})"  # noqa: S608 # our columns
    connection.execute(sql, fields)


def _trim(connection: sqlite3.Connection, bin_id: int, settings: PlaySettings) -> None:
    """Delete the oldest requests over the number and the bytes that a bin keeps."""
    connection.execute(
        "DELETE FROM requests WHERE bin_id = ? AND number <= coalesce((SELECT max(number) FROM ("
        " SELECT number, row_number() OVER newest AS place, sum(kept) OVER newest AS bytes"
        " FROM requests WHERE bin_id = ? WINDOW newest AS (ORDER BY number DESC))"
        " WHERE place > ? OR (bytes > ? AND place > 1)), -1)",
        (bin_id, bin_id, settings.requests_kept, settings.bytes_kept),
    )


def _list(
    connection: sqlite3.Connection,
    bin_id: int,
    text: str,
    outcome: Outcome | None,
    before: int | None,
    limit: int,
) -> list[sqlite3.Row]:
    sql = _LISTED
    given: list[Any] = [bin_id]
    if before is not None:
        sql, given = f"{sql} AND number < ?", [*given, before]
    if outcome is not None:
        sql, given = f"{sql} AND outcome = ?", [*given, outcome]
    if text:
        sql, given = f"{sql} AND instr(searched, ?)", [*given, _folded(text)]
    return _all(connection, f"{sql} ORDER BY number DESC LIMIT ?", (*given, limit))


def _searched(draft: Draft) -> str:
    lines = [f"{draft.method} {draft.target}"]
    lines += [f"{name}: {value}" for name, value in draft.headers]
    lines.append(draft.body[:_SEARCHED_BYTES].decode("utf-8", "replace"))
    return _folded("\n".join(lines))


def _folded(text: str) -> str:
    # SQLite's text ends at a NUL for some functions, and it cannot hold lone surrogates.
    return text.replace("\x00", " ").encode("utf-8", "replace").decode().casefold()


def _bin(row: sqlite3.Row, opened: tuple[str, ...]) -> Bin:
    return Bin(
        id=row["id"],
        name=row["name"],
        capture_token=row["capture_token"],
        view_token=row["view_token"],
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
        secrets=opened,
        answer=codec.answer_from(row["answer"]),
        paused=bool(row["paused"]),
    )


def _captured(row: sqlite3.Row) -> Captured:
    return Captured(
        number=row["number"],
        draft=Draft(
            at_ms=row["at_ms"],
            method=row["method"],
            path=row["path"],
            query=row["query"],
            http_version=row["http_version"],
            scheme=row["scheme"],
            client=row["client"],
            headers=codec.pairs_from(row["headers"]),
            body=row["body"],
            size=row["size"],
        ),
        verdict=codec.verdict_from(row["verdict"]),
        reply=_reply(row),
        took_ms=row["took_ms"],
    )


def _reply(row: sqlite3.Row) -> Reply | None:
    if row["reply_status"] is None:
        return None
    return Reply(
        status=row["reply_status"],
        headers=codec.pairs_from(row["reply_headers"]),
        body=row["reply_body"],
        note=row["reply_note"],
    )


def _context(bin_id: int) -> str:
    return f"play/bin/{bin_id}"


def _client_hash(client: str) -> str:
    """Name an address without keeping it."""
    named = b"hookseal play client\x00" + client.encode()
    return hashlib.sha256(named).hexdigest()[:32] if client else ""
