"""Who may publish what: a batch of messages on its way in.

Knows tokens, applications, plans, idempotency keys, schemas and event ids. Must not know endpoints.

Each step is one statement for the whole batch, whatever its size; one that is refused at a step is
left out of those behind it, and harms no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import delete, select, tuple_

from hookseal_sender.errors import (
    Conflict,
    KeyReused,
    NotFound,
    PlanRequired,
    SenderError,
    Unauthenticated,
)
from hookseal_sender.ids import fresh_id
from hookseal_sender.model import ENTERPRISE
from hookseal_sender.store.applications import create_application
from hookseal_sender.store.base import Published
from hookseal_sender.store.dialects import moves_of
from hookseal_sender.store.moves import Wanted
from hookseal_sender.store.publishing import insert_accepted, make_accepted
from hookseal_sender.store.rows import read_message
from hookseal_sender.store.schema import (
    application,
    event_type,
    idempotency,
    message,
    revoked_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from hookseal_sender.model import ApplicationDraft, Keyed, Message, MessageDraft, Scope

__all__ = ["KEY_MS", "Publication", "Unchecked", "accept"]

KEY_MS = 12 * 3_600_000
"""How long an idempotency key is kept."""
_ACCEPTED = 202


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A message that somebody wants to publish.

    ``checked_ms`` is which state of its event type's schemas the payload is known to satisfy.
    """

    scope: Scope
    app_key: str
    draft: MessageDraft
    application: ApplicationDraft | None = None
    keyed: Keyed | None = None
    checked_ms: int | None = None


class Unchecked(SenderError):
    """The event type enforces ``schemas``: the payload is to be checked, and given again."""

    def __init__(self, schemas: str, updated_ms: int) -> None:
        super().__init__("the payload has not been checked")
        self.schemas = schemas
        self.updated_ms = updated_ms


Outcome: TypeAlias = Published | Exception
_AppKey: TypeAlias = tuple[str, str]  # organisation, id or uid


@dataclass(kw_only=True, slots=True)
class _Entry:
    """A publication on its way; ``outcome`` ends it.

    ``app_id`` is that of the application to make, ``implied``, if there is none yet.
    """

    publication: Publication
    app_id: str = ""
    implied: ApplicationDraft | None = None
    outcome: Outcome | None = None


def accept(
    connection: Connection, now_ms: int, publications: Sequence[Publication]
) -> Sequence[Outcome]:
    """Store what may be published, and return what became of each."""
    entries = [_Entry(publication=each) for each in publications]
    turn, others = entries, list[_Entry]()
    while turn:
        # A key's second use is looked at when its first is stored.
        turn, others = _first_uses(turn)
        _accept(connection, now_ms, turn)
        turn = others
    return [_outcome(entry) for entry in entries]


def _first_uses(entries: Sequence[_Entry]) -> tuple[list[_Entry], list[_Entry]]:
    seen: set[str] = set()
    first: list[_Entry] = []
    others: list[_Entry] = []
    for entry in entries:
        keyed = entry.publication.keyed
        (others if keyed is not None and keyed.key in seen else first).append(entry)
        if keyed is not None:
            seen.add(keyed.key)
    return first, others


def _accept(connection: Connection, now_ms: int, entries: Sequence[_Entry]) -> None:
    for step in _STEPS:
        pending = [entry for entry in entries if entry.outcome is None]
        if pending:
            step(connection, now_ms, pending)


def _outcome(entry: _Entry) -> Outcome:
    if entry.outcome is None:  # the last step stores all that are left
        raise AssertionError
    return entry.outcome


# --- who publishes -----------------------------------------------------------------------------


def _check_tokens(connection: Connection, _now_ms: int, entries: Sequence[_Entry]) -> None:
    token_ids = {entry.publication.scope.token_id for entry in entries} - {None}
    if not token_ids:
        return
    query = select(revoked_token.c.id).where(revoked_token.c.id.in_(token_ids))
    revoked = set(connection.execute(query).scalars())
    for entry in entries:
        if entry.publication.scope.token_id in revoked:
            entry.outcome = Unauthenticated("the token was revoked")


