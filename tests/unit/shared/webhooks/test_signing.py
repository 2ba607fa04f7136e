"""Signatures, against the official library of Standard Webhooks."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from shared.webhooks.signing import headers, new_secret, signature

# Of the specification's own libraries (test vector of standardwebhooks 1.0).
VECTOR = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')


def test_the_specifications_vector() -> None:
    assert signature(*VECTOR) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(max_size=200))
def test_the_official_library_verifies_what_was_signed(text: str) -> None:
    secret, body = new_secret(), text.encode()
    Webhook(secret).verify(body, headers([secret], "msg_1", int(time.time()), body), json_parse=False)


def test_a_changed_body_is_noticed() -> None:
    secret = new_secret()
    sent = headers([secret], "msg_1", int(time.time()), b'{"a":1}')
    assert Webhook(secret).verify(b'{"a":1}', sent) == {"a": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a":2}', sent)


def test_two_secrets_verify_during_a_change() -> None:
    former, present, other = new_secret(), new_secret(), new_secret()
    sent = headers([present, former], "msg_1", int(time.time()), b"{}")
    assert Webhook(former).verify(b"{}", sent) == Webhook(present).verify(b"{}", sent) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(b"{}", sent)


def test_secrets_are_random_and_as_long_as_the_specification_asks() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert 24 <= len(base64.b64decode(first.removeprefix("whsec_"))) <= 64
