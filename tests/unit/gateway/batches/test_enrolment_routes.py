"""Many people enrolled at once: each photo is an item of its own, and whatever is wrong with one is its error."""

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest
from redis import Redis
from werkzeug.test import TestResponse

from gateway.auth import Scope
from gateway.context import Services
from shared.batches.records import input_key
from shared.galleries.store import GalleryStore
from shared.ml.face.verification import Verdict
from shared.outbox import Outbox, Reader
from shared.queue import Queue, Task
from shared.schemas import EnrolmentPayload, EnrolmentResult, FaceWarning, Job
from shared.storage.store import BATCHES, MemoryStore, inbound_key
from tests.unit.gateway.conftest import MODEL, PHOTO, PREFIX, Api, FakeWorker, MakeApi, picture
from workers.faces.enrollees import Enrollees
from workers.feeding import Feeder

pytestmark = pytest.mark.usefixtures("staff")

PATH = "/v1/galleries/staff/enrolment-batches"
PNG = picture()
B64 = base64.b64encode(PHOTO).decode()
LOOKALIKE = FaceWarning(code="lookalike", detail="resembles", person="ada", score=0.9)


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def lines(*said: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in said)


def accepted(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    batch: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == batch["links"]["self"]
    return batch


def refused(answer: TestResponse, status: int, code: str, *words: str) -> None:
    assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.text
    for word in words:
        assert word in answer.get_json()["detail"]


def items(api: Api, batch: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/batches/{batch}/items").get_json()["items"]
    return found


@pytest.fixture
def feeder(services: Services) -> Feeder:
    return Feeder(services.batches, services.jobs, services.store, window=64)


def enrolled(job: Job) -> EnrolmentResult:
    return EnrolmentResult(verdict=Verdict.ENROLLED, person=job.payload["person"], face=job.payload["face"])


def refusing(verdict: Verdict, *warnings: FaceWarning) -> Any:
    return lambda job: EnrolmentResult(
        verdict=verdict, reason="why", person=job.payload["person"], warnings=list(warnings)
    )


def store_face(services: Services, job: Job) -> None:
    """What a worker does to a person whose face it has stored."""
    sent = EnrolmentPayload.model_validate(job.payload)
    enrollees = Enrollees(services.store, services.galleries, services.outbox)
    gallery = services.galleries.get_gallery(job.tenant, sent.gallery)
    person = enrollees.meant(job.tenant, gallery, sent)
    if person is None:
        assert enrollees.create(job, sent)
    else:
        enrollees.complete(job, sent, person)


def work_off(api: Api, batch: str, worker: FakeWorker, feeder: Feeder, results: Mapping[str, Any]) -> dict[str, Any]:
    """The batch when it is done; a person's photos come out as `results` say, others are enrolled."""
    services: Services = api.app.extensions["likeness"].services
    for _ in range(100):
        feeder.feed()
        while worker.published:
            task, _, queue = worker.published[0]
            assert (task, queue) == (Task.ENROL, Queue.FACE_BULK)
            job = worker.claim()
            result = results.get(job.payload["person"], enrolled)(job)
            if result.verdict is Verdict.ENROLLED:
                store_face(services, job)
            assert worker.jobs.succeed(job, result, MODEL)
        found: dict[str, Any] = api.get(f"/v1/batches/{batch}").get_json()
        if found["finished_at"]:
            return found
    raise AssertionError("not finished")


# --- what is taken ---


def test_a_folder_is_a_person(api: Api, galleries: GalleryStore) -> None:
    files = {"people/bob/1.jpg": PHOTO, "people/bob/2.png": PNG, "people/eve/1.jpg": PHOTO, "people/.DS_Store": b"x"}
    batch = accepted(api.upload(PATH, archive=packed(files)))
    assert (batch["kind"], batch["gallery"], batch["counts"]["total"]) == ("enrolment", "staff", 3)
    assert [(one["person"], one["name"]) for one in items(api, batch["id"])] == [
        ("bob", "people/bob/1.jpg"),
        ("bob", "people/bob/2.png"),
        ("eve", "people/eve/1.jpg"),
    ]
    assert [person.id for person in galleries.persons_there("default", "staff")] == ["ada"], (
        "who has no face yet is not"
    )


def test_a_manifest_names_people_and_what_is_known_of_them(
    api: Api, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    said = lines(
        {"person": "bob", "image": B64, "name": "Bob", "groups": ["night"], "attributes": {"floor": 3}},
        {"person": "bob", "image": f"data:image/jpeg;base64,{B64}", "name": "Robert", "custom_id": "second"},
        {"person": "eve", "image": B64, "consent": {"reference": "form 7"}},
    )
    batch = accepted(api.upload(PATH, manifest=said))
    assert [one["custom_id"] for one in items(api, batch["id"])] == ["bob", "second", "eve"]
    assert work_off(api, batch["id"], worker, feeder, {})["counts"]["done"] == 3
    bob, eve = (galleries.get_person("default", "staff", person) for person in ("bob", "eve"))
    assert (bob.name, bob.groups, bob.attributes) == ("Robert", ("night",), {"floor": 3})
    assert eve.consent is not None
    assert eve.consent.reference == "form 7"


def test_a_manifest_names_files_of_the_archive_that_comes_with_it(
    api: Api, store: MemoryStore, services: Services, worker: FakeWorker, feeder: Feeder
) -> None:
    archive = packed({"scans/0001.jpg": PHOTO, "scans/0002.png": PNG})
    said = lines(
        {"person": "bob", "image": "scans/0002.png", "tags": ["new"]}, {"person": "eve", "image": "scans/0003.jpg"}
    )
    batch = accepted(api.upload(PATH, archive=archive, manifest=said))
    assert store.get(input_key("default", batch["id"], "0")) == PNG
    work_off(api, batch["id"], worker, feeder, {})
    first, second = items(api, batch["id"])
    assert (first["name"], first["status"]) == ("scans/0002.png", "succeeded")
    assert (second["status"], second["error"]["code"]) == ("failed", "object_not_found")
    assert services.galleries.get_person("default", "staff", "bob").tags == ("new",)


def uploaded(api: Api, store: MemoryStore, data: bytes) -> str:
    made = api.post("/v1/uploads", json={"bytes": len(data)}).get_json()
    store.put(inbound_key("default", made["id"]), data)
    return str(made["reference"])


def test_photos_and_archives_may_be_uploads(api: Api, store: MemoryStore, worker: FakeWorker, feeder: Feeder) -> None:
    gone = "upload:" + "0" * 32
    said = lines({"person": "bob", "image": uploaded(api, store, PHOTO)}, {"person": "eve", "image": gone})
    batch = accepted(api.upload(PATH, manifest=said))
    assert store.get(input_key("default", batch["id"], "0")) == PHOTO
    archive = accepted(api.post(PATH, json={"archive": uploaded(api, store, packed({"kim/1.jpg": PHOTO}))}))
    assert [key for key in store.keys("uploads/") if "/inbound/" in key] == [], "they are used up"
    work_off(api, batch["id"], worker, feeder, {})
    assert [one["status"] for one in items(api, batch["id"])] == ["succeeded", "failed"]
    assert items(api, batch["id"])[1]["error"]["code"] == "upload_not_found"
    assert work_off(api, archive["id"], worker, feeder, {})["counts"]["done"] == 1


# --- what is wrong is an error of its item ---


WRONG = {
    "no picture": ({"bob/1.jpg": b"no picture"}, "unsupported_image"),
    "empty": ({"bob/1.jpg": b""}, "empty_image"),
    "no folder": ({"1.jpg": PHOTO}, "unclear_person"),
    "no id": ({"Bob & Eve/1.jpg": PHOTO}, "invalid_id"),
    "hidden id": ({"_bob/1.jpg": PHOTO}, "invalid_id"),
    "too small": ({"bob/1.png": picture(size=(10, 10))}, "image_too_small"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_photo_is_an_error_of_its_item_and_makes_nobody(
    api: Api, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder, what: str
) -> None:
    files, code = WRONG[what]
    batch = accepted(api.upload(PATH, archive=packed({**files, "eve/1.jpg": PHOTO})))
    done = work_off(api, batch["id"], worker, feeder, {})
    assert (done["status"], done["counts"]["done"], done["counts"]["failed"]) == ("succeeded", 1, 1)
    [wrong] = [one for one in items(api, batch["id"]) if one["error"]]
    assert wrong["error"]["code"] == code
    assert [person.id for person in galleries.persons_there("default", "staff")] == ["ada", "eve"]


LINES = {
    "bad base64": {"person": "bob", "image": "no base64!"},
    "bad id": {"person": "Bob & Eve", "image": B64},
    "retention over": {"person": "bob", "image": B64, "expires_at": "2001-01-01T00:00:00Z"},
    "never valid": {
        "person": "bob",
        "image": B64,
        "valid_from": "2031-01-01T00:00:00Z",
        "valid_until": "2030-01-01T00:00:00Z",
    },
}


@pytest.mark.parametrize("what", LINES)
def test_what_is_wrong_with_a_line_is_an_error_of_its_item(
    api: Api, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder, what: str
) -> None:
    batch = accepted(api.upload(PATH, manifest=lines(LINES[what], {"person": "eve", "image": B64})))
    done = work_off(api, batch["id"], worker, feeder, {})
    assert (done["counts"]["done"], done["counts"]["failed"]) == (1, 1)
    assert [person.id for person in galleries.persons_there("default", "staff")] == ["ada", "eve"], "and makes nobody"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "malformed_body"),
        (b"[]", "invalid_field"),
        (b'{"person": "bob"}', "invalid_field"),
        (b'{"person": "", "image": "x"}', "invalid_field"),
        (b'{"person": "bob", "image": 5}', "invalid_field"),
        (b'{"person": "bob", "image": "x", "shoe": 43}', "invalid_field"),
        (b'{"person": "bob", "image": "x", "custom_id": "a/b"}', "invalid_id"),
        (b'{"person": "bob", "image": "x", "custom_id": "one"}', "invalid_field"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_by_its_number(
    api: Api, store: MemoryStore, line: bytes, code: str
) -> None:
    manifest = lines({"person": "eve", "image": B64, "custom_id": "one"}) + line
    refused(api.upload(PATH, manifest=manifest), 422 if code != "malformed_body" else 400, code, "Line 2")
    assert list(store.keys(BATCHES)) == []


@pytest.mark.parametrize("again", ["scans/1.jpg", "./scans//1.jpg", "/scans\\1.jpg"])
def test_a_photo_of_the_archive_is_one_item_whatever_its_path_is_written_like(
    api: Api, store: MemoryStore, again: str
) -> None:
    said = lines({"person": "bob", "image": "scans/1.jpg"}, {"person": "eve", "image": again})
    answer = api.upload(PATH, archive=packed({"scans/1.jpg": PHOTO}), manifest=said)
    refused(answer, 422, "invalid_field", "Line 2", "once")
    assert list(store.keys(BATCHES)) == []


def test_an_upload_is_one_item(api: Api, store: MemoryStore) -> None:
    reference = uploaded(api, store, PHOTO)
    said = lines(*({"person": person, "image": reference} for person in ("bob", "eve")))
    refused(api.upload(PATH, manifest=said), 422, "invalid_field", "Line 2", "once")


def test_one_photo_in_two_lines_that_carry_it_is_two_items(api: Api) -> None:
    said = lines(*({"person": person, "image": B64} for person in ("bob", "eve")))
    assert accepted(api.upload(PATH, manifest=said))["counts"]["total"] == 2


def test_something_must_be_sent(api: Api) -> None:
    refused(api.post(PATH, json={}), 422, "invalid_field", "archive")
    refused(api.upload(PATH, archive=packed({"folder/": b""})), 422, "invalid_field", "no photo")
    refused(api.upload(PATH, archive=b"no zip"), 422, "invalid_archive")
    refused(api.upload(PATH, manifest=b""), 422, "invalid_field", "lines")


def test_a_gallery_must_be_there(api: Api, make_api: MakeApi) -> None:
    archive = packed({"bob/1.jpg": PHOTO})
    refused(api.upload("/v1/galleries/none/enrolment-batches", archive=archive), 404, "gallery_not_found")
    refused(make_api("other").upload(PATH, archive=archive), 404, "gallery_not_found")


# --- what comes of it ---


def test_each_verdict_is_told_and_counted(api: Api, store: MemoryStore, worker: FakeWorker, feeder: Feeder) -> None:
    people = {"none": Verdict.NO_FACE, "blur": Verdict.LOW_QUALITY, "crowd": Verdict.MULTIPLE_FACES}
    files = {f"{person}/1.jpg": PHOTO for person in ("good", *people, "twin")}
    batch = accepted(api.upload(PATH, archive=packed(files)))
    results = {person: refusing(verdict) for person, verdict in people.items()}
    done = work_off(api, batch["id"], worker, feeder, {**results, "twin": refusing(Verdict.LOOKALIKE, LOOKALIKE)})
    assert done["status"] == "succeeded"
    assert (done["counts"]["done"], done["counts"]["failed"]) == (1, 4)
    told = {one["person"]: one for one in items(api, batch["id"])}
    assert told["good"]["enrolment"]["verdict"] == "enrolled"
    assert told["good"]["enrolment"]["face"]
    for person, verdict in people.items():
        assert told[person]["enrolment"] == {"verdict": verdict, "reason": "why", "face": None, "warnings": []}
        assert told[person]["error"] == {"code": verdict, "detail": "why"}
    [warning] = told["twin"]["enrolment"]["warnings"]
    assert (warning["code"], warning["person"], warning["score"]) == ("lookalike", "ada", None)
    assert list(store.keys(input_key("default", batch["id"], ""))) == [], "no photo stays"


def test_the_manifest_of_results_names_every_photo(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"bob/1.jpg": PHOTO, "eve/1.jpg": PHOTO, "x y/1.jpg": PHOTO})))
    work_off(api, batch["id"], worker, feeder, {"eve": refusing(Verdict.NO_FACE)})
    answer = api.get(f"/v1/batches/{batch['id']}/manifest")
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [(one["person"], one["status"], one["verdict"]) for one in told] == [
        ("bob", "succeeded", "enrolled"),
        ("eve", "failed", "no_face"),
        ("x y", "failed", None),
    ]
    assert told[2]["error"]["code"] == "invalid_id"
    assert api.delete("/v1/galleries/staff/persons/bob").status_code == 200
    erased = json.loads(api.get(f"/v1/batches/{batch['id']}/manifest").text.splitlines()[0])
    assert set(erased) == set(told[0]), "every line of a batch has the same members"
    assert (erased["person"], erased["status"], erased["verdict"]) == (None, "succeeded", None)


def test_whom_a_face_resembles_is_for_keys_that_may_recognise(
    api: Api, make_api: MakeApi, worker: FakeWorker, feeder: Feeder
) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"twin/1.jpg": PHOTO})))
    work_off(api, batch["id"], worker, feeder, {"twin": refusing(Verdict.LOOKALIKE, LOOKALIKE)})
    desk = make_api(scopes={Scope.ENROL})
    [item] = items(desk, batch["id"])
    assert item["enrolment"]["warnings"][0]["person"] is None
    assert '"ada' not in desk.get(f"/v1/batches/{batch['id']}/manifest").text


