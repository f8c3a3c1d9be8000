import os

from flask import Flask

from hookseal import WebhookEvent
from hookseal.flask import webhook, webhook_event

app = Flask(__name__)


def handle(event: WebhookEvent) -> None:
    print("handling", event.json()["type"])


@app.post("/webhooks")
@webhook(secrets=os.environ.get("WEBHOOK_SECRET"))
def receive() -> dict[str, str]:
    event = webhook_event()  # request.environ["hookseal_event"], typed
    handle(event)
    return {"handled": event.id}
