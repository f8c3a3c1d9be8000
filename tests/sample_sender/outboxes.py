"""What tests of the outbox share: shorthand for claims, results and states."""

from hookseal_sender.model import DEFAULT_ORGANISATION, AttemptDraft, Result, Scope
from hookseal_sender.store import AttemptFilter, DeliveryFilter, PageRequest

ORG = Scope(org_id=DEFAULT_ORGANISATION)


def result_of(task, *, status=200, retry_in=5.0, response="", **fields):
    succeeded = status == 200
    attempt = AttemptDraft(
        url=task.url,
        started_ms=1,
        duration_ms=2,
        succeeded=succeeded,
        status=status,
        response=response,
        reason="because",
        response_headers=(("Server", "x"),),
    )
    return Result(
        lease=task.lease, attempt=attempt, retry_in=None if succeeded else retry_in, **fields
    )


async def claim(store, limit=100, per_endpoint=10, lease=30.0, **more):
    return (await store.claim(limit=limit, per_endpoint=per_endpoint, lease=lease, **more)).tasks


async def deliveries(store, app_id, **where):
    return (await store.deliveries(app_id, PageRequest(limit=250), DeliveryFilter(**where))).items


async def state(store, message, endpoint=None):
    """Return the state of the message's one delivery, or of that to ``endpoint``."""
    where = {} if endpoint is None else {"endpoint_id": endpoint.id}
    (delivery,) = await deliveries(store, message.app_id, msg_id=message.id, **where)
    return delivery.state


async def attempts(store, message):
    page = PageRequest(limit=250)
    found = await store.attempts(message.app_id, page, AttemptFilter(msg_id=message.id))
    return sorted(found.items, key=lambda each: each.number)  # made in one moment, ids are mixed


def lanes_of(tasks):
    return sorted(task.lease.endpoint_id for task in tasks)