def test_a_batch_of_enrolments_makes_no_pictures(api: Api) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"bob/1.jpg": PHOTO})))
    assert "results" not in batch["links"]
    for path in ("results.zip", f"images/{batch['id']}-0"):
        assert api.get(f"/v1/batches/{batch['id']}/{path}").status_code == 404


# --- who may ---


def test_a_batch_is_for_keys_that_could_have_started_it(api: Api, make_api: MakeApi) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"bob/1.jpg": PHOTO})))["id"]
    desk, artist, admin = (make_api(scopes={scope}) for scope in (Scope.ENROL, Scope.STYLISE, Scope.ADMIN))
    assert artist.upload(PATH, archive=packed({"bob/1.jpg": PHOTO})).status_code == 403
    for path in ("", "/items", "/manifest"):
        codes = [key.get(f"/v1/batches/{batch}{path}").status_code for key in (desk, admin, artist)]
        assert codes == [200, 200, 403], path
    for action in ("pause", "resume", "cancel"):
        assert artist.post(f"/v1/batches/{batch}/{action}").status_code == 403
        assert desk.post(f"/v1/batches/{batch}/{action}").status_code == 200
    assert artist.get("/v1/batches").get_json()["batches"] == []
    assert [one["id"] for one in desk.get("/v1/batches").get_json()["batches"]] == [batch]


