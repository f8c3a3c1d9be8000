API=$SENDER/api/v1
call() { curl --silent --show-error --fail-with-body --oauth2-bearer "$TOKEN" "$@"; echo; }
