"""What requests tell the outbox, for the audit."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from redis import Redis

from gateway.context import Services
from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import ACCURATE_MODEL
from shared.outbox import Occurrence, Reader
from shared.schemas import Calibration, Model, PolicyKind
from tests.unit.gateway.conftest import PHOTO, PREFIX, Api


@pytest.fixture
def ada(galleries: GalleryStore, staff: str) -> str:
    """Her pseudonym."""
    return galleries.get_person("default", staff, "ada").uid


def calibration(model: Model) -> Calibration:
    return Calibration(
        id="c1",
        policy="verify-fmr-1e-4",
        kind=PolicyKind.VERIFICATION,
        target=1e-4,
        created_at=datetime.now(UTC),
        model=model,
        points=[],
        threshold=0.4,
        persons=9,
        comparisons=99,
        errors=0,
        interval=(0.0, 0.1),
        source="gallery",
    )


def told(services: Services) -> list[Occurrence]:
    return services.outbox.read(Reader.AUDIT)


def test_a_gallerys_life_is_told_with_who_did_it(api: Api, services: Services) -> None:
    headers = {"X-Request-Id": "about-ada"}
    assert api.post("/v1/galleries", json={"id": "g"}, headers=headers).status_code == 201
    assert api("PATCH", "/v1/galleries/g", json={"lookalikes": "refuse"}).status_code == 200
    assert api.delete("/v1/galleries/g").status_code == 204
    created, changed, deleted = told(services)
    assert [one.kind for one in (created, changed, deleted)] == [
        "gallery.created",
        "gallery.changed",
        "gallery.deleted",
    ]
    assert (created.tenant, created.data["gallery"]) == ("default", "g")
    assert re.fullmatch("[0-9a-f]{32}", created.trace), "what a client writes is in no log that lasts"
    assert created.actor in api.token
    assert changed.data == {"gallery": "g", "fields": ["lookalikes"]}


def test_a_refused_attempt_to_be_taken_for_a_person_is_told_once(
    api: Api, services: Services, staff: str, redis: Redis
) -> None:
    path, fields = f"/v1/galleries/{staff}/verifications", {"person": "ada", "device": "front"}
    while (answer := api.upload(path, fields, image=PHOTO)).status_code == 202:
        assert not told(services)
    assert answer.status_code == 429
    (one,) = told(services)
    assert (one.kind, one.data["person"], one.data["device"]) == ("verification.refused", "ada", "front")
    assert (one.data["decision"], one.data["reason"]) == ("denied", "person_locked")
    for _ in range(20):
        assert api.upload(path, fields, image=PHOTO).status_code == 429
    assert told(services) == [one], "one entry for all that are refused until it is worth trying again"
    (key,) = redis.keys(f"{PREFIX}attempts:*:told")
    assert 55 < redis.ttl(key) <= 60
    redis.delete(key)
    assert api.upload(path, fields, image=PHOTO).status_code == 429
    assert len(told(services)) == 2


def test_a_deleted_face_is_told_of_the_persons_pseudonym(api: Api, services: Services, ada: str) -> None:
    assert api.delete("/v1/galleries/staff/persons/ada/faces/f1").status_code == 204
    assert api.delete("/v1/galleries/staff/persons/ada/faces/f1").status_code == 404
    (one,) = told(services)
    assert (one.kind, one.data) == ("face.deleted", {"gallery": "staff", "uid": ada, "face": "f1"})


def test_an_enrolment_that_is_taken_back_is_told_as_such(api: Api, services: Services, ada: str) -> None:
    assert api.delete("/v1/galleries/staff/persons/ada/faces/f1?undo=true").status_code == 204
    (one,) = told(services)
    assert one.data == {"gallery": "staff", "uid": ada, "face": "f1", "undo": True}


def test_a_deleted_calibration_is_told(api: Api, services: Services, galleries: GalleryStore, staff: str) -> None:
    made = calibration(galleries.get_gallery("default", staff).model)
    galleries.update_gallery("default", staff, lambda gallery: gallery.with_calibration(made))
    path = f"/v1/galleries/{staff}/calibrations/{made.policy}"
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 404
    (one,) = told(services)
    assert (one.kind, one.data) == ("calibration.deleted", {"gallery": "staff", "policy": made.policy})


def test_a_webhooks_life_is_told(api: Api, services: Services) -> None:
    fields = {"url": "https://93.184.216.34/hook", "events": ["job.failed"]}
    made = api.post("/v1/webhooks", json=fields).get_json()["id"]
    path = f"/v1/webhooks/{made}"
    assert api("PATCH", path, json={"description": "doors"}).status_code == 200
    assert api.post(f"{path}/rotate-secret").status_code == 200
    assert api.delete(path).status_code == 204
    for refused in (api.delete(path), api.post(f"{path}/rotate-secret"), api("PATCH", path, json={"description": "x"})):
        assert refused.status_code == 404
    assert [(one.kind, one.data) for one in told(services)] == [
        ("webhook.created", {"id": made}),
        ("webhook.changed", {"id": made, "fields": ["description"]}),
        ("webhook.rotated", {"id": made}),
        ("webhook.deleted", {"id": made}),
    ]


def test_a_replay_of_erasures_is_told(api: Api, services: Services) -> None:
    entry = {"gallery": "g", "uid": "0" * 32, "erased_at": "2026-01-01T00:00:00Z", "reason": "requested"}
    assert api.upload("/v1/erasures/replay", log=json.dumps(entry).encode()).status_code == 200
    assert [(one.kind, one.data) for one in told(services)] == [("erasures.replayed", {"entries": 1})]


def test_what_was_refused_is_not_told(api: Api, services: Services, staff: str) -> None:
    assert api.post("/v1/galleries", json={"id": staff}).status_code == 409
    assert api("PATCH", "/v1/galleries/none", json={"lookalikes": "refuse"}).status_code == 404
    assert api.delete("/v1/galleries/none").status_code == 404
    assert told(services) == []


def test_a_migration_is_told_step_by_step(api: Api, services: Services, staff: str) -> None:
    other = ACCURATE_MODEL.name
    path = f"/v1/galleries/{staff}/migrations"
    made = api.post(path, json={"model": other}).json
    assert made is not None
    assert api.post(path, json={"model": other}).status_code == 409
    assert api.post(f"{path}/{made['id']}/cut-over", json={"leave_behind": True}).status_code == 200
    assert api.post(f"{path}/{made['id']}/complete").status_code == 204
    started, changed, ended = told(services)
    assert [one.kind for one in (started, changed, ended)] == [
        "migration.started",
        "migration.changed",
        "migration.ended",
    ]
    assert (started.data["model"], changed.data["model"]) == (made["target"]["digest"], made["target"]["digest"])
    assert ended.data == {"gallery": staff, "migration": made["id"], "model": made["source"]["digest"]}


@contextmanager
def broken(redis: Redis) -> Iterator[None]:
    """The outbox takes nothing."""
    name = f"{PREFIX}outbox"
    redis.set(name, "no stream")
    yield
    redis.delete(name)


def test_nothing_is_changed_untold(api: Api, redis: Redis, services: Services, staff: str) -> None:
    path, galleries = f"/v1/galleries/{staff}", services.galleries
    ada = f"{path}/persons/ada"
    assert api("PATCH", path, json={"access": {"groups": ["board"]}}).status_code == 200
    made = api.post(f"{path}/migrations", json={"model": ACCURATE_MODEL.name}).get_json()
    before = galleries.get_gallery("default", staff), galleries.get_person("default", staff, "ada")
    redis.delete(f"{PREFIX}outbox")
    with broken(redis):
        for answer in (
            api("PATCH", path, json={"access": {"groups": []}}),
            api.put(ada, json={"groups": ["board"]}),
            api.post(f"{path}/migrations/{made['id']}/cut-over", json={"leave_behind": True}),
        ):
            assert (answer.status_code, answer.get_json()["code"]) == (503, "queue_unavailable")
    assert (galleries.get_gallery("default", staff), galleries.get_person("default", staff, "ada")) == before


def test_what_a_batch_says_of_people_is_not_taken_untold(api: Api, redis: Redis, services: Services) -> None:
    services.galleries.create_gallery("default", "staff")
    services.galleries.ensure_person("default", "staff", "bob")
    line = {"person": "bob", "image": b64encode(PHOTO).decode(), "groups": ["board"]}
    with broken(redis):
        answer = api.upload("/v1/galleries/staff/enrolment-batches", manifest=json.dumps(line).encode())
        assert answer.status_code == 503
    assert services.galleries.get_person("default", "staff", "bob").groups == ()


def test_changes_that_are_refused_are_not_told(api: Api, services: Services, staff: str) -> None:
    path = f"/v1/galleries/{staff}"
    assert api("PATCH", path, json={"access": {"verification_policy": "lax"}}).status_code == 422
    dates = {"valid_from": "2030-01-01T00:00:00Z", "valid_until": "2029-01-01T00:00:00Z"}
    assert api.put(f"{path}/persons/ada", json=dates).status_code == 422
    assert told(services) == []