def test_the_jobs_of_a_batch_are_listed_apart(api: Api, make_api: MakeApi, feeder: Feeder) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"bob/1.jpg": PHOTO})))["id"]
    feeder.feed()
    assert api.get("/v1/jobs").get_json()["jobs"] == []
    listed = api.get(f"/v1/jobs?batch={batch}").get_json()["jobs"]
    assert [job["id"] for job in listed] == [f"{batch}-0"]
    assert make_api("other").get(f"/v1/jobs?batch={batch}").status_code == 404


def test_the_jobs_say_which_key_asked(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    accepted(api.upload(PATH, {"device": "kiosk"}, archive=packed({"bob/1.jpg": PHOTO})))
    feeder.feed()
    job = worker.claim()
    assert job.actor == api.token.split("_")[1]
    assert job.payload["device"] == "kiosk"


def test_what_is_said_of_people_is_told_without_saying_it(
    api: Api, redis: Redis, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    batch = accepted(api.upload(PATH, manifest=lines({"person": "bob", "image": B64, "name": "Bob Secret"})))
    work_off(api, batch["id"], worker, feeder, {})
    told = [one for one in Outbox(redis, PREFIX).read(Reader.AUDIT, 100) if one.kind == "person.changed"]
    uid = galleries.get_person("default", "staff", "bob").uid
    assert [one.data for one in told] == [{"gallery": "staff", "uid": uid, "fields": ["name"]}]


def test_a_batch_makes_nobody_of_whom_no_face_was_stored(
    api: Api, store: MemoryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    said = lines({"person": "bob", "image": B64, "name": "Bob Secret"}, {"person": "eve", "image": B64, "name": "Eve"})
    batch = accepted(api.upload(PATH, manifest=said))
    work_off(api, batch["id"], worker, feeder, {"bob": refusing(Verdict.IDENTITY_CONFLICT)})
    assert [one["id"] for one in api.get("/v1/galleries/staff/persons").get_json()["persons"]] == ["ada", "eve"]
    assert not any(b"Bob Secret" in store.get(key) for key in store.keys("")), "nor stays what was said of them"


def test_photos_of_one_new_person_make_one_person_whichever_is_stored_first(
    api: Api, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    said = lines(*({"person": "bob", "image": B64, "groups": ["night"]} for _ in range(3)))
    batch = accepted(api.upload(PATH, manifest=said))
    done = work_off(api, batch["id"], worker, feeder, {})
    assert (done["counts"]["done"], done["counts"]["failed"]) == (3, 0)
    assert galleries.get_person("default", "staff", "bob").groups == ("night",)


def test_what_a_batch_says_overwrites_nothing_that_was_said_since(
    api: Api, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    said = {"person": "bob", "image": B64, "name": "Bob", "tags": ["new"]}
    batch = accepted(api.upload(PATH, manifest=lines(said)))
    assert api.put("/v1/galleries/staff/persons/bob", json={"name": "Robert"}).status_code == 201
    work_off(api, batch["id"], worker, feeder, {})
    bob = galleries.get_person("default", "staff", "bob")
    assert (bob.name, bob.tags) == ("Robert", ("new",))


def test_a_person_who_was_erased_meanwhile_is_in_no_batch_that_was_to_make_them(
    api: Api, store: MemoryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    said = lines(*({"person": "bob", "image": B64, "name": "Bob Secret"} for _ in range(2)))
    batch = accepted(api.upload(PATH, manifest=said))
    assert api.put("/v1/galleries/staff/persons/bob").status_code == 201
    assert api.delete("/v1/galleries/staff/persons/bob").get_json()["others"]["batch_items"] == 2
    assert not any(b"bob" in store.get(key) or b"Bob" in store.get(key) for key in store.keys(BATCHES))
    done = work_off(api, batch["id"], worker, feeder, {})
    assert done["counts"]["failed"] == 2
    assert api.get("/v1/galleries/staff/persons/bob").status_code == 404


def test_items_with_warnings_are_counted(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"twin/1.jpg": PHOTO, "bob/1.jpg": PHOTO})))
    assert batch["warnings"] == 0
    done = work_off(api, batch["id"], worker, feeder, {"twin": refusing(Verdict.LOOKALIKE, LOOKALIKE)})
    assert done["warnings"] == 1


def test_a_batch_may_be_stricter_than_the_gallery_but_overrides_nothing(
    api: Api, worker: FakeWorker, feeder: Feeder
) -> None:
    archive = packed({"bob/1.jpg": PHOTO})
    accepted(api.upload(PATH, {"conflicts": "refuse"}, archive=archive))
    feeder.feed()
    assert worker.claim().payload["conflicts"] == "refuse"
    refused(api.upload(PATH, {"conflicts": "flag"}, archive=archive), 422, "invalid_field", "conflicts")
    refused(api.upload(PATH, {"override": "identity_conflict"}, archive=archive), 422, "invalid_field", "override")


def test_a_line_may_label_its_face(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    accepted(api.upload(PATH, manifest=lines({"person": "bob", "image": B64, "label": "passport"})))
    feeder.feed()
    payload = worker.claim().payload
    assert (payload["label"], payload["source"]) == ("passport", "batch")


def test_a_repeated_request_is_one_batch(api: Api) -> None:
    archive = packed({"bob/1.jpg": PHOTO})
    first, again = (api.upload(PATH, archive=archive, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert accepted(first)["id"] == accepted(again)["id"]
    assert len(api.get("/v1/batches").get_json()["batches"]) == 1


def test_an_erased_person_is_not_enrolled_by_a_batch_that_was_accepted_before(
    api: Api, worker: FakeWorker, feeder: Feeder, store: MemoryStore
) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"ada/1.jpg": PHOTO, "bob/1.jpg": PHOTO})))
    report = api.delete("/v1/galleries/staff/persons/ada").get_json()
    assert report["others"]["batch_items"] == 1
    told = [key.encode() + store.get(key) for key in store.keys(BATCHES)]
    assert not any(b'"ada' in one or b"/ada" in one for one in told), "ids of hexadecimal digits hold ada by chance"
    done = work_off(api, batch["id"], worker, feeder, {})
    assert (done["counts"]["done"], done["counts"]["failed"]) == (1, 1)
    assert items(api, batch["id"])[0]["error"]["code"] == "person_changed"
    assert api.get("/v1/galleries/staff/persons/ada").status_code == 404


# --- whose photo it is, and what is no photo ---


def test_people_with_folders_inside_are_not_merged(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    files = {f"{person}/photos/1.jpg": PHOTO for person in ("bob", "eve", "kim")}
    batch = accepted(api.upload(PATH, archive=packed(files)))
    assert work_off(api, batch["id"], worker, feeder, {})["counts"]["done"] == 3
    assert [one["person"] for one in items(api, batch["id"])] == ["bob", "eve", "kim"]


def test_two_paths_that_would_give_one_person_are_refused_by_name(
    api: Api, galleries: GalleryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"sales/john/1.jpg": PHOTO, "it/john/1.jpg": PNG})))
    assert work_off(api, batch["id"], worker, feeder, {})["status"] == "failed"
    for item, other in zip(items(api, batch["id"]), ("it/john", "sales/john"), strict=True):
        assert item["error"]["code"] == "unclear_person"
        assert f"`{other}` would be the same person" in item["error"]["detail"]
        assert "`manifest`" in item["error"]["detail"]
        assert "person" not in item
    assert [person.id for person in galleries.persons_there("default", "staff")] == ["ada"]


