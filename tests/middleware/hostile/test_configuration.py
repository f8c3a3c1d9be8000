import pytest

import hookseal.asgi
import hookseal.wsgi
from hookseal import ConfigError

from .delivery import KEY, secret

FACES = (hookseal.asgi, hookseal.wsgi)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "   ",
        [],
        [""],
        [secret(KEY), ""],
        [None],
        b"whsec_" + b"A" * 44,
        7,
        secret(KEY) + "\n",
        "whsec_",
        "whsec_not base64!",
        secret(b"short"),
        secret(bytes(65)),
        secret(KEY)[6:],
        secret(KEY, "sk_live_"),
        secret(KEY, "WHSEC_"),
        secret(bytes(31), "whpk_"),
    ],
    ids=repr,
)
def test_a_secret_that_cannot_protect_stops_the_start(face, given):
    with pytest.raises(ConfigError, match=r"^secrets: ") as raised:
        face.WebhookMiddleware(lambda *_: None, secrets=given)
    assert secret(KEY)[6:] not in str(raised.value)