def _find_applications(connection: Connection, now_ms: int, entries: Sequence[_Entry]) -> None:
    plans = _plans(connection, entries)
    new_ids: dict[_AppKey, str] = {}
    for entry in entries:
        found = next((plans[key] for key in _keys(entry) if key in plans), None)
        entry.implied = _implied(entry) if found is None else None
        if entry.implied is not None:
            uid = entry.publication.scope.org_id, entry.implied.uid or ""
            found = new_ids.setdefault(uid, fresh_id("app_", now_ms)), entry.implied.plan
        entry.outcome = _refusal(entry, found)
        if found is not None:
            entry.app_id = found[0]


def _keys(entry: _Entry) -> Sequence[_AppKey]:
    """Return how the application may be known, the best first."""
    publication = entry.publication
    names = [publication.app_key]
    if publication.application is not None and publication.application.uid is not None:
        names.append(publication.application.uid)
    return [(publication.scope.org_id, name) for name in names]


def _plans(connection: Connection, entries: Sequence[_Entry]) -> dict[_AppKey, tuple[str, str]]:
    """Return id and plan of the applications, by their organisation and id or uid."""
    keys = {key for entry in entries for key in _keys(entry)}
    columns = (application.c.id, application.c.org_id, application.c.uid, application.c.plan)
    live = select(*columns).where(application.c.deleted_ms.is_(None))
    by_id = live.where(application.c.id.in_({name for _, name in keys}))
    by_uid = live.where(tuple_(application.c.org_id, application.c.uid).in_(keys))
    plans: dict[_AppKey, tuple[str, str]] = {}
    for app_id, org_id, uid, plan in connection.execute(by_uid.union(by_id)):
        plans[org_id, app_id] = app_id, plan
        if uid is not None:
            plans.setdefault((org_id, uid), (app_id, plan))
    return plans


def _implied(entry: _Entry) -> ApplicationDraft | None:
    """Return the application that came with the message, if one did and the token may make it."""
    publication = entry.publication
    draft = publication.application
    if draft is None or publication.scope.app_id is not None:
        return None
    return replace(draft, uid=publication.app_key if draft.uid is None else draft.uid)


def _refusal(entry: _Entry, found: tuple[str, str] | None) -> SenderError | None:
    if found is None or entry.publication.scope.app_id not in {None, found[0]}:
        return NotFound("there is no such application")
    if found[1] != ENTERPRISE:
        return PlanRequired("the application's plan does not include webhooks")
    return None


# --- what came before --------------------------------------------------------------------------


def _replay(connection: Connection, now_ms: int, entries: Sequence[_Entry]) -> None:
    keyed = {each.key: entry for entry in entries if (each := entry.publication.keyed)}
    if not keyed:
        return
    columns = (idempotency.c.key, idempotency.c.body, idempotency.c.reply)
    query = select(*columns).where(idempotency.c.key.in_(keyed), idempotency.c.expires_ms > now_ms)
    known = connection.execute(query).all()
    stored = _stored(connection, [(keyed[key].app_id, reply) for key, _, reply in known if reply])
    for key, body, reply in known:
        entry = keyed[key]
        entry.outcome = _repeated(entry.publication.keyed, body, stored.get((entry.app_id, reply)))


def _stored(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], Message]:
    if not keys:
        return {}
    query = select(message).where(tuple_(message.c.app_id, message.c.id).in_(keys))
    rows = connection.execute(query).mappings()
    return {(row["app_id"], row["id"]): read_message(row) for row in rows}


