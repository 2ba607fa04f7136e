"""A webhook is taken from the gateway only, and only now."""

import base64
import hashlib
import hmac

import pytest

from gateway.client import WebhookNotTrusted, verify_webhook

NOW = 1_790_000_000
KEY = b"0123456789abcdef01234567"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
BODY = b'{"type": "job.succeeded", "timestamp": "2026-11-22T00:00:00Z", "data": {"id": "j"}}'


def sign(body: bytes = BODY, *, key: bytes = KEY, stamp: str = str(NOW)) -> dict[str, str]:
    digest = hmac.new(key, f"msg_1.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": "msg_1",
        "webhook-timestamp": stamp,
        "WEBHOOK-SIGNATURE": f"v1,{base64.b64encode(digest).decode()}",
    }


def test_the_example_of_the_standard_is_right() -> None:
    """From the test suite of standard-webhooks' reference implementations."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert dict(verify_webhook(headers, '{"test": 2432232314}', secret, now=1614265330)) == {"test": 2432232314}


def test_what_the_gateway_signed_is_its_event() -> None:
    assert verify_webhook(sign(), BODY, SECRET, now=NOW)["data"] == {"id": "j"}


def test_one_of_several_signatures_is_enough() -> None:
    headers = sign()
    headers["WEBHOOK-SIGNATURE"] = f"v1a,xxxx {sign(key=b'former')['WEBHOOK-SIGNATURE']} {headers['WEBHOOK-SIGNATURE']}"
    assert verify_webhook(headers, BODY, SECRET, now=NOW)


@pytest.mark.parametrize(
    "headers",
    [
        sign(b"{}"),
        sign(key=b"another"),
        {**sign(), "Webhook-Id": "msg_2"},
        {**sign(), "webhook-timestamp": str(NOW + 1)},
        {**sign(), "WEBHOOK-SIGNATURE": ""},
        {**sign(), "WEBHOOK-SIGNATURE": "v1,"},
        {**sign(), "WEBHOOK-SIGNATURE": "v1,ä"},
        {**sign(), "WEBHOOK-SIGNATURE": sign()["WEBHOOK-SIGNATURE"].replace("v1", "v2")},
        sign(stamp="soon"),
        sign(stamp="-5"),
        sign(stamp="9" * 5000),
        sign(stamp=str(NOW - 301)),
        sign(stamp=str(NOW + 301)),
        {},
        {name: value for name, value in sign().items() if name != "Webhook-Id"},
    ],
)
def test_anything_else_is_not_trusted(headers: dict[str, str]) -> None:
    with pytest.raises(WebhookNotTrusted):
        verify_webhook(headers, BODY, SECRET, now=NOW)


def test_clocks_may_differ_a_little() -> None:
    for stamp in (NOW - 299, NOW + 299):
        assert verify_webhook(sign(stamp=str(stamp)), BODY, SECRET, now=NOW)
    with pytest.raises(WebhookNotTrusted):
        verify_webhook(sign(stamp=str(NOW - 299)), BODY, SECRET, now=NOW, tolerance=60)


@pytest.mark.parametrize("secret", ["whsec_!!", "whsec_", ""])
def test_a_secret_that_is_none_is_named(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(sign(key=b""), BODY, secret, now=NOW)
