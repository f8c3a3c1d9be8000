import express from "express";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const app = express();

function handle(id, event) {
  // The same id may come again: remember in your database that it was handled.
  console.log("handling", id, event.type);
}

// The bytes as they came, not express.json(): the signature is over them.
const bytes = express.raw({ type: () => true, limit: "1mb" });

app.post("/webhooks", bytes, (request, response) => {
  let event;
  try {
    event = webhook.verify(request.body ?? Buffer.alloc(0), request.headers);
  } catch (error) {
    response.sendStatus(error instanceof WebhookVerificationError ? 401 : 400);
    return;
  }
  handle(request.headers["webhook-id"], event);
  response.sendStatus(204); // within a few seconds; leave slow work to a queue
});

app.listen(process.env.PORT ?? 3000);
