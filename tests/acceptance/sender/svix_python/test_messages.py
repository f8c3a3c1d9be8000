"""Publishing, reading back, and what arrives."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from svix import Webhook, WebhookVerificationError
from svix.api import MessageCreateOptions, MessageListOptions
from svix.exceptions import HttpError
from svix.models import EventExampleIn, MessageIn

from hookseal import generate_secret

from .steps import EVENT, EXAMPLE, PAYLOAD, publish

pytestmark = pytest.mark.acceptance


def test_a_message_is_delivered_as_published_and_verifies(svix, app, keeping, sink, name):
    message = svix.message.create(
        app.id,
        MessageIn(event_type=EVENT, payload=PAYLOAD, event_id="evt_1", tags=["ignored"]),
    )
    assert (message.event_type, message.event_id) == (EVENT, "evt_1")
    delivered = sink.kept(name)[0]

    secret = svix.endpoint.get_secret(app.id, keeping.id).key
    Webhook(secret).verify(delivered["body"], delivered["headers"])
    assert json.loads(delivered["body"]) == PAYLOAD
    ids = [delivered["headers"][f"{brand}-id"] for brand in ("webhook", "svix")]
    assert ids == [message.id, message.id]
    with pytest.raises(WebhookVerificationError):
        Webhook(generate_secret()).verify(delivered["body"], delivered["headers"])


def test_a_message_is_read_by_id_and_event_id_with_and_without_content(svix, app):
    options = MessageCreateOptions(with_content=True)
    made = svix.message.create(
        app.id, MessageIn(event_type=EVENT, payload=PAYLOAD, event_id="evt_2"), options
    )
    assert made.payload == PAYLOAD
    assert svix.message.get(app.id, "evt_2").id == svix.message.get(app.id, made.id).id == made.id
    assert [item.payload for item in svix.message.list(app.id).data] == [{}]
    listed = svix.message.list(app.id, MessageListOptions(with_content=True))
    assert [item.payload for item in listed.data] == [PAYLOAD]


def test_an_event_id_is_taken_once_and_an_idempotency_key_answered_alike(svix, app):
    publish(svix, app, event_id="evt_3")
    with pytest.raises(HttpError) as refused:
        publish(svix, app, event_id="evt_3")
    assert (refused.value.status_code, refused.value.code) == (409, "conflict")

    options = MessageCreateOptions(idempotency_key=uuid.uuid4().hex)
    message = MessageIn(event_type=EVENT, payload=PAYLOAD)
    first, again = (svix.message.create(app.id, message, options) for _ in range(2))
    assert again == first
    assert len(svix.message.list(app.id).data) == 2


def test_messages_are_filtered_by_type_channel_and_time(svix, app):
    plain, channelled = publish(svix, app), publish(svix, app, channels=["project_1"])
    other = svix.message.create(app.id, MessageIn(event_type="user.created", payload={}))

    def ids(**options):
        return {item.id for item in svix.message.list(app.id, MessageListOptions(**options)).data}

    assert ids() == {other.id, channelled.id, plain.id}
    assert ids(event_types=[EVENT]) == {channelled.id, plain.id}
    assert ids(channel="project_1") == {channelled.id}
    assert ids(before=plain.timestamp - timedelta(hours=1)) == set()
    assert ids(after=plain.timestamp - timedelta(hours=1)) == ids()


def test_a_payload_is_expunged(svix, app):
    message = publish(svix, app)
    svix.message.expunge_content(app.id, message.id)
    assert svix.message.get(app.id, message.id).payload != PAYLOAD


def test_an_example_is_sent_to_one_endpoint(svix, app, keeping, sink, name):
    sent = svix.endpoint.send_example(app.id, keeping.id, EventExampleIn(event_type=EVENT))
    (delivered,) = sink.kept(name)
    assert delivered["headers"]["webhook-id"] == sent.id
    assert json.loads(delivered["body"]) == EXAMPLE
