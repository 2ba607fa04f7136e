"""Which photo and which face a request is about, one or several frames, and whom it claims to show."""

import base64
import io
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from shared.galleries.store import GalleryStore
from shared.storage.store import UPLOADS, MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, picture

pytestmark = pytest.mark.usefixtures("staff")

VERIFY = "/v1/galleries/staff/verifications"
RECOGNISE = "/v1/galleries/staff/recognitions"
ENROL = "/v1/galleries/staff/persons/ada/faces"
COMPARE = "/v1/comparisons"
DETECT = "/v1/detections"
B64 = base64.b64encode(PHOTO).decode()


def send_frames(api: Api, path: str, frames: list[bytes], **fields: str) -> TestResponse:
    """A form in which the field `images` is repeated."""
    parts: list[tuple[str, Any]] = [("images", FileStorage(io.BytesIO(data), "frame.jpg")) for data in frames]
    boundary, body = encode_multipart(MultiDict([*fields.items(), *parts]))
    return api.post(path, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def detail(answer: TestResponse, status: int = 422, code: str = "invalid_field") -> str:
    told = answer.get_json(force=True)
    assert (answer.status_code, told["code"]) == (status, code), told
    return str(told["detail"])


# --- several frames ---


@pytest.mark.parametrize("path", [VERIFY, RECOGNISE])
def test_several_frames_are_the_jobs_in_their_order(
    api: Api, worker: FakeWorker, store: MemoryStore, path: str
) -> None:
    frames = [PHOTO, picture(), picture(size=(90, 70))]
    fields = {"person": "ada"} if path == VERIFY else {}
    assert send_frames(api, path, frames, **fields).status_code == 202
    payload = worker.claim().payload
    assert payload["image_key"] is None
    assert [store.get(key) for key in payload["frame_keys"]] == frames


@pytest.mark.parametrize("path", [VERIFY, RECOGNISE])
def test_frames_are_a_list_in_json(api: Api, worker: FakeWorker, path: str) -> None:
    fields = {"person": "ada"} if path == VERIFY else {}
    assert api.post(path, json={"images": [B64, B64], **fields}).status_code == 202
    assert len(worker.claim().payload["frame_keys"]) == 2


@pytest.mark.parametrize("path", [VERIFY, RECOGNISE])
def test_one_photo_or_frames_are_needed_and_not_both(api: Api, store: MemoryStore, path: str) -> None:
    fields = {"person": "ada"} if path == VERIFY else {}
    assert "`image` is missing" in detail(api.post(path, json=fields))
    assert "`image` is missing" in detail(api.post(path, json={"images": [], **fields}))
    assert "not both" in detail(api.post(path, json={"image": B64, "images": [B64], **fields}))
    assert list(store.keys(UPLOADS)) == []


def test_more_than_five_frames_are_refused(api: Api) -> None:
    assert "1 to 5 pictures" in detail(api.post(RECOGNISE, json={"images": [B64] * 6}))


def test_where_one_photo_is_wanted_several_are_no_field(api: Api) -> None:
    assert "There is no field `images`; the fields are: image," in detail(send_frames(api, ENROL, [PHOTO, PHOTO]))


def test_a_bad_frame_is_named(api: Api) -> None:
    told = detail(send_frames(api, RECOGNISE, [PHOTO, b"no picture"]), 415, "unsupported_image")
    assert told.startswith("`images-1`: ")


def test_the_limit_on_bytes_is_for_all_frames_together(api: Api) -> None:
    large = picture() + bytes(500_000)
    assert send_frames(api, RECOGNISE, [large] * 3).status_code in {202, 422}
    assert send_frames(api, RECOGNISE, [large] * 5).status_code == 413


def test_frames_that_are_sent_again_with_their_key_are_one_job(api: Api, worker: FakeWorker) -> None:
    body = {"images": [B64, B64]}
    first, again = (api.post(RECOGNISE, json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.get_json()["id"] == again.get_json()["id"]
    assert len(worker.published) == 1
    other = api.post(RECOGNISE, json={"images": [B64]}, headers={"Idempotency-Key": "k1"})
    assert detail(other, 422, "idempotency_key_reused")


def test_of_frames_neither_a_face_nor_a_number_of_faces_can_be_chosen(api: Api) -> None:
    frames = {"images": [B64, B64]}
    assert "`image` only" in detail(api.post(VERIFY, json={**frames, "person": "ada", "face": 1}))
    assert "`image` only" in detail(api.post(VERIFY, json={**frames, "person": "ada", "box": "1,1,5,5"}))
    assert "`image` only" in detail(api.post(RECOGNISE, json={**frames, "max_faces": 3}))


# --- which face ---


@pytest.mark.parametrize(("path", "fields"), [(VERIFY, {"person": "ada"}), (ENROL, {})])
def test_a_face_is_chosen_by_its_number_or_its_place(
    api: Api, worker: FakeWorker, path: str, fields: dict[str, str]
) -> None:
    api.upload(path, fields, image=PHOTO)
    assert worker.claim().payload["choice"] is None
    api.upload(path, {**fields, "face": "1"}, image=PHOTO)
    assert worker.claim().payload["choice"] == {"face": 1, "box": None}
    api.upload(path, {**fields, "box": "-2,3.5,40,50"}, image=PHOTO)
    box = {"x": -2.0, "y": 3.5, "width": 40.0, "height": 50.0}
    assert worker.claim().payload["choice"] == {"face": None, "box": box}


def test_each_photo_of_a_comparison_has_its_own_choice(api: Api, worker: FakeWorker) -> None:
    api.upload(COMPARE, {"face_b": "2", "box_a": "1,2,3,4"}, image_a=PHOTO, image_b=PHOTO)
    payload = worker.claim().payload
    assert payload["choice_a"]["box"] == {"x": 1, "y": 2, "width": 3, "height": 4}
    assert payload["choice_b"]["face"] == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"face": -1}, "`face` must be an integer from 0 to 999"),
        ({"face": "left"}, "`face` must be an integer"),
        ({"box": "1,2,3"}, "`box` must be a place in the upright photo as x,y,width,height"),
        ({"box": "1,2,nan,4"}, "`box` must be"),
        ({"box": "1,2,-3,4"}, "`box` must be"),
        ({"box": "1,2,0,4"}, "`box` has no extent"),
        ({"face": 0, "box": "1,2,3,4"}, "not both"),
    ],
)
@pytest.mark.parametrize(("path", "fields"), [(VERIFY, {"person": "ada"}), (ENROL, {})])
def test_a_malformed_choice_is_refused(
    api: Api, path: str, fields: dict[str, str], wrong: dict[str, Any], words: str
) -> None:
    assert words in detail(api.post(path, json={"image": B64, **fields, **wrong}))


