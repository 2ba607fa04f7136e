"""A gallery moves to another model: photos supplied again, both models kept, one cut-over, a way back."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.client import ApiError, Client
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS

PEOPLE = {"obama": "obama-1.jpg", "biden": "biden.jpg", "hopper": "hopper.jpg"}


@pytest.fixture
def staff(client: Client, gallery: str) -> str:
    """A gallery of three people."""
    for person, photo in PEOPLE.items():
        client.faces.enrol(gallery, person, PHOTOS / photo)
    return gallery


def who(client: Client, gallery: str, photo: str) -> tuple[str, str | None]:
    """Which model recognised whom."""
    job: Any = client.faces.recognise(gallery, PHOTOS / photo).document
    return job["model"]["digest"], job["result"]["person"]


def digests(s3: S3Store, gallery: str) -> set[str]:
    return {key.split("/")[-2] for key in s3.keys(f"galleries/default/{gallery}/templates/")}


def test_a_gallery_migrates_is_rolled_back_and_completed_and_is_right_throughout(
    client: Client, staff: str, s3: S3Store
) -> None:
    started = client.migrations.start(staff, "accurate")
    assert (started["state"], started["persons"], started["migrated"]) == ("open", 3, 0)
    assert started["missing"] == sorted(PEOPLE)
    migration = started["id"]
    with pytest.raises(ApiError, match="migration_incomplete"):
        client.migrations.cut_over(staff, migration)

    for person, photo in PEOPLE.items():
        assert who(client, staff, "obama-2.jpg") == (DEFAULT_MODEL.digest, "obama")
        result = client.migrations.reembed(staff, migration, person, PHOTOS / photo).result
        assert result["verdict"] == "enrolled"
    # enrolled in the middle of it: known before and after the cut-over
    client.faces.enrol(staff, "macron", PHOTOS / "macron-2014.jpg")
    assert client.migrations.get(staff, migration)["missing"] == []
    assert who(client, staff, "macron-2025.jpg") == (DEFAULT_MODEL.digest, "macron")

    assert client.migrations.cut_over(staff, migration)["state"] == "cut_over"
    assert client.galleries.get(staff)["model"]["name"] == ACCURATE_MODEL.name
    expected = {"obama-2.jpg": "obama", "macron-2025.jpg": "macron", "sunak.jpg": None}
    assert {photo: who(client, staff, photo) for photo in expected} == {
        photo: (ACCURATE_MODEL.digest, person) for photo, person in expected.items()
    }
    verified: Any = client.faces.verify(staff, "obama", PHOTOS / "obama-3.jpg").document
    assert (verified["model"]["digest"], verified["result"]["verdict"]) == (ACCURATE_MODEL.digest, "match")

    client.faces.enrol(staff, "ardern", PHOTOS / "ardern-2018.jpg")
    assert client.migrations.roll_back(staff, migration)["state"] == "open"
    for photo, person in (("obama-2.jpg", "obama"), ("ardern-2022.jpg", "ardern")):
        assert who(client, staff, photo) == (DEFAULT_MODEL.digest, person)

    client.migrations.cut_over(staff, migration)
    client.migrations.complete(staff, migration)
    assert client.galleries.get(staff)["migration"] is None
    assert digests(s3, staff) == {ACCURATE_MODEL.digest}
    assert who(client, staff, "ardern-2022.jpg") == (ACCURATE_MODEL.digest, "ardern")


def test_searches_are_right_while_the_cut_over_happens(client: Client, staff: str) -> None:
    migration = client.migrations.start(staff, "accurate")["id"]
    for person, photo in PEOPLE.items():
        client.migrations.reembed(staff, migration, person, PHOTOS / photo)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(who, client, staff, "obama-2.jpg") for _ in range(12)]
        for _ in range(3):
            client.migrations.cut_over(staff, migration)
            answers += [pool.submit(who, client, staff, "obama-3.jpg") for _ in range(4)]
            client.migrations.roll_back(staff, migration)
        found = [answer.result() for answer in answers]
    assert {person for _, person in found} == {"obama"}


def test_a_photo_of_somebody_else_does_not_migrate_anybody(client: Client, staff: str) -> None:
    migration = client.migrations.start(staff, "accurate")["id"]
    result = client.migrations.reembed(staff, migration, "obama", PHOTOS / "sunak.jpg").result
    assert (result["verdict"], result["face"]) == ("identity_conflict", None)
    assert "obama" in client.migrations.get(staff, migration)["missing"]


def test_a_person_without_a_face_cannot_be_migrated(client: Client, http: httpx.Client, staff: str) -> None:
    """Nothing could tell whether the photo shows him: it would be an enrolment that nobody checked."""
    http.put(f"/v1/galleries/{staff}/persons/nobody").raise_for_status()
    migration = client.migrations.start(staff, "accurate")["id"]
    job: Any = client.migrations.reembed(staff, migration, "nobody", PHOTOS / "obama-1.jpg").document
    assert (job["status"], job["error"]["code"]) == ("failed", "no_face_enrolled")


def test_photos_that_are_under_way_when_a_migration_ends_leave_nothing(
    client: Client, http: httpx.Client, staff: str, s3: S3Store
) -> None:
    migration = client.migrations.start(staff, "accurate")["id"]
    photo = (PHOTOS / "obama-1.jpg").read_bytes()
    jobs = [
        http.post(
            f"/v1/galleries/{staff}/{path}",
            files={"image": ("a.jpg", photo)},
            data={"person": "obama"} if again else {},
        ).json()["id"]
        for path, again in ((f"migrations/{migration}/faces", True), ("persons/obama/faces", False)) * 3
    ]
    client.migrations.abandon(staff, migration)
    for job in jobs:
        client.jobs.wait(job, None)
    assert digests(s3, staff) == {DEFAULT_MODEL.digest}


def test_an_abandoned_migration_leaves_nothing(client: Client, staff: str, s3: S3Store) -> None:
    migration = client.migrations.start(staff, "accurate")["id"]
    client.migrations.reembed(staff, migration, "obama", PHOTOS / "obama-1.jpg")
    with pytest.raises(ApiError, match="migration_under_way"):
        client.migrations.start(staff, "accurate")
    client.migrations.abandon(staff, migration)
    assert digests(s3, staff) == {DEFAULT_MODEL.digest}
    with pytest.raises(ApiError, match="migration_not_found"):
        client.migrations.get(staff, migration)


def test_an_erased_person_leaves_no_template_of_either_model(
    client: Client, http: httpx.Client, staff: str, s3: S3Store
) -> None:
    migration = client.migrations.start(staff, "accurate")["id"]
    client.migrations.reembed(staff, migration, "obama", PHOTOS / "obama-1.jpg")
    http.delete(f"/v1/galleries/{staff}/persons/obama").raise_for_status()
    assert list(s3.keys(f"galleries/default/{staff}/templates/obama/")) == []


@pytest.mark.parametrize("model", ["nonesuch", "0123456789abcdef"])
def test_a_model_that_does_not_exist_is_refused_with_those_that_do(client: Client, gallery: str, model: str) -> None:
    with pytest.raises(ApiError, match=f"unknown_model.*{DEFAULT_MODEL.name}.*{ACCURATE_MODEL.name}"):
        client.migrations.start(gallery, model)
    with pytest.raises(ApiError, match="unknown_model"):
        client.galleries.create(f"{gallery}-2", model=model)


def test_two_photos_are_compared_with_the_accurate_model(client: Client) -> None:
    job: Any = client.faces.compare(PHOTOS / "macron-2014.jpg", PHOTOS / "macron-2025.jpg", model="accurate").document
    assert (job["model"]["digest"], job["result"]["verdict"]) == (ACCURATE_MODEL.digest, "match")