def _repeated(keyed: Keyed | None, body: str, stored: Message | None) -> Outcome:
    if keyed is not None and keyed.body != body:
        return KeyReused("this idempotency key was used with another body")
    if stored is None:
        return Conflict(
            "the first request with this idempotency key is under way, or its message gone"
        )
    return Published(message=stored, replayed=True)


# --- what is published -------------------------------------------------------------------------


def _check_schemas(connection: Connection, _now_ms: int, entries: Sequence[_Entry]) -> None:
    publications = [entry.publication for entry in entries]
    columns = (
        event_type.c.org_id,
        event_type.c.name,
        event_type.c.schemas,
        event_type.c.updated_ms,
    )
    query = select(*columns).where(
        event_type.c.org_id.in_({each.scope.org_id for each in publications}),
        event_type.c.name.in_({each.draft.event_type for each in publications}),
        event_type.c.enforced,
        event_type.c.archived.is_(False),
        event_type.c.schemas.is_not(None),
    )
    enforced = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(query)}
    if not enforced:
        return
    for entry in entries:
        each = entry.publication
        found = enforced.get((each.scope.org_id, each.draft.event_type))
        if found is not None and found[1] != each.checked_ms:
            entry.outcome = Unchecked(*found)


_EVENT_IDS = Wanted("app_id, event_id", "message", ("app_id", "event_id"))


def _check_event_ids(connection: Connection, _now_ms: int, entries: Sequence[_Entry]) -> None:
    wanted = {(entry.app_id, event_id) for entry in entries if (event_id := _event_id(entry))}
    if not wanted:
        return
    rows = moves_of(connection).lookup(connection, _EVENT_IDS, sorted(wanted))
    taken = {(row[0], row[1]) for row in rows}
    for entry in entries:
        event_id = _event_id(entry)
        if event_id is None:
            continue
        if (entry.app_id, event_id) in taken:
            entry.outcome = Conflict("a message with this eventId exists already")
        taken.add((entry.app_id, event_id))


def _event_id(entry: _Entry) -> str | None:
    return entry.publication.draft.event_id


def _store(connection: Connection, now_ms: int, entries: Sequence[_Entry]) -> None:
    _make_applications(connection, now_ms, entries)
    # In one order everywhere, so that two that store the same event ids do not lock each other out.
    accepted = [
        (entry, make_accepted(now_ms, entry.app_id, entry.publication.draft))
        for entry in sorted(entries, key=lambda each: (each.app_id, _event_id(each) or ""))
    ]
    keys = [
        (keyed.key, keyed.body, _ACCEPTED, each.message.id, now_ms + KEY_MS)
        for entry, each in accepted
        if (keyed := entry.publication.keyed)
    ]
    if keys:
        _keep_keys(connection, now_ms, sorted(keys))
    insert_accepted(connection, now_ms, [each for _, each in accepted])
    for entry, each in accepted:
        entry.outcome = Published(message=each.message)


def _make_applications(connection: Connection, now_ms: int, entries: Sequence[_Entry]) -> None:
    """Make what messages imply, now that nothing refuses them: each by its first message."""
    made: set[str] = set()
    for entry in entries:
        if entry.implied is not None and entry.app_id not in made:
            org_id = entry.publication.scope.org_id
            create_application(connection, now_ms, org_id, entry.implied, app_id=entry.app_id)
            made.add(entry.app_id)


def _keep_keys(connection: Connection, now_ms: int, rows: Sequence[tuple[object, ...]]) -> None:
    expired = delete(idempotency).where(
        idempotency.c.key.in_([row[0] for row in rows]), idempotency.c.expires_ms <= now_ms
    )
    connection.execute(expired)
    columns = "key, body, status, reply, expires_ms"
    moves_of(connection).insert(connection, "idempotency", columns, rows)


_STEPS: Sequence[Callable[[Connection, int, Sequence[_Entry]], None]] = (
    _check_tokens,
    _find_applications,
    _replay,
    _check_schemas,
    _check_event_ids,
    _store,
)
