"""Operations on messages: publishing and reading them.

Knows which store operation answers which request. Must not know how bodies are parsed or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hookseal_sender.api.examples import example_payload
from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.lists import MESSAGE_QUERY, list_out, message_filter, page_request
from hookseal_sender.api.message_inputs import example_in, message_in
from hookseal_sender.api.outputs import accepted_json, message_out
from hookseal_sender.api.parameters import WITH_CONTENT
from hookseal_sender.api.registry import Operation
from hookseal_sender.api.replies import NO_CONTENT, Reply, json_reply
from hookseal_sender.errors import PayloadRefused, StoreUnavailable
from hookseal_sender.model import MessageDraft

if TYPE_CHECKING:
    from hookseal_sender.api.call import Call

__all__ = ["OPERATIONS"]

_TAG = "Message"
_PATH = "/app/{app_id}/msg/{msg_id}"


async def _create(call: Call) -> Reply:
    key, observer = call.path["app_id"], call.services.observer
    values, payload = call.body_and("payload")
    draft, application = message_in(values, payload, key, call.now_ms, call.services.default_plan)
    try:
        published = await call.store.publish(
            call.scope, key, draft, application=application, keyed=call.keyed
        )
    except PayloadRefused as error:
        raise InputInvalid([fault(("body", "payload"), str(error), "value_error.schema")]) from None
    except StoreUnavailable:
        observer.failed("publish")
        raise
    if not published.replayed:
        observer.published(1)
    body = accepted_json(published.message, with_content=call.query(WITH_CONTENT))
    return Reply(status=202, body=body)


async def _list(call: Call) -> Reply:
    application = await call.tenant()
    request = page_request(call, "msg_", newest_first=True)
    page = await call.store.messages(application.id, request, message_filter(call))
    with_content = call.query(WITH_CONTENT)
    rendered = [message_out(item, with_content=with_content) for item in page.items]
    return json_reply(list_out(page, request, lambda item: item.id, rendered))


async def _get(call: Call) -> Reply:
    found = await call.store.message((await call.tenant()).id, call.path["msg_id"])
    return json_reply(message_out(found, with_content=call.query(WITH_CONTENT)))


async def _expunge(call: Call) -> Reply:
    found = await call.store.message((await call.tenant()).id, call.path["msg_id"])
    await call.store.expunge_message(found.app_id, found.id)
    return NO_CONTENT


async def _send_example(call: Call) -> Reply:
    endpoint = await call.endpoint()
    event_type = example_in(call.body())
    payload = await example_payload(call.store, call.scope, event_type)
    draft = MessageDraft(event_type=event_type, payload=json_reply(payload).body)
    message = await call.store.publish_to(endpoint.app_id, endpoint.id, draft)
    call.services.observer.published(1)
    return Reply(status=200, body=accepted_json(message, with_content=True))


OPERATIONS = (
    Operation(
        id="v1.message.list",
        method="GET",
        path="/app/{app_id}/msg",
        summary="List messages, newest first",
        tag=_TAG,
        handler=_list,
        query=(*MESSAGE_QUERY, WITH_CONTENT),
        replies={200: "ListResponse_MessageOut_"},
    ),
    Operation(
        id="v1.message.create",
        method="POST",
        path="/app/{app_id}/msg",
        summary="Publish a message",
        description="Once this answers 202 the message is stored and will be delivered to every "
        "endpoint that wants it.",
        tag=_TAG,
        handler=_create,
        query=(WITH_CONTENT,),
        body="MessageIn",
        replies={202: "MessageOut"},
        scope="organisation",
        reply_kept_by="store",  # with the message
        checks_token=False,  # so does it check the token
    ),
    Operation(
        id="v1.message.get",
        method="GET",
        path=_PATH,
        summary="Get a message",
        tag=_TAG,
        handler=_get,
        query=(WITH_CONTENT,),
        replies={200: "MessageOut"},
    ),
    Operation(
        id="v1.message.expunge-content",
        method="DELETE",
        path=f"{_PATH}/content",
        summary="Remove a message's payload",
        description="What was not delivered yet is cancelled.",
        tag=_TAG,
        handler=_expunge,
        replies={204: None},
        scope="organisation",
    ),
    Operation(
        id="v1.endpoint.send-example",
        method="POST",
        path="/app/{app_id}/endpoint/{endpoint_id}/send-example",
        summary="Send an example of an event to an endpoint",
        description="The payload is the first example in the event type's newest schema, or made "
        "of its parts. `svix.ping` and `hookseal.ping` are always there.",
        tag="Endpoint",
        handler=_send_example,
        body="EventExampleIn",
        replies={200: "MessageOut"},
    ),
)
