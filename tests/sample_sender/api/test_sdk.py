"""The official SDK, over a real server on real sockets."""

import asyncio
import time

import pytest
import svix
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EndpointPatch,
    MessageAttemptListByMsgOptions,
    MessageIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError
from svix.models import (
    EndpointHeadersIn,
    EndpointSecretRotateIn,
    EndpointUpsertIn,
    EventExampleIn,
    EventTypeIn,
    RecoverIn,
)

from hookseal_sender.api import Services, create_app
from hookseal_sender.model import DEFAULT_ORGANISATION, Scope
from hookseal_sender.retry import RetrySchedule
from hookseal_sender.store import open_store
from hookseal_sender.transport import HttpTransport
from hookseal_sender.worker import Worker, WorkerPolicy
from tests.sample_sender.api.conftest import KEY, LOOPBACK

pytestmark = pytest.mark.anyio


class Receiver:
    """A customer's endpoint: answers from a script, then 200."""

    def __init__(self, *script):
        self.script, self.requests, self.arrived = list(script), [], asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = (await receive())["body"]
        self.requests.append(({k.decode(): v.decode() for k, v in scope["headers"]}, body))
        status = self.script.pop(0) if self.script else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"thanks"})
        if status == 200:
            self.arrived.set()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request):
    """The whole way works on both."""
    return request.param


@pytest.fixture
async def live(database_url, vault):
    """A store on the real clock."""
    store = open_store(database_url, vault)
    yield store
    await store.close()


@pytest.fixture
async def connected(live, served):
    """Give the SDK against a served API: ``sdk, url``."""
    services = Services(store=live, tokens=KEY, guard=LOOPBACK, clock=time.time)
    token = KEY.issue(Scope(org_id=DEFAULT_ORGANISATION), now=int(time.time()))
    async with served(create_app(services)) as url:
        sdk = Svix(token, SvixOptions(server_url=url))
        yield sdk
        sdk.application._httpx_client.close()


call = asyncio.to_thread


async def test_one_event_from_publish_to_verified_delivery(live, connected, served):
    sdk, receiver = connected, Receiver(500)
    transport = HttpTransport(LOOPBACK)
    worker = Worker(live, transport, WorkerPolicy(schedule=RetrySchedule(delays=(0.01, 0.01))))
    running = asyncio.create_task(worker.run())
    async with served(receiver) as target:
        await call(sdk.application.create, ApplicationIn(name="tenant", uid="t"))
        settings = EndpointIn(url=f"{target}/hook", description="mine", event_types=["user.*"])
        endpoint = await call(sdk.endpoint.create, "t", settings)
        assert (await call(sdk.endpoint.get, "t", endpoint.id)) == endpoint
        secret = await call(sdk.endpoint.get_secret, "t", endpoint.id)
        event = MessageIn(event_type="user.created", payload={"a": 1})
        message = await call(sdk.message.create, "t", event)
        await asyncio.wait_for(receiver.arrived.wait(), 10)
        worker.stop()
        await running
    for headers, body in receiver.requests:
        svix.Webhook(secret.key).verify(body, headers)
        assert headers["webhook-id"] == message.id
    options = MessageAttemptListByMsgOptions(with_content=True)
    listed = await call(sdk.message_attempt.list_by_msg, "t", message.id, options)
    assert [each.response_status_code for each in listed.data] == [200, 500]
    assert listed.data[0].response == "thanks"
    by_endpoint = await call(sdk.message_attempt.list_by_endpoint, "t", endpoint.id)
    assert [each.id for each in by_endpoint.data] == [each.id for each in listed.data]
    assert by_endpoint.data[0].response == "{}"
    await call(sdk.message_attempt.resend, "t", message.id, endpoint.id)
    (destination,) = (
        await call(sdk.message_attempt.list_attempted_destinations, "t", message.id)
    ).data
    assert (destination.id, destination.status) == (endpoint.id, 1)
    (attempted,) = (await call(sdk.message_attempt.list_attempted_messages, "t", endpoint.id)).data
    assert attempted.id == message.id
    await transport.close()


async def test_the_sdk_manages_applications_endpoints_and_event_types(connected):
    sdk = connected
    await call(sdk.application.create, ApplicationIn(name="tenant", uid="t"))
    assert (await call(sdk.application.get_or_create, ApplicationIn(name="x", uid="t"))).uid == "t"
    endpoint = await call(sdk.endpoint.create, "t", EndpointIn(url="https://example.com/a"))
    patched = await call(sdk.endpoint.patch, "t", endpoint.id, EndpointPatch(disabled=True))
    assert patched.disabled
    replaced = await call(
        sdk.endpoint.upsert, "t", endpoint.id, EndpointUpsertIn(url="https://example.com/")
    )
    assert (replaced.id, replaced.url) == (endpoint.id, "https://example.com/")
    await call(sdk.endpoint.rotate_secret, "t", endpoint.id, EndpointSecretRotateIn())
    await call(sdk.endpoint.set_headers, "t", endpoint.id, EndpointHeadersIn(headers={"X-A": "b"}))
    assert (await call(sdk.endpoint.get_headers, "t", endpoint.id)).headers == {"X-A": "b"}
    recover = RecoverIn.model_validate({"since": "2020-01-01T00:00:00Z"})
    assert (await call(sdk.endpoint.recover, "t", endpoint.id, recover)).id.startswith("qtask_")
    assert (await call(sdk.endpoint.get_stats, "t", endpoint.id)).success == 0
    await call(sdk.endpoint.send_example, "t", endpoint.id, EventExampleIn(event_type="svix.ping"))
    await call(sdk.event_type.create, EventTypeIn(name="user.created", description="d"))
    assert [each.name for each in (await call(sdk.event_type.list)).data] == ["user.created"]
    assert [each.id for each in (await call(sdk.endpoint.list, "t")).data] == [endpoint.id]
    assert len((await call(sdk.message.list, "t")).data) == 1
    assert [each.uid for each in (await call(sdk.application.list)).data] == ["t"]
    with pytest.raises(HTTPValidationError):
        await call(sdk.endpoint.create, "t", EndpointIn(url="http://10.0.0.1/"))
    await call(sdk.endpoint.delete, "t", endpoint.id)
    with pytest.raises(HttpError) as caught:
        await call(sdk.endpoint.get, "t", endpoint.id)
    assert (caught.value.code, caught.value.status_code) == ("not_found", 404)
    await call(sdk.application.delete, "t")
    await call(sdk.authentication.logout)
    with pytest.raises(HttpError) as caught:
        await call(sdk.application.list)
    assert caught.value.status_code == 401
