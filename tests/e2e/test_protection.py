"""Enrolment that protects a gallery: lookalikes, photos of somebody else, too many templates."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from gateway.client import Client, NotPermitted
from gateway.client.documents import Enrolment
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS, Restricted


@pytest.fixture
def obama(client: Client, gallery: str) -> str:
    """A gallery with one person."""
    assert client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg").result["warnings"] == []
    return gallery


def test_a_second_name_for_one_face_is_flagged_and_named(client: Client, obama: str) -> None:
    result = client.faces.enrol(obama, "somebody-else", PHOTOS / "obama-2.jpg").result
    (warning,) = result["warnings"]
    assert (result["verdict"], warning["code"], warning["person"]) == ("enrolled", "lookalike", "obama")
    assert (warning["score"] or 0) > 0.363


def test_whom_a_face_resembles_is_for_keys_that_may_recognise(obama: str, restricted: Restricted) -> None:
    with restricted({"enrol"}) as enroller:
        (warning,) = enroller.faces.enrol(obama, "somebody-else", PHOTOS / "obama-2.jpg").result["warnings"]
    assert warning["code"] == "lookalike"
    assert "person" not in warning
    assert "score" not in warning
    assert "obama" not in str(warning)


def test_a_gallery_may_refuse_lookalikes(client: Client, obama: str, s3: S3Store) -> None:
    client.galleries.change(obama, lookalikes="refuse")
    result = client.faces.enrol(obama, "somebody-else", PHOTOS / "obama-2.jpg").result
    assert (result["verdict"], result["face"]) == ("lookalike", None)
    assert list(s3.keys(f"galleries/default/{obama}/templates/somebody-else/")) == []
    other = client.faces.enrol(obama, "biden", PHOTOS / "biden.jpg").result
    assert (other["verdict"], other["warnings"]) == ("enrolled", [])


def test_more_photos_of_one_person_are_no_lookalikes(client: Client, obama: str) -> None:
    client.galleries.change(obama, lookalikes="refuse")
    for photo in ("obama-2.jpg", "obama-3.jpg"):
        result = client.faces.enrol(obama, "obama", PHOTOS / photo).result
        assert (result["verdict"], result["warnings"]) == ("enrolled", [])


def test_a_photo_of_somebody_else_is_refused_unless_an_administrator_is_sure(
    client: Client, obama: str, restricted: Restricted
) -> None:
    refused = client.faces.enrol(obama, "obama", PHOTOS / "biden.jpg").result
    (warning,) = refused["warnings"]
    assert (refused["verdict"], refused["face"], warning["code"]) == ("identity_conflict", None, "identity_conflict")
    assert client.persons.get(obama, "obama")["face_count"] == 1
    assert client.faces.verify(obama, "obama", PHOTOS / "biden.jpg").result["verdict"] == "no_match"
    with restricted({"enrol"}) as desk, pytest.raises(NotPermitted):
        desk.faces.enrol(obama, "obama", PHOTOS / "biden.jpg", override="identity_conflict")
    sure = client.faces.enrol(obama, "obama", PHOTOS / "biden.jpg", override="identity_conflict").result
    assert (sure["verdict"], sure["warnings"][0]["code"]) == ("enrolled", "identity_conflict")


def test_a_gallery_may_flag_photos_of_somebody_else(client: Client, obama: str) -> None:
    client.galleries.change(obama, conflicts="flag")
    strict = client.faces.enrol(obama, "obama", PHOTOS / "biden.jpg", conflicts="refuse").result
    assert strict["verdict"] == "identity_conflict"
    flagged = client.faces.enrol(obama, "obama", PHOTOS / "biden.jpg").result
    assert (flagged["verdict"], [one["code"] for one in flagged["warnings"]]) == ("enrolled", ["identity_conflict"])


def test_ten_times_the_same_photo_is_one_face(client: Client, obama: str) -> None:
    (face,) = client.persons.get(obama, "obama")["faces"]
    with ThreadPoolExecutor(5) as pool:
        again = list(pool.map(lambda _: client.faces.enrol(obama, "obama", PHOTOS / "obama-1.jpg").result, range(10)))
    assert {(one["verdict"], one["face"]) for one in again} == {("already_enrolled", face["id"])}
    assert client.persons.get(obama, "obama")["faces"] == [face]


@pytest.mark.parametrize("photo", ["group.jpg", "blank"])
def test_a_refused_photo_makes_nobody(client: Client, gallery: str, photo: str, tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), "grey").save(tmp_path / "blank.png")
    image = tmp_path / "blank.png" if photo == "blank" else PHOTOS / photo
    assert client.faces.enrol(gallery, "nobody", image).result["verdict"] in {"multiple_faces", "no_face"}
    assert list(client.persons.list(gallery)) == []


def test_the_last_enrolment_is_taken_back(client: Client, gallery: str, restricted: Restricted) -> None:
    client.galleries.change(gallery, thumbnails=True)
    made = client.faces.enrol(gallery, "typo", PHOTOS / "obama-1.jpg", label="desk").result
    assert made["created"]
    (face,) = client.persons.get(gallery, "typo")["faces"]
    assert (face["id"], face["label"], face["source"]) == (made["face"], "desk", "enrolment")
    assert client.faces.thumbnail(gallery, "typo", face["id"]).startswith(b"\xff\xd8\xff")
    with restricted({"enrol"}) as desk:
        desk.faces.delete(gallery, "typo", face["id"], undo=True)
    assert list(client.persons.list(gallery)) == []


def test_two_photos_enrolled_at_the_same_moment_do_not_replace_each_other(
    client: Client, http: httpx.Client, gallery: str
) -> None:
    client.galleries.change(gallery, templates_per_person=1)
    with ThreadPoolExecutor(4) as pool:
        photos = [PHOTOS / f"obama-{number}.jpg" for number in (1, 2, 3, 4)]
        list(pool.map(lambda photo: client.faces.enrol(gallery, "obama", photo).document, photos))
    assert len(http.get(f"/v1/galleries/{gallery}/persons/obama").json()["faces"]) == 1


def test_of_too_many_templates_the_weakest_former_one_goes(client: Client, http: httpx.Client, gallery: str) -> None:
    client.galleries.change(gallery, templates_per_person=2)

    def enrol(photo: str) -> Enrolment:
        return client.faces.enrol(gallery, "obama", PHOTOS / photo).result

    first, second = enrol("obama-1.jpg"), enrol("obama-2.jpg")
    assert (first["replaced"], second["replaced"]) == (None, None)
    third = enrol("obama-3.jpg")
    weakest = min((first, second), key=lambda result: result["quality"]["score"] if result["quality"] else 0)
    assert third["replaced"] == weakest["face"]
    kept = {face["id"] for face in http.get(f"/v1/galleries/{gallery}/persons/obama").json()["faces"]}
    assert kept == {first["face"], second["face"], third["face"]} - {weakest["face"]}
