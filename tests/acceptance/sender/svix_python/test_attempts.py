"""What was tried, and trying again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from svix.api import MessageAttemptListByEndpointOptions, MessageAttemptListByMsgOptions
from svix.models import (
    EndpointIn,
    EndpointPatch,
    MessageAttemptTriggerType,
    MessageStatus,
    RecoverIn,
    StatusCodeClass,
)

from .steps import attempts, destination, publish

pytestmark = pytest.mark.acceptance


def test_attempts_are_listed_each_way_and_read(svix, app, keeping, sink, name):
    message = publish(svix, app)
    sink.kept(name)
    (attempt,) = attempts(svix, app.id, message.id)
    assert (attempt.msg_id, attempt.endpoint_id) == (message.id, keeping.id)
    assert (attempt.response_status_code, attempt.status) == (200, MessageStatus.SUCCESS)
    assert attempt.trigger_type is MessageAttemptTriggerType.SCHEDULED
    assert attempt.url == keeping.url

    assert svix.message_attempt.get(app.id, message.id, attempt.id).id == attempt.id
    of_endpoint = svix.message_attempt.list_by_endpoint(app.id, keeping.id).data
    assert [each.id for each in of_endpoint] == [attempt.id]
    attempted = svix.message_attempt.list_attempted_messages(app.id, keeping.id).data
    assert [(each.id, each.status) for each in attempted] == [(message.id, MessageStatus.SUCCESS)]
    assert destination(svix, app.id, message.id, MessageStatus.SUCCESS).id == keeping.id

    svix.message_attempt.expunge_content(app.id, message.id, attempt.id)
    assert svix.message_attempt.get(app.id, message.id, attempt.id).response != attempt.response


def test_attempts_are_filtered_by_outcome_and_code(svix, app, sink, name):
    urls = {code: f"{sink.url}/status/{code}/{name}" for code in (200, 404, 500)}
    endpoints = {
        code: svix.endpoint.create(app.id, EndpointIn(url=url)).id for code, url in urls.items()
    }
    message = publish(svix, app)
    attempts(svix, app.id, message.id, 1 + 2 + 2)  # one retry each

    def codes(**options):
        listed = svix.message_attempt.list_by_msg(
            app.id, message.id, MessageAttemptListByMsgOptions(**options)
        )
        return sorted(each.response_status_code for each in listed.data)

    assert codes() == [200, 404, 404, 500, 500]
    assert codes(status=MessageStatus.SUCCESS) == [200]
    assert codes(status=MessageStatus.FAIL) == [404, 404, 500, 500]
    assert codes(status_code_class=StatusCodeClass.CODE4XX) == [404, 404]
    assert codes(endpoint_id=endpoints[500]) == [500, 500]
    failed = MessageAttemptListByEndpointOptions(status=MessageStatus.FAIL)
    assert not svix.message_attempt.list_by_endpoint(app.id, endpoints[200], failed).data


def test_a_resent_message_is_delivered_again_under_the_same_id(svix, app, keeping, sink, name):
    message = publish(svix, app)
    attempts(svix, app.id, message.id)
    svix.message_attempt.resend(app.id, message.id, keeping.id)

    delivered = sink.kept(name, 2)
    assert {each["headers"]["webhook-id"] for each in delivered} == {message.id}
    newest = attempts(svix, app.id, message.id, 2)[0]
    assert newest.trigger_type is MessageAttemptTriggerType.MANUAL


def test_what_failed_is_recovered_and_what_succeeded_is_not(svix, app, sink, name):
    begun = datetime.now(UTC) - timedelta(minutes=1)
    failing = svix.endpoint.create(
        app.id, EndpointIn(url=f"{sink.url}/status/500/{name}", uid="failing")
    )
    lost = publish(svix, app)
    destination(svix, app.id, lost.id, MessageStatus.FAIL)
    svix.endpoint.patch(app.id, failing.id, EndpointPatch(url=f"{sink.url}/keep/{name}"))
    good = publish(svix, app)
    destination(svix, app.id, good.id, MessageStatus.SUCCESS)

    task = svix.endpoint.recover(app.id, failing.id, RecoverIn(since=begun))
    assert task.id.startswith("qtask_")
    destination(svix, app.id, lost.id, MessageStatus.SUCCESS)
    delivered = [each["headers"]["webhook-id"] for each in sink.kept(name, 2)]
    assert delivered == [good.id, lost.id]


def test_the_stats_of_an_endpoint(svix, app, keeping, sink, name):
    for _ in range(3):
        publish(svix, app)
    sink.kept(name, 3)
    for message in svix.message.list(app.id).data:
        destination(svix, app.id, message.id, MessageStatus.SUCCESS)

    stats = svix.endpoint.get_stats(app.id, keeping.id)
    assert (stats.success, stats.pending, stats.sending, stats.fail) == (3, 0, 0, 0)
