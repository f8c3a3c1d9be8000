import os

from flask import Flask, request

from hookseal.wsgi import WebhookMiddleware

app = Flask(__name__)


@app.post("/webhooks")
def receive() -> dict[str, str]:
    event = request.environ["hookseal_event"]  # verified, fresh, and here for the first time
    return {"handled": event.id}


app.wsgi_app = WebhookMiddleware(  # type: ignore[method-assign] # Flask's own way to wrap an app
    app.wsgi_app, secrets=os.environ.get("WEBHOOK_SECRET"), paths=["/webhooks"]
)
