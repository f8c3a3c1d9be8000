import os

from svix.api import ApplicationIn, EndpointIn, MessageIn, Svix, SvixOptions

sender = Svix(os.environ["TOKEN"], SvixOptions(server_url=os.environ["SENDER"]))

sender.application.get_or_create(ApplicationIn(name="ACME", uid="acme"))
endpoint = sender.endpoint.create(
    "acme", EndpointIn(url=os.environ["ENDPOINT"], event_types=["order.*"])
)
print("for the customer's middleware:", sender.endpoint.get_secret("acme", endpoint.id).key)

message = sender.message.create(
    "acme", MessageIn(event_type="order.paid", event_id="order-17-paid", payload={"order": 17})
)
for destination in sender.message_attempt.list_attempted_destinations("acme", message.id).data:
    print(destination.url, destination.status_text)