def test_names_are_cleaned_before_they_are_judged(api: Api) -> None:
    files = {"./bob/1.jpg": PHOTO, "x/../eve/1.jpg": PHOTO, "C:\\kim\\1.jpg": PHOTO, "/lee//1.jpg": PHOTO}
    batch = accepted(api.upload(PATH, archive=packed(files)))
    assert [one["person"] for one in items(api, batch["id"])] == ["bob", "eve", "kim", "lee"]
    assert batch["skipped"] == []


def test_what_is_left_out_is_told_with_its_reason(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    files = {"__MACOSX/bob/._1.jpg": b"x", "bob/notes.txt": b"x", "bob/1.jpg": PHOTO, "eve/more.zip": b"x"}
    batch = accepted(api.upload(PATH, archive=packed(files)))
    assert batch["skipped_count"] == 3
    assert batch["skipped"] == [
        {"name": "bob/notes.txt", "reason": "is no photo by its name"},
        {"name": "eve/more.zip", "reason": "is an archive itself: unpack it first"},
        {"name": "__MACOSX/bob/._1.jpg", "reason": "is hidden, or was left behind by a file manager"},
    ]
    assert work_off(api, batch["id"], worker, feeder, {})["skipped"] == batch["skipped"]
    told = [json.loads(line) for line in api.get(f"/v1/batches/{batch['id']}/manifest").text.splitlines()]
    assert [(one["name"], one["status"]) for one in told][:2] == [
        ("bob/1.jpg", "succeeded"),
        ("bob/notes.txt", "skipped"),
    ]
    assert len({tuple(sorted(one)) for one in told}) == 1, "every line has the same members"


def test_a_picture_of_another_kind_is_an_error_of_its_item_and_not_skipped(api: Api) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"bob/1.cr2": b"II*\0raw"})))
    assert (batch["counts"]["total"], batch["skipped_count"]) == (1, 0)


