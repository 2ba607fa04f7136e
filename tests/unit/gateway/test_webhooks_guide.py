"""docs/webhooks.md: its receiver takes what we send and nothing else, and its numbers are those of the settings."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from standardwebhooks.webhooks import WebhookVerificationError

from shared.schemas import WebhookEvent
from shared.webhooks.messages import message
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.signing import headers, new_secret

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
SETTINGS = WebhookSettings()


def test_the_receiver_of_the_page_takes_what_is_signed_once_and_nothing_else() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    secret, remembered, seen = new_secret(), list[tuple[str, ...]](), set[str]()

    def seen_before(message_id: str) -> bool:
        known = message_id in seen
        seen.add(message_id)
        return known

    names: dict[str, Any] = {
        "__name__": __name__,
        "seen_before": seen_before,
        "remember": lambda *what: remembered.append(what),
    }
    exec(code.replace("whsec_…", secret), names)  # noqa: S102 - our own page
    app: Flask = names["app"]
    app.testing = True
    body = message(WebhookEvent.PING, time.time(), {"id": "w1"}).encode()
    signed = headers([new_secret(), secret], "d1", int(time.time()), body)
    client = app.test_client()
    for _ in range(2):
        assert client.post("/likeness", data=body, headers=signed).status_code == 204
    assert remembered == [("webhook.ping", "w1")]
    with pytest.raises(WebhookVerificationError):
        client.post("/likeness", data=body + b" ", headers=signed)


def test_every_event_is_there() -> None:
    assert {event.value for event in WebhookEvent} == set(re.findall(r"`((?:job|batch|person|webhook)\.[a-z]+)`", PAGE))


def test_every_setting_is_there() -> None:
    named = {
        name
        for cell in re.findall(r"^\| (`[A-Z].*?) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`([A-Z_]+)", cell)
    }
    assert named <= {name.upper() for name in WebhookSettings.model_fields}
    assert len(named) >= 9


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("port 80, 443, 8080 or 8443", SETTINGS.ports == "80,443,8080,8443"),
        ("within 15 seconds", SETTINGS.timeout_seconds == 15),
        ("any other up to four", SETTINGS.concurrency == 4),
        ("At most\n5,000 of a webhook wait", SETTINGS.waiting == 5000),
        ("read for 7 days, the\nlast 2,000", (SETTINGS.log_days, SETTINGS.log_entries) == (7, 2000)),
        ("when three deliveries in a\nrow", SETTINGS.disable_after == 3),
        (
            "after 5 seconds, 5 minutes,\n30 minutes, 2, 5, 10, 14, 20 and 24 hours",
            SETTINGS.retry_delays == (5, 300, 1800, *(3600 * hours for hours in (2, 5, 10, 14, 20, 24))),
        ),
    ],
)
def test_the_pages_numbers_are_those_of_the_settings(words: str, value: bool) -> None:
    assert words in PAGE
    assert value
