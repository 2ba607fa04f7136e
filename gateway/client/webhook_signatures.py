"""Is a webhook the gateway's? Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, base64, after `v1,`."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any, TypedDict

from gateway.client.errors import WebhookNotTrusted

TOLERANCE_S = 300
PREFIX = "whsec_"


class WebhookEvent(TypedDict):
    """Thin on purpose: fetch the job by its id for the rest."""

    type: str
    timestamp: str
    data: dict[str, Any]


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes | str,
    secret: str,
    *,
    tolerance: float = TOLERANCE_S,
    now: float | None = None,
) -> WebhookEvent:
    """The event that a webhook brings, once it is sure that the gateway sent it just now.

    Args:
        headers: of the request; the case of their names does not matter.
        body: as it came in, to the byte: parsed and printed again it has another signature.
        secret: the webhook's, `whsec_…`.
        tolerance: seconds that the sender's clock, or a recording of the request, may be off.
        now: seconds since 1970; default: the clock's.

    Raises:
        WebhookNotTrusted: answer 400 and do nothing. `webhook-id` is the same when an event is sent again.
        ValueError: the secret is none.
    """
    key = _key(secret)
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, stamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise WebhookNotTrusted(f"The header {missing} is missing: the gateway did not send this.") from None
    if not re.fullmatch("[0-9]{1,12}", stamp) or abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise WebhookNotTrusted("The webhook is too old or too new: it may be a repetition, or a clock is wrong.")
    raw = body.encode() if isinstance(body, str) else body
    made = hmac.new(key, f"{message}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(made)
    if not any(hmac.compare_digest(wanted, one.encode()) for one in signatures.split()):
        raise WebhookNotTrusted("The signature is not right: the gateway did not send this, or with another secret.")
    event: WebhookEvent = json.loads(raw)
    return event


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:  # with an empty one everybody could sign
        raise ValueError(f"A webhook's secret is {PREFIX} and base64.")
    return key
