from collections.abc import Mapping

from hookseal import Verifier, WebhookError

verifier = Verifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def handle(headers: Mapping[str, str], body: bytes) -> int:
    try:
        event = verifier.verify(headers, body)
    except WebhookError as error:
        print("refused:", error.code)
        return error.status_hint
    print("verified:", event.id)
    return 200
