from fastapi import FastAPI, Request

from hookseal.asgi import WebhookMiddleware
from hookseal.testing import generate_secret

SECRET = generate_secret()
api = FastAPI()
app = WebhookMiddleware(api, secrets=SECRET)


@api.post("/webhooks")
async def receive(request: Request):
    return {"handled": request.state.hookseal_event.id}


def test_an_invoice_is_handled_once(webhook_client):
    webhooks = webhook_client(app, secret=SECRET, path="/webhooks")

    first = webhooks.send({"type": "invoice.paid"}, event_id="msg_1")
    again = webhooks.send({"type": "invoice.paid"}, event_id="msg_1")

    assert first.status == again.status == 200
    assert again.headers["webhook-replayed"] == "true"


def test_a_forged_delivery_is_refused(webhook_client):
    forger = webhook_client(app, secret=generate_secret(), path="/webhooks")

    response = forger.send({"type": "invoice.paid"})

    assert response.status == 401
    assert response.json()["code"] == "signature_invalid"
