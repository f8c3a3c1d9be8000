"""Lists, page by page, forwards and back."""

from __future__ import annotations

import itertools

import pytest
from svix.api import (
    ApplicationListOptions,
    EndpointListOptions,
    EventTypeListOptions,
    MessageListOptions,
)
from svix.models import ApplicationIn, EndpointIn, EventTypeIn, Ordering

from .steps import publish

pytestmark = pytest.mark.acceptance


ORDERS = (None, Ordering.ASCENDING, Ordering.DESCENDING)
LISTS = [(kind, order) for kind in ("applications", "endpoints", "event types") for order in ORDERS]


@pytest.mark.parametrize(("kind", "order"), [*LISTS, ("messages", None)])
def test_pages_lead_to_the_end_and_back(svix, app, name, kind, order):
    listing = listing_of(svix, app, name, kind)
    options = {"order": order} if order else {}
    pages, iterator = [], None
    for _ in range(50):
        page = listing(limit=2, iterator=iterator, **options)
        pages.append([item_id(item) for item in page.data])
        if page.done:
            break
        iterator = page.iterator
    seen = list(itertools.chain(*pages))
    assert len(seen) == len(set(seen)) >= 5
    wanted = sorted(seen, reverse=order is Ordering.DESCENDING or kind == "messages")
    assert seen == wanted

    back = [pages[-1]]
    while page.prev_iterator and len(back) < len(pages):
        page = listing(limit=2, iterator=page.prev_iterator, **options)
        back.insert(0, [item_id(item) for item in page.data])
    assert back == pages
    assert page.done, "nothing comes before the first page"


def listing_of(svix, app, name, kind):
    """Make five of a kind and return what lists them."""
    for number in range(5):
        if kind == "applications":
            svix.application.create(ApplicationIn(name=f"{name}-{number}"))
        elif kind == "endpoints":
            svix.endpoint.create(app.id, EndpointIn(url=f"http://127.0.0.1:9/{number}"))
        elif kind == "event types":
            event = EventTypeIn(name=f"page.{name}.{number}", description="One of many")
            svix.event_type.create(event)
        else:
            publish(svix, app)
    return {
        "applications": lambda **how: svix.application.list(ApplicationListOptions(**how)),
        "endpoints": lambda **how: svix.endpoint.list(app.id, EndpointListOptions(**how)),
        "event types": lambda **how: svix.event_type.list(EventTypeListOptions(**how)),
        "messages": lambda **how: svix.message.list(app.id, MessageListOptions(**how)),
    }[kind]


def item_id(item):
    return getattr(item, "id", None) or item.name
