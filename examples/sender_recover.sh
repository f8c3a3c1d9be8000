SINCE=$(date --utc --date '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)
call "$API/app/acme/delivery?state=failed&status_code=503"
call $API/app/acme/msg/in_4821-paid/endpoint/billing/resend --json '{}'
call $API/app/acme/endpoint/billing/recover --json '{"since": "'$SINCE'"}'
call $API/app/acme/endpoint/billing/replay --json '{"since": "'$SINCE'", "state": "succeeded"}'
call -X PATCH $API/app/acme/endpoint/billing --json '{"disabled": true}'
call $API/app/acme/endpoint/billing/held
call $API/app/acme/endpoint/billing/resume --json '{"since": "'$SINCE'"}'
call $API/app/acme/msg/in_4821-paid/cancel --json '{}'
