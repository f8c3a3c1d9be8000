call $API/event-type --json '{"name": "invoice.paid", "description": "An invoice was paid.",
  "enforced": true, "schemas": {"1": {
    "type": "object", "required": ["invoice"],
    "properties": {"invoice": {"type": "string"}, "amount": {"type": "integer"}},
    "examples": [{"invoice": "in_4821", "amount": 1999}]}}}'
call $API/app/acme/endpoint/billing/send-example --json '{"eventType": "invoice.paid"}'
