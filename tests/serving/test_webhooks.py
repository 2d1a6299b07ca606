"""Signed webhooks: the published test vector, and everything that must not get in."""

from __future__ import annotations

import time

import pytest

from data_contracts.configuration import Webhook, configuration_from
from data_contracts.errors import ConfigurationError, Unauthorized
from serving.webhooks import TOLERANCE_SECONDS, Webhooks, signature

# The example of the Standard Webhooks libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = b"msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SIGNATURE = b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**changes: bytes) -> dict[bytes, bytes]:
    given = {"id": ID, "timestamp": str(AT).encode(), "signature": SIGNATURE} | changes
    return {f"webhook-{name}".encode(): value for name, value in given.items() if value}


def webhook(secret: str = SECRET) -> Webhook:
    return Webhook(name="crm", format="hubspot", secret=secret)


def door(now: float = AT) -> Webhooks:
    return Webhooks([webhook()], clock=lambda: now)


def test_the_published_example_is_let_in() -> None:
    assert signature(webhook().key, ID, str(AT).encode(), BODY) == SIGNATURE
    for now in (AT, AT - TOLERANCE_SECONDS, AT + TOLERANCE_SECONDS):
        assert door(now).admit(b"name=crm", headers(), BODY).name == "crm"
    several = b"v1,bm90IHRoaXMgb25l v2,x " + SIGNATURE
    assert door().admit(b"a=b&name=crm", headers(signature=several), BODY).format == "hubspot"


@pytest.mark.parametrize(
    ("query", "given", "body", "now"),
    [
        (b"name=crm", headers(), BODY + b" ", AT),
        (b"name=crm", headers(), BODY, AT + TOLERANCE_SECONDS + 1),
        (b"name=crm", headers(), BODY, AT - TOLERANCE_SECONDS - 1),
        (b"name=crm", headers(timestamp=str(AT + 1).encode()), BODY, AT),
        (b"name=crm", headers(timestamp=b"soon"), BODY, AT),
        (b"name=crm", headers(timestamp=b"9" * 500), BODY, AT),
        (b"name=crm", headers(id=b"msg_other"), BODY, AT),
        (b"name=crm", headers(id=b""), BODY, AT),
        (b"name=crm", headers(signature=b""), BODY, AT),
        (b"name=crm", headers(signature=SIGNATURE.removeprefix(b"v1,")), BODY, AT),
        (b"name=crm", headers(signature=b"\xff\xfe"), BODY, AT),
        (b"name=other", headers(), BODY, AT),
        (b"\xff%ff", headers(), BODY, AT),
        (b"", headers(), BODY, AT),
    ],
)
def test_everything_else_is_not(query: bytes, given: dict[bytes, bytes], body: bytes, now: float) -> None:
    with pytest.raises(Unauthorized, match="not signed"):
        door(now).admit(query, given, body)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_!!!!"])
def test_a_secret_that_is_none_is_told_without_it(secret: str) -> None:
    entry = {"name": "crm", "format": "hubspot", "secret": secret}
    with pytest.raises(ConfigurationError, match=r"service\.webhooks.*must be whsec_") as told:
        configuration_from({"service": {"webhooks": [entry]}})
    assert secret not in told.value.detail.replace("whsec_ and", "") or secret == "whsec_"


def test_a_name_stands_once() -> None:
    entry = {"name": "crm", "format": "hubspot", "secret": SECRET}
    with pytest.raises(ConfigurationError, match="'crm' stands twice"):
        configuration_from({"service": {"webhooks": [entry, entry]}})
    assert SECRET not in repr(configuration_from({"service": {"webhooks": [entry]}}))


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery that is signed now."""
    at = str(int(time.time())).encode()
    made = signature(webhook(secret).key, b"msg-1", at, body).decode()
    return {"webhook-id": "msg-1", "webhook-timestamp": at.decode(), "webhook-signature": made}