def test_a_comparisons_malformed_choice_names_its_photo(api: Api) -> None:
    pictures = {"image_a": B64, "image_b": B64}
    assert "`face_b` or `box_b`" in detail(api.post(COMPARE, json={**pictures, "face_b": 0, "box_b": "1,2,3,4"}))
    assert "`box_a` has no extent" in detail(api.post(COMPARE, json={**pictures, "box_a": "1,2,3,0"}))


# --- how many faces ---


@pytest.mark.parametrize("path", [RECOGNISE, DETECT])
def test_at_most_so_many_faces_are_answered(api: Api, worker: FakeWorker, path: str) -> None:
    api.upload(path, image=PHOTO)
    assert worker.claim().payload["max_faces"] == 32
    api.upload(path, {"max_faces": "100"}, image=PHOTO)
    assert worker.claim().payload["max_faces"] == 100
    for wrong in ("0", "101", "all"):
        assert "`max_faces` must be an integer from 1 to 100" in detail(
            api.upload(path, {"max_faces": wrong}, image=PHOTO)
        )


# --- who is claimed ---


def give(galleries: GalleryStore, person: str, external_id: str) -> None:
    galleries.ensure_person("default", "staff", person)
    galleries.update_person(
        "default", "staff", person, lambda former: former.model_copy(update={"external_id": external_id})
    )


def test_a_person_is_claimed_by_their_external_id(api: Api, worker: FakeWorker, galleries: GalleryStore) -> None:
    give(galleries, "ada", "no. 46 – Zürich")
    assert api.upload(VERIFY, {"external_id": "no. 46 – Zürich"}, image=PHOTO).status_code == 202
    payload = worker.claim().payload
    assert payload["person"] == "ada"
    assert "external_id" not in payload


def test_an_external_id_that_nobody_has_is_not_found(api: Api) -> None:
    assert "external id" in detail(api.upload(VERIFY, {"external_id": "46"}, image=PHOTO), 404, "person_not_found")


def test_an_external_id_that_several_people_have_is_a_conflict(api: Api, galleries: GalleryStore) -> None:
    for person in ("ada", "bob", "eve"):
        give(galleries, person, "46")
    told = detail(api.upload(VERIFY, {"external_id": "46"}, image=PHOTO), 409, "external_id_shared")
    assert "`person`" in told


def test_a_person_is_claimed_in_exactly_one_way(api: Api) -> None:
    assert "`person` is missing" in detail(api.upload(VERIFY, image=PHOTO))
    assert "not by both" in detail(api.upload(VERIFY, {"person": "ada", "external_id": "46"}, image=PHOTO))
    assert "`external_id` must be text" in detail(api.upload(VERIFY, {"external_id": ""}, image=PHOTO))


def test_attempts_by_external_id_lock_the_person_whoever_names_them_how(api: Api, galleries: GalleryStore) -> None:
    give(galleries, "ada", "46")
    statuses = [api.upload(VERIFY, {"external_id": "46"}, image=PHOTO).status_code for _ in range(11)]
    assert statuses == [202] * 10 + [429]
    assert api.upload(VERIFY, {"person": "ada"}, image=PHOTO).status_code == 429
