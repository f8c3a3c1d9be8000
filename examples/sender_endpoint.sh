call -X PATCH $API/app/acme/endpoint/billing --json '{
  "eventTypes": ["invoice.*", "order.paid"], "channels": ["eu"],
  "throttleRate": 50, "timeout": 10, "retrySchedule": [5, 60, 600, 3600]}'
call -X PUT $API/app/acme/endpoint/billing/headers --json \
  '{"headers": {"X-Region": "eu", "Authorization": "Basic YWNtZTpzM2NyZXQ="}}'
call $API/app/acme/endpoint/billing/headers
call $API/app/acme/endpoint/billing/secret/rotate --json '{"gracePeriodSeconds": 3600}'
