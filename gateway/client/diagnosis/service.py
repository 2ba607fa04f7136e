"""The gateway as a client sees it: does it answer, is it ready, what may the key, what time does it have."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx

from gateway.client import ApiError, Client, ClientError, NotAuthenticated, NotFound, Retries
from gateway.client.diagnosis.check import Check, Outcome

PATIENCE_S = 10.0
SKEW_S = 30.0  # webhooks and expiries are checked against clocks
ONCE = Retries(attempts=1)


def gateway(url: str, key: str, transport: httpx.BaseTransport | None = None) -> Iterator[Check]:
    try:
        with httpx.Client(base_url=url, timeout=PATIENCE_S, transport=transport) as http:
            answer = http.get("/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        advice = "Start it (likeness up), or correct LIKENESS_URL."
        yield Check.failed("gateway", f"{url} does not answer ({error})", advice)
        return
    yield _readiness(url, answer)
    yield _clock(answer)
    yield from _authenticated(url, key, transport)


def _readiness(url: str, answer: httpx.Response) -> Check:
    if answer.is_success:
        return Check.ok("gateway", f"{url} is ready")
    detail = ApiError.of(answer).detail
    return Check.failed("gateway", f"{url}: {detail}", "The checks of Redis, the object store and the queues say more.")


def _clock(answer: httpx.Response) -> Check:
    try:
        skew = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return Check.skipped("clock", "the gateway does not tell its time")
    if abs(skew) <= SKEW_S:
        return Check.ok("clock", "as the gateway's")
    found = f"the gateway's is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    return Check.warning("clock", found, "Set both by NTP: signatures and expiry dates are checked against them.")


def _authenticated(url: str, key: str, transport: httpx.BaseTransport | None) -> Iterator[Check]:
    """What the key opens, and what the workers behind the gateway say they can check."""
    with Client(url, key, timeout=PATIENCE_S, retries=ONCE, transport=transport) as client:
        found = _key(client)
        yield found
        if found.outcome is Outcome.OK:
            yield _liveness(client)


def _key(client: Client) -> Check:
    try:
        found = client.keys.whoami()
    except NotAuthenticated:
        advice = "Correct LIKENESS_API_KEY, or ask for another key (likeness keys create)."
        return Check.failed("key", "is unknown, expired or revoked", advice)
    except NotFound:
        return Check.skipped("key", "this gateway is too old to say what the key may do")
    except ClientError as error:
        return Check.failed("key", str(error), "See the gateway's log.")
    until = f", until {found['expires_at'][:10]}" if found["expires_at"] else ""
    return Check.ok("key", f"{found['key']} of {found['tenant']}: {', '.join(found['scopes'])}{until}")


def _liveness(client: Client) -> Check:
    try:
        told = client.models.liveness()
    except KeyError:
        return Check.skipped("liveness", "this gateway is too old to say what can be checked")
    except ClientError as error:
        return Check.failed("liveness", str(error), "See the gateway's log.")
    found = {"passive": told["passive"], "active": told["active"]}
    reasons = dict.fromkeys(one.get("reason", "") for one in found.values() if not one["available"])
    words = ", ".join(f"{name}: {'available' if one['available'] else 'not available'}" for name, one in found.items())
    return Check.warning("liveness", words, " ".join(reasons)) if reasons else Check.ok("liveness", words)
