"""People and their faces."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.auth import Scope
from gateway.context import Services
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.verification import Verdict
from shared.queue import Task
from shared.schemas import EnrolmentResult, Person
from tests.unit.gateway.conftest import MATCH, PHOTO, Api, FakeWorker, MakeApi

PERSONS = "/v1/galleries/staff/persons"
NO_MATCH = MATCH.model_copy(update={"verdict": Verdict.NO_MATCH, "score": 0.1})

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


def test_enrolling_a_stranger_is_for_somebody_new(api: Api, worker: FakeWorker) -> None:
    answer = api.upload(f"{PERSONS}/bob/faces", image=PHOTO)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "enrolment")
    assert worker.published[0][0] is Task.ENROL
    payload = worker.claim().payload
    assert (payload["gallery"], payload["person"]) == ("staff", "bob")
    assert payload["new_person"]["asked_at"]
    assert len(payload["person_uid"]) == 32
    assert len(payload["face"]) == 32


def test_enrolling_again_is_for_the_person_who_is_there(api: Api, worker: FakeWorker, galleries: GalleryStore) -> None:
    for _ in range(2):
        api.upload(f"{PERSONS}/ada/faces", image=PHOTO)
    first, second = worker.claim().payload, worker.claim().payload
    assert first["person_uid"] == second["person_uid"] == galleries.get_person("default", "staff", "ada").uid
    assert first["new_person"] is None
    assert first["face"] != second["face"]


def test_a_picture_that_is_refused_creates_nobody(api: Api) -> None:
    assert api.upload(f"{PERSONS}/bob/faces", image=b"").status_code == 422
    assert api.get(f"{PERSONS}/bob").status_code == 404


def test_ids_may_hold_what_file_names_hold(api: Api) -> None:
    person = "Bob.Smith_2-x"
    api.put(f"{PERSONS}/{person}")
    assert json.loads(api.get(f"{PERSONS}/{person}").text)["id"] == person


# --- what an enrolment may say ---


def test_enrolling_creates_nobody_before_a_face_is_stored(api: Api, worker: FakeWorker) -> None:
    assert api.upload(f"{PERSONS}/bob/faces", image=PHOTO).status_code == 202
    assert api.get(f"{PERSONS}/bob").status_code == 404
    worker.succeed(EnrolmentResult(verdict=Verdict.NO_FACE, reason="why", person="bob"))
    assert api.get(f"{PERSONS}/bob").status_code == 404


def test_an_enrolment_carries_what_was_said_of_it(api: Api, worker: FakeWorker) -> None:
    api.upload(f"{PERSONS}/ada/faces", {"label": "passport", "conflicts": "refuse"}, image=PHOTO)
    payload = worker.claim().payload
    assert (payload["label"], payload["conflicts"], payload["source"]) == ("passport", "refuse", "enrolment")
    assert (payload["override"], payload["new_person"]) == (None, None)


def test_an_override_is_for_administrators(api: Api, make_api: MakeApi, worker: FakeWorker) -> None:
    desk = make_api(scopes={Scope.ENROL})
    refused = desk.upload(f"{PERSONS}/ada/faces", {"override": "identity_conflict"}, image=PHOTO)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "forbidden")
    assert "admin" in refused.get_json()["detail"]
    assert worker.published == []
    assert api.upload(f"{PERSONS}/ada/faces", {"override": "identity_conflict"}, image=PHOTO).status_code == 202
    assert worker.claim().payload["override"] == "identity_conflict"


@pytest.mark.parametrize(
    "said",
    [
        {"override": "lookalike"},
        {"conflicts": "flag"},
        {"conflicts": "refuse", "override": "identity_conflict"},
        {"label": ""},
        {"label": "l" * 65},
        {"label": "two\nlines"},
    ],
)
def test_what_makes_no_sense_is_refused_by_name(api: Api, worker: FakeWorker, said: dict[str, str]) -> None:
    answer = api.upload(f"{PERSONS}/ada/faces", said, image=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert next(iter(said)) in answer.get_json()["detail"]
    assert worker.published == []


# --- how many faces ---


def test_every_document_of_a_person_counts_their_faces(api: Api) -> None:
    api.put(f"{PERSONS}/bob")
    listed = api.get(PERSONS).get_json()["persons"]
    assert {person["id"]: person["face_count"] for person in listed} == {"ada": 1, "bob": 0}
    assert api.get(f"{PERSONS}/ada").get_json()["face_count"] == 1
    assert api.put(f"{PERSONS}/ada", json={"name": "Ada"}).get_json()["face_count"] == 1


def test_people_without_a_face_are_found_on_every_page(api: Api) -> None:
    for number in range(5):
        api.put(f"{PERSONS}/p{number}")
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{PERSONS}?faces=none&limit=2{cursor and f'&cursor={cursor}'}").get_json()
        found += [person["id"] for person in page["persons"]]
        cursor = page["next_cursor"]
    assert found == [f"p{number}" for number in range(5)]
    assert [person["id"] for person in api.get(f"{PERSONS}?faces=some").get_json()["persons"]] == ["ada"]
    assert api.get(f"{PERSONS}?faces=many").status_code == 422


def test_a_face_of_another_model_does_not_count(api: Api, galleries: GalleryStore) -> None:
    person = galleries.ensure_person("default", "staff", "bob")
    other = face_of(person, model_digest="other")
    galleries.put_template("default", "staff", other)
    assert [one["id"] for one in api.get(f"{PERSONS}?faces=none").get_json()["persons"]] == ["bob"]


# --- taking an enrolment back ---


def face_of(person: Person, face: str = "f2", **said: Any) -> Template:
    made = {"embedding": (1.0, 0.0), "model_digest": DEFAULT_MODEL.digest, "quality": 0.9}
    return Template.model_validate(
        {**made, "person": person.id, "face": face, "created_at": datetime.now(UTC), "person_uid": person.uid, **said}
    )


@pytest.fixture
def bob(galleries: GalleryStore) -> Person:
    """Made by the enrolment of f2."""
    person = galleries.ensure_person("default", "staff", "bob")
    galleries.put_template("default", "staff", face_of(person, made_person=True))
    return person


def test_an_enrolment_that_made_a_person_takes_them_back(
    api: Api, make_api: MakeApi, bob: Person, services: Services
) -> None:
    desk = make_api(scopes={Scope.ENROL})
    assert desk.delete(f"{PERSONS}/bob/faces/f2?undo=true").status_code == 204
    assert api.get(f"{PERSONS}/bob").status_code == 404
    assert services.galleries.erasures.is_erased("default", bob.uid), "as any erasure"


def test_a_persons_only_face_is_deleted_by_administrators_only(
    api: Api, make_api: MakeApi, bob: Person, galleries: GalleryStore
) -> None:
    """Otherwise whoever is enrolled next would be them, without a conflict."""
    desk = make_api(scopes={Scope.ENROL})
    answer = desk.delete(f"{PERSONS}/bob/faces/f2")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert "only face" in answer.get_json()["detail"]
    assert answer.get_json()["detail"].endswith("This API key lacks the scope 'admin'.")
    galleries.put_template("default", "staff", face_of(bob, "f3"))
    assert desk.delete(f"{PERSONS}/bob/faces/f2").status_code == 204
    assert desk.delete(f"{PERSONS}/bob/faces/f3").status_code == 403
    assert api.delete(f"{PERSONS}/bob/faces/f3").status_code == 204


def test_taking_an_enrolment_back_makes_nobody_forget_that_verifications_failed(
    api: Api, make_api: MakeApi, bob: Person, worker: FakeWorker
) -> None:
    del bob
    api.upload("/v1/galleries/staff/verifications", {"person": "bob"}, image=PHOTO)
    worker.succeed(NO_MATCH)
    desk = make_api(scopes={Scope.ENROL})
    answer = desk.delete(f"{PERSONS}/bob/faces/f2?undo=true")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert api.get(f"{PERSONS}/bob").get_json()["face_count"] == 1
    assert api.delete(f"{PERSONS}/bob/faces/f2?undo=true").status_code == 204


def test_who_has_another_face_stays(api: Api, bob: Person, galleries: GalleryStore) -> None:
    galleries.put_template("default", "staff", face_of(bob, "f3"))
    assert api.delete(f"{PERSONS}/bob/faces/f2?undo=true").status_code == 204
    assert [face["id"] for face in api.get(f"{PERSONS}/bob").get_json()["faces"]] == ["f3"]
    assert api.delete(f"{PERSONS}/bob/faces/f3?undo=true").status_code == 204
    assert api.get(f"{PERSONS}/bob").get_json()["faces"] == [], "that enrolment did not make the person"


def test_a_face_that_is_deleted_takes_nobody_with_it(api: Api, bob: Person) -> None:
    assert api.delete(f"{PERSONS}/bob/faces/f2").status_code == 204
    assert api.get(f"{PERSONS}/bob").get_json()["uid"] == bob.uid


def test_an_enrolment_is_taken_back_within_a_day(api: Api, bob: Person, galleries: GalleryStore) -> None:
    former = face_of(bob, made_person=True, created_at=datetime.now(UTC) - timedelta(days=1, seconds=5))
    galleries.put_template("default", "staff", former)
    answer = api.delete(f"{PERSONS}/bob/faces/f2?undo=true")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert "within a day" in answer.get_json()["detail"]
    assert api.get(f"{PERSONS}/bob").get_json()["face_count"] == 1


def test_what_was_never_enrolled_cannot_be_taken_back(api: Api) -> None:
    answer = api.delete(f"{PERSONS}/ada/faces/f9?undo=true")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "face_not_found")
    assert api.delete(f"{PERSONS}/ada/faces/f1?undo=perhaps").status_code == 422


# --- what tells faces apart ---

JPEG = b"\xff\xd8\xff picture"


@pytest.fixture
def pictured(api: Api, bob: Person, galleries: GalleryStore) -> str:
    """The path of bob's thumbnail."""
    assert api("PATCH", "/v1/galleries/staff", json={"thumbnails": True}).status_code == 200
    galleries.put_template("default", "staff", face_of(bob, label="passport", source="batch", thumbnail=JPEG))
    return f"{PERSONS}/bob/faces/f2/thumbnail"


