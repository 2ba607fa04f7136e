"""People and their faces."""

import json

import pytest

from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.queue import Task
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker

PERSONS = "/v1/galleries/staff/persons"

pytestmark = pytest.mark.usefixtures("staff")


def test_putting_a_person_creates_him_once(api: Api) -> None:
    first, second = api.put(f"{PERSONS}/bob"), api.put(f"{PERSONS}/bob")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json() == second.get_json()
    assert first.get_json()["name"] is None


def test_a_name_is_set_kept_and_cleared(api: Api) -> None:
    assert api.put(f"{PERSONS}/bob", json={"name": "Bob"}).get_json()["name"] == "Bob"
    assert api.put(f"{PERSONS}/bob").get_json()["name"] == "Bob"
    assert api.put(f"{PERSONS}/bob", json={}).get_json()["name"] == "Bob"
    assert api.get(f"{PERSONS}/bob").get_json()["name"] == "Bob"
    assert api.put(f"{PERSONS}/bob", json={"name": None}).get_json()["name"] is None


@pytest.mark.parametrize("name", ["", "n" * 201])
def test_a_name_has_1_to_200_characters(api: Api, name: str) -> None:
    answer = api.put(f"{PERSONS}/bob", json={"name": name})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert "1 to 200 characters" in answer.get_json()["detail"]


def test_a_person_needs_a_gallery(api: Api) -> None:
    answer = api.put("/v1/galleries/nowhere/persons/bob")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "gallery_not_found")


def test_a_person_shows_his_faces_but_no_embedding(api: Api) -> None:
    answer = api.get(f"{PERSONS}/ada")
    (face,) = answer.get_json()["faces"]
    assert face["id"] == "f1"
    assert (face["quality"], face["model"]) == (0.9, DEFAULT_MODEL.digest)
    assert face["created_at"]
    assert "embedding" not in answer.text
    assert len(answer.get_json()["uid"]) == 32


def test_people_are_listed_page_by_page(api: Api) -> None:
    for person in ("bob", "cyd", "dan"):
        api.put(f"{PERSONS}/{person}")
    first = api.get(f"{PERSONS}?limit=3").get_json()
    assert [person["id"] for person in first["persons"]] == ["ada", "bob", "cyd"]
    last = api.get(f"{PERSONS}?limit=3&cursor={first['next_cursor']}").get_json()
    assert [person["id"] for person in last["persons"]] == ["dan"]
    assert last["next_cursor"] is None


def test_a_full_last_page_has_no_next(api: Api) -> None:
    assert api.get(f"{PERSONS}?limit=1").get_json()["next_cursor"] is None


def test_a_person_goes_with_his_faces(api: Api, galleries: GalleryStore) -> None:
    assert api.delete(f"{PERSONS}/ada").status_code == 200
    assert galleries.person_templates("default", "staff", "ada", DEFAULT_MODEL.digest) == []
    for again in (api.get(f"{PERSONS}/ada"), api.delete(f"{PERSONS}/ada")):
        assert (again.status_code, again.get_json()["code"]) == (404, "person_not_found")


def test_one_face_can_be_deleted(api: Api) -> None:
    assert api.delete(f"{PERSONS}/ada/faces/f1").status_code == 204
    assert api.get(f"{PERSONS}/ada").get_json()["faces"] == []
    answer = api.delete(f"{PERSONS}/ada/faces/f1")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "face_not_found")


def test_enrolling_a_stranger_creates_him(api: Api, worker: FakeWorker, galleries: GalleryStore) -> None:
    answer = api.upload(f"{PERSONS}/bob/faces", image=PHOTO)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "enrolment")
    assert worker.published[0][0] is Task.ENROL
    payload = worker.claim().payload
    assert (payload["gallery"], payload["person"]) == ("staff", "bob")
    assert payload["person_uid"] == galleries.get_person("default", "staff", "bob").uid
    assert len(payload["face"]) == 32


def test_enrolling_again_is_for_the_same_person(api: Api, worker: FakeWorker) -> None:
    for _ in range(2):
        api.upload(f"{PERSONS}/bob/faces", image=PHOTO)
    first, second = worker.claim().payload, worker.claim().payload
    assert first["person_uid"] == second["person_uid"]
    assert first["face"] != second["face"]


def test_a_picture_that_is_refused_creates_nobody(api: Api) -> None:
    assert api.upload(f"{PERSONS}/bob/faces", image=b"").status_code == 422
    assert api.get(f"{PERSONS}/bob").status_code == 404


def test_ids_may_hold_what_file_names_hold(api: Api) -> None:
    person = "Bob.Smith_2-x"
    api.put(f"{PERSONS}/{person}")
    assert json.loads(api.get(f"{PERSONS}/{person}").text)["id"] == person
