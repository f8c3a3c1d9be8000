"""A tenant with one of everything, and a word planted in all that others must never see."""

from dataclasses import dataclass

from hookseal import generate_secret
from hookseal_sender.api.components import SCHEMAS, example
from hookseal_sender.model import (
    ApplicationDraft,
    AttemptDraft,
    EndpointDraft,
    EventTypeDraft,
    MessageDraft,
    Result,
    Scope,
)
from hookseal_sender.store import AttemptFilter, PageRequest


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """``ids`` and ``uids`` are what the parts of paths may be; ``canaries`` what must not leak.

    ``shared`` is what every token of the organisation may see.
    """

    org_id: str
    ids: dict[str, str]
    uids: dict[str, str]
    canaries: tuple[str, ...]
    shared: str

    @property
    def app_id(self):
        return self.ids["app_id"]


async def plant(store, org_id, word):
    """Make an application with an endpoint, an event type, and a message that was attempted."""
    canary, shared, key = f"canary-{word}", f"shared-{word}", generate_secret()
    app = await store.create_application(
        org_id, ApplicationDraft(name=canary, uid=f"app-{word}", metadata={"note": canary})
    )
    endpoint = await store.create_endpoint(
        app.id,
        EndpointDraft(
            url=f"https://{canary}.example/{canary}",
            name=canary,
            description=canary,
            uid=f"endpoint-{word}",
            metadata={"note": canary},
        ),
        key,
        {"X-Note": canary},
    )
    event_type = await store.create_event_type(
        org_id, EventTypeDraft(name=f"event.{word}", description=shared)
    )
    await store.create_event_type(
        org_id, EventTypeDraft(name=f"flagged.{word}", description=canary, feature_flag="beta")
    )
    draft = MessageDraft(
        event_type=event_type.name,
        payload=b'{"note":"%s"}' % canary.encode(),
        event_id=f"message-{word}",
    )
    message = (await store.publish(Scope(org_id=org_id), app.id, draft)).message
    attempt = await _attempt(store, canary, app.id, message.id)
    return Tenant(
        org_id=org_id,
        ids={
            "app_id": app.id,
            "endpoint_id": endpoint.id,
            "msg_id": message.id,
            "attempt_id": attempt.id,
            "event_type_name": event_type.name,
        },
        uids={
            "app_id": f"app-{word}",
            "endpoint_id": f"endpoint-{word}",
            "msg_id": f"message-{word}",
            "attempt_id": attempt.id,
            "event_type_name": event_type.name,
        },
        canaries=(canary, key.removeprefix("whsec_")),
        shared=shared,
    )


async def _attempt(store, canary, app_id, msg_id):
    """Attempt what is due, in vain and for the last time, and return the attempt of the message."""
    for task in (await store.claim(limit=10, per_endpoint=10, lease=30)).tasks:
        draft = AttemptDraft(
            url=task.url,
            started_ms=1_800_000_000_000,
            duration_ms=5,
            succeeded=False,
            status=500,
            response=canary,
            reason=canary,
            response_headers=(("X-Note", canary),),
        )
        assert await store.complete(Result(lease=task.lease, attempt=draft, retry_in=None))
    page = await store.attempts(app_id, PageRequest(), AttemptFilter(msg_id=msg_id))
    return page.items[0]


def body_of(operation):
    """Return a body that the operation takes, made of the document's example; None without one.

    It has no identifier of the caller's choice, as two things cannot have the same.
    """
    if operation.body is None:
        return None
    body = example(SCHEMAS[operation.body], SCHEMAS)
    return {name: value for name, value in body.items() if name not in {"uid", "eventId"}}