def test_a_face_tells_its_label_its_source_and_its_thumbnail(api: Api, pictured: str) -> None:
    (face,) = api.get(f"{PERSONS}/bob").get_json()["faces"]
    assert (face["label"], face["source"], face["thumbnail"]) == ("passport", "batch", pictured)
    (plain,) = api.get(f"{PERSONS}/ada").get_json()["faces"]
    assert (plain["label"], plain["source"], plain["thumbnail"]) == (None, None, None)


def test_a_thumbnail_is_for_keys_that_may_see_people(api: Api, pictured: str, make_api: MakeApi) -> None:
    answer = make_api(scopes={Scope.VERIFY}).get(pictured)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", JPEG)
    assert answer.headers["Cache-Control"] == "no-store"
    assert make_api(scopes={Scope.STYLISE}).get(pictured).status_code == 403
    assert make_api("other").get(pictured).status_code == 404
    assert api.get(f"{PERSONS}/ada/faces/f1/thumbnail").status_code == 404


def test_a_thumbnail_is_shown_no_more_once_the_rule_is_off(api: Api, pictured: str) -> None:
    api("PATCH", "/v1/galleries/staff", json={"thumbnails": False})
    assert api.get(pictured).status_code == 404
    assert api.get(f"{PERSONS}/bob").get_json()["faces"][0]["thumbnail"] is None


def test_no_export_holds_a_thumbnail(api: Api, pictured: str) -> None:
    assert pictured
    exported = api.get("/v1/galleries/staff/export").text
    assert "passport" in exported
    assert "thumbnail" not in json.dumps([line for line in exported.splitlines() if '"face"' in line])


def test_a_merge_moves_thumbnails_and_makes_no_enrolment_one_that_made_the_person(
    api: Api, pictured: str, galleries: GalleryStore
) -> None:
    assert api.get(pictured).status_code == 200
    bob = galleries.get_person("default", "staff", "bob")
    galleries.put_template("default", "staff", face_of(bob, "f3", made_person=True))
    assert api.post(f"{PERSONS}/ada/merge", json={"from": "bob"}).status_code == 200
    assert api.get(f"{PERSONS}/ada/faces/f2/thumbnail").data == JPEG
    for face in ("f1", "f2", "f3"):
        api.delete(f"{PERSONS}/ada/faces/{face}?undo=true")
    assert api.get(f"{PERSONS}/ada").status_code == 200
