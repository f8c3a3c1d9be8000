from fastapi import FastAPI, Request

from hookseal import Source
from hookseal.asgi import WebhookMiddleware
from hookseal.request import Request as WebhookRequest

SECRETS = {  # from your database, in a real app
    "acme": [
        "whsec_bmV3ZXN0LXNlY3JldC1vZi1hY21lLTAwMQ==",
        "whsec_b2xkZXItc2VjcmV0LW9mLWFjbWUtMDAwMQ==",
    ],
    "globex": ["whsec_dGhlLW9ubHktc2VjcmV0LW9mLWdsb2JleC0x"],
}
api = FastAPI()


async def secrets_of(request: WebhookRequest) -> Source | None:
    tenant = request.path.removeprefix("/webhooks/")
    if tenant not in SECRETS:
        return None  # answered exactly as a forged signature is
    return Source(tenant, SECRETS[tenant])


@api.post("/webhooks/{tenant}")
async def receive(request: Request) -> dict[str, str]:
    event = request.state.hookseal_event
    return {"handled": event.id, "from": event.source}


app = WebhookMiddleware(api, secrets=secrets_of, paths=["/webhooks"])