def test_a_file_that_the_manifest_does_not_name_is_skipped(api: Api) -> None:
    said = lines({"person": "bob", "image": "1"})
    batch = accepted(api.upload(PATH, archive=packed({"1": PHOTO, "2.jpg": PHOTO}), manifest=said))
    assert batch["counts"]["total"] == 1
    assert batch["skipped"] == [{"name": "2.jpg", "reason": "is named by no line of `manifest`"}]


def test_an_archive_without_photos_is_refused_and_says_what_is_in_it(api: Api) -> None:
    refused(
        api.upload(PATH, archive=packed({"a.txt": b"x", ".b": b"x"})), 422, "invalid_field", "2 files", "a.txt is no"
    )


def test_an_erasure_takes_a_person_out_of_what_was_skipped_or_unclear(api: Api) -> None:
    files = {"ada/notes.txt": b"x", "sales/ada/1.jpg": PHOTO, "it/ada/1.jpg": PHOTO, "it/2.jpg": PHOTO, "b.txt": b"x"}
    batch = accepted(api.upload(PATH, archive=packed(files)))
    assert api.delete("/v1/galleries/staff/persons/ada").status_code == 200
    for path in ("items", "manifest"):
        told = api.get(f"/v1/batches/{batch['id']}/{path}").text
        assert not any(name in told for name in ('"ada', "/ada", "`ada`")), path
    found = api.get(f"/v1/batches/{batch['id']}").get_json()
    assert [one["name"] for one in found["skipped"]] == ["erased", "b.txt"]


def test_an_item_tells_its_warnings(api: Api, make_api: MakeApi, worker: FakeWorker, feeder: Feeder) -> None:
    batch = accepted(api.upload(PATH, archive=packed({"twin/1.jpg": PHOTO, "bob/1.jpg": PHOTO})))
    done = work_off(api, batch["id"], worker, feeder, {"twin": refusing(Verdict.LOOKALIKE, LOOKALIKE)})
    assert done["warnings"] == 1
    twin, bob = items(api, batch["id"])
    assert ([one["code"] for one in twin["warnings"]], bob["warnings"]) == (["lookalike"], [])
    [seen, _] = items(make_api(scopes={Scope.ENROL}), batch["id"])
    assert seen["warnings"][0]["person"] is None
