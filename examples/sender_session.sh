call $API/app --json '{"name": "ACME", "uid": "acme"}'
call $API/app/acme/endpoint --json \
  '{"uid": "billing", "name": "Billing", "url": "'$ENDPOINT'", "eventTypes": ["invoice.*"]}'
call $API/app/acme/msg --json \
  '{"eventType": "invoice.paid", "eventId": "in_4821-paid", "payload": {"invoice": "in_4821"}}'
call $API/app/acme/attempt/msg/in_4821-paid
call $API/app/acme/endpoint/billing/secret
