import { Svix } from "svix";

const sender = new Svix(process.env.TOKEN, { serverUrl: process.env.SENDER });

await sender.application.getOrCreate({ name: "ACME", uid: "acme" });
const endpoint = await sender.endpoint.create("acme", {
  url: process.env.ENDPOINT,
  eventTypes: ["order.*"],
});
const message = await sender.message.create("acme", {
  eventType: "order.shipped",
  payload: { order: 17 },
});
const attempts = await sender.messageAttempt.listByMsg("acme", message.id);
console.log(endpoint.id, message.id, attempts.data.length);
