"""`/v1/webhooks`: whom to tell, shown secrets, refused targets, the log of deliveries."""

import time

import pytest
from redis import Redis

from gateway.auth import Scope
from gateway.context import Services
from shared.schemas import Attempt, DeliveryState, WebhookEvent
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.settings import WebhookSettings
from tests.unit.gateway.conftest import PREFIX, Api, MakeApi

URL = "https://93.184.215.14/hook"  # an address, so that no test asks a name server


def create(api: Api, **fields: object) -> dict[str, object]:
    answer = api.post("/v1/webhooks", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.get_json()
    return made


def test_a_webhook_is_made_with_a_secret_that_is_shown_once(api: Api) -> None:
    made = create(api, events=["job.succeeded"], description="door log")
    assert str(made["secret"]).startswith("whsec_")
    read = api.get(f"/v1/webhooks/{made['id']}").get_json()
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert read["events"] == ["job.succeeded"]
    assert (read["status"], read["dropped"], read["description"]) == ("enabled", 0, "door log")
    assert api.get("/v1/webhooks").get_json() == {"webhooks": [read], "next_cursor": None}
    assert str(made["secret"]) not in api.get("/v1/webhooks").text


def test_events_left_out_are_all_of_them_and_a_form_repeats_the_field(api: Api) -> None:
    assert create(api)["events"] == [event.value for event in WebhookEvent]
    form = {"url": URL, "events": ["job.failed", "batch.finished"]}
    made = api.post("/v1/webhooks", data=form, content_type="multipart/form-data")
    assert made.status_code == 201
    assert made.get_json()["events"] == ["job.failed", "batch.finished"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://93.184.215.14/", "invalid_field"),
        ("ftp://93.184.215.14/", "invalid_field"),
        ("nonsense", "invalid_field"),
        ("https://user:word@93.184.215.14/", "invalid_field"),
        ("https://93.184.215.14:22/", "forbidden_target"),
        ("https://127.0.0.1/", "forbidden_target"),
        ("https://2130706433/", "forbidden_target"),
        ("https://localhost/", "forbidden_target"),
        ("https://169.254.169.254/latest/meta-data", "forbidden_target"),
        ("https://[fd00:ec2::254]/", "forbidden_target"),
        ("https://[::ffff:10.0.0.1]/", "forbidden_target"),
        ("https://93.184.215.14/" + "a" * 2048, "invalid_field"),
        ("https://no-such-host.invalid/", "forbidden_target"),
        (7, "invalid_field"),
        (None, "invalid_field"),
    ],
)
def test_a_target_that_is_not_allowed_is_refused_with_what_to_do(api: Api, url: object, code: str) -> None:
    for answer in (
        api.post("/v1/webhooks", json={"url": url}),
        api("PATCH", f"/v1/webhooks/{create(api)['id']}", json={"url": url}),
    ):
        assert answer.status_code == 422
        assert answer.get_json()["code"] == code
        assert "url" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    "fields",
    [
        {"events": ["job.started"]},
        {"events": []},
        {"events": None},
        {"events": 5},
        {"description": "x" * 300},
        {"surprise": 1},
    ],
)
def test_wrong_fields_are_refused_by_name(api: Api, fields: dict[str, object]) -> None:
    answer = api.post("/v1/webhooks", json={"url": URL, **fields})
    assert answer.status_code == 422
    assert next(iter(fields)) in answer.get_json()["detail"]


def test_changes_leave_the_rest_as_it_is(api: Api) -> None:
    made = create(api, description="old")
    path = f"/v1/webhooks/{made['id']}"
    changed = api("PATCH", path, json={"events": ["job.failed"], "description": None})
    assert changed.status_code == 200
    assert changed.get_json()["events"] == ["job.failed"]
    assert changed.get_json()["description"] is None
    assert changed.get_json()["url"] == made["url"]
    for name in ("url", "events", "status"):
        assert api("PATCH", path, json={name: None}).status_code == 422


