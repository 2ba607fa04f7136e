"""API keys on the live stack: what was revoked or rotated is refused within seconds, where it is cached too."""

import time
from typing import Any

import httpx
import pytest

from shared.embedded.info import StackInfo

CACHE_S = 5.0  # LIKENESS_AUTH__CACHE_SECONDS


def make(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = http.post("/v1/keys", json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def whoami(stack: StackInfo, token: str) -> int:
    return httpx.get(f"{stack.url}/v1/whoami", headers={"Authorization": f"Bearer {token}"}).status_code


def refused_after(stack: StackInfo, token: str) -> float:
    """Seconds until the key is refused."""
    started = time.monotonic()
    while whoami(stack, token) != 401:
        assert time.monotonic() - started < CACHE_S + 2
        time.sleep(0.1)
    return time.monotonic() - started


def test_a_door_of_another_tenant_sees_nothing_of_ours(http: httpx.Client, stack: StackInfo, gallery: str) -> None:
    door = make(http, tenant="acme", role="door", name="north gate", expires_in_days=90)
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {door['token']}"}) as theirs:
        assert theirs.get("/v1/whoami").json()["tenant"] == "acme"
        assert theirs.get(f"/v1/galleries/{gallery}").status_code == 404
        assert theirs.get("/v1/galleries").json() == {"galleries": [], "next_cursor": None}
        assert theirs.post("/v1/galleries", json={"id": "mine"}).status_code == 403
    http.delete(f"/v1/keys/{door['id']}").raise_for_status()


@pytest.mark.parametrize("how", ["revoke", "rotate"])
def test_a_key_that_was_in_use_is_refused_within_seconds(http: httpx.Client, stack: StackInfo, how: str) -> None:
    made = make(http, role="door")
    assert whoami(stack, made["token"]) == 200
    if how == "revoke":
        http.delete(f"/v1/keys/{made['id']}").raise_for_status()
    else:
        assert whoami(stack, http.post(f"/v1/keys/{made['id']}/rotate").json()["token"]) == 200
    assert refused_after(stack, made["token"]) <= CACHE_S + 1


def test_with_grace_the_former_secret_works_until_it_is_over(http: httpx.Client, stack: StackInfo) -> None:
    made = make(http, role="door")
    rotated = http.post(f"/v1/keys/{made['id']}/rotate", json={"grace_seconds": 2}).json()
    assert (whoami(stack, made["token"]), whoami(stack, rotated["token"])) == (200, 200)
    assert refused_after(stack, made["token"]) > 0.5
    assert whoami(stack, rotated["token"]) == 200
