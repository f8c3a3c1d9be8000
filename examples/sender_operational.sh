OURSELVES=org_000000000000000000000000001
(
  TOKEN=$(hookseal-sender token --operational) # in here only
  call $API/app --json '{"name": "Ourselves", "uid": "'$OURSELVES'"}'
  call $API/app/$OURSELVES/endpoint --json \
    '{"url": "'$ENDPOINT'", "eventTypes": ["endpoint.disabled", "message.attempt.exhausted"]}'
)