def test_a_disabled_webhook_takes_neither_pings_nor_retries_until_it_is_enabled(api: Api) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    waiting = api.post(f"{path}/ping").get_json()
    assert waiting["state"] == "pending"
    assert api("PATCH", path, json={"status": "disabled"}).get_json()["status"] == "disabled"
    assert api.get(f"{path}/deliveries").get_json()["deliveries"][0]["state"] == "cancelled"
    for call in (f"{path}/ping", f"{path}/deliveries/{waiting['id']}/retry"):
        refused = api.post(call)
        assert (refused.status_code, refused.get_json()["code"]) == (409, "webhook_disabled")
    assert api("PATCH", path, json={"status": "enabled"}).get_json()["disabled_reason"] is None
    assert api.post(f"{path}/deliveries/{waiting['id']}/retry").get_json()["state"] == "pending"


def test_a_new_secret_is_shown_once_and_is_another_one(api: Api) -> None:
    made = create(api)
    rotated = api.post(f"/v1/webhooks/{made['id']}/rotate-secret")
    assert rotated.status_code == 200
    assert rotated.get_json()["secret"] != made["secret"]
    assert "secret" not in api.get(f"/v1/webhooks/{made['id']}").get_json()


def test_deliveries_are_listed_newest_first_by_pages(api: Api) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    ids = [api.post(f"{path}/ping").get_json()["id"] for _ in range(5)]
    first = api.get(f"{path}/deliveries?limit=3").get_json()
    rest = api.get(f"{path}/deliveries?limit=3&cursor={first['next_cursor']}").get_json()
    assert [one["id"] for one in first["deliveries"] + rest["deliveries"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_the_log_tells_of_each_attempt(api: Api, services: Services) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    ping = api.post(f"{path}/ping").get_json()["id"]
    deliveries = services.deliveries
    assert deliveries.hand_out() == [ping]
    claimed = deliveries.claim(ping)
    assert claimed is not None
    attempt = Attempt(at=time.time(), ms=12, status=500, error="The receiver answered 500.", excerpt="oh")
    deliveries.settle(claimed, DeliveryState.PENDING, attempt, delay=300)
    (shown,) = api.get(f"{path}/deliveries").get_json()["deliveries"]
    assert shown["state"] == "pending"
    assert shown["next_attempt_at"] is not None
    assert shown["attempts"][0] | {"at": None} == {
        "at": None, "ms": 12, "status": 500, "error": "The receiver answered 500.", "excerpt": "oh",
    }  # fmt: skip


def test_a_deleted_webhook_is_gone_with_its_deliveries(api: Api, redis: Redis) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    api.post(f"{path}/ping")
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 404
    assert api.get(f"{path}/deliveries").get_json()["code"] == "webhook_not_found"
    assert redis.keys(f"{PREFIX}deliver*") == []
    assert redis.keys(f"{PREFIX}webhook*") == []


def test_a_tenant_has_so_many_webhooks_and_no_more(api: Api) -> None:
    for _ in range(20):
        create(api)
    refused = api.post("/v1/webhooks", json={"url": URL})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "too_many_webhooks")


def test_another_tenant_sees_nothing_of_it(api: Api, make_api: MakeApi) -> None:
    path = f"/v1/webhooks/{create(api)['id']}"
    ping = api.post(f"{path}/ping").get_json()["id"]
    other = make_api("other")
    assert other.get("/v1/webhooks").get_json() == {"webhooks": [], "next_cursor": None}
    for method, call in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/ping"),
        ("POST", f"{path}/rotate-secret"),
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/deliveries/{ping}/retry"),
    ):
        answer = other(method, call, json={}) if method == "PATCH" else other(method, call)
        assert answer.status_code == 404, call
    own = create(other)
    assert other.post(f"/v1/webhooks/{own['id']}/deliveries/{ping}/retry").get_json()["code"] == "delivery_not_found"


def test_only_administrators_may_see_webhooks(make_api: MakeApi) -> None:
    assert make_api(scopes=set(Scope) - {Scope.ADMIN}).get("/v1/webhooks").status_code == 403


def test_what_was_dropped_because_too_many_waited_is_told(api: Api, services: Services, redis: Redis) -> None:
    made = create(api)
    webhook = services.webhooks.get("default", str(made["id"]))
    narrow = DeliveryStore(redis, PREFIX, WebhookSettings(waiting=1))
    assert narrow.create(webhook, WebhookEvent.PING, "{}", delivery="a")
    assert not narrow.create(webhook, WebhookEvent.PING, "{}", delivery="b")
    assert api.get(f"/v1/webhooks/{made['id']}").get_json()["dropped"] == 1
