"""Batches over HTTP: what is taken, what is refused, and how its results are told."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from gateway.app import create_app
from gateway.auth import Scope
from gateway.context import Services
from gateway.uploads import READERS
from shared.batches.records import input_key
from shared.ml.style.looks import LOOKS
from shared.schemas import Job, JobError
from shared.settings import Settings
from shared.storage.store import MemoryStore, image_key, inbound_key
from tests.unit.gateway.conftest import MODEL, PHOTO, Api, FakeWorker, MakeApi, picture, stylised
from workers.feeding import Feeder

STYLE = {"style_id": "poppies"}
PNG = picture()


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def lines(*said: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(line) for line in said).encode()


def send(
    api: Api,
    images: dict[str, bytes] | list[tuple[str, bytes]] | None = None,
    fields: dict[str, Any] | None = None,
    **files: bytes,
) -> TestResponse:
    named = list(images.items()) if isinstance(images, dict) else images or []
    parts: list[tuple[str, Any]] = [(name, str(value)) for name, value in (STYLE if fields is None else fields).items()]
    parts += [("images", FileStorage(io.BytesIO(data), name)) for name, data in named]
    parts += [(field, FileStorage(io.BytesIO(data), field)) for field, data in files.items()]
    boundary, body = encode_multipart(MultiDict(parts))
    return api.post("/v1/batches", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def accepted(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/batches/{answer.get_json()['id']}"
    found: dict[str, Any] = answer.get_json()
    return found


def refused(answer: TestResponse, status: int, code: str) -> str:
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    return str(problem["detail"])


@pytest.fixture
def feeder(services: Services) -> Feeder:
    return Feeder(services.batches, services.jobs, services.store, window=8)


def work_off(api: Api, batch: str, worker: FakeWorker, feeder: Feeder, *, spoil: str = "-") -> dict[str, Any]:
    """Feed and work until the batch is over; jobs whose id ends in `spoil` fail."""
    for _ in range(50):
        feeder.feed()
        while worker.published:
            job = worker.claim()
            if job.id.endswith(spoil):
                worker.jobs.fail(job, JobError(code="corrupt_image", detail="damaged"))
            else:
                paint(api, job, worker)
        found: dict[str, Any] = api.get(f"/v1/batches/{batch}").get_json()
        if found["finished_at"]:
            return found
    raise AssertionError("not finished")


def paint(api: Api, job: Job, worker: FakeWorker) -> None:
    result = stylised(job, "image/jpeg")
    store = api.app.extensions["likeness"].services.store
    store.put(image_key(job.tenant, job.id, "image/jpeg"), b"painted " + job.id.encode())
    assert worker.jobs.succeed(job, result, MODEL)


def items(api: Api, batch: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/batches/{batch}/items{query}").get_json()["items"]
    return found


# --- what is taken ---


def test_every_file_becomes_an_item_named_after_it(api: Api) -> None:
    batch = accepted(send(api, {"Ada's photo.jpg": PHOTO, "b.png": PNG}))
    assert batch["status"] == "queued"
    assert batch["counts"] == {"total": 2, "queued": 2, "running": 0, "done": 0, "failed": 0, "cancelled": 0}
    found = items(api, batch["id"])
    assert [(one["custom_id"], one["name"], one["status"]) for one in found] == [
        ("Ada-s-photo", "Ada's photo.jpg", "queued"),
        ("b", "b.png", "queued"),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_pictures_of_a_zip_are_items_and_litter_is_not(api: Api, method: int) -> None:
    files = {
        "holiday/": b"",
        "holiday/a.jpg": PHOTO,
        "__MACOSX/holiday/._a.jpg": b"x",
        "holiday/.DS_Store": b"x",
        "Thumbs.db": b"x",
        "b.png": PNG,
    }
    batch = accepted(send(api, archive=packed(files, method)))
    assert [one["name"] for one in items(api, batch["id"])] == ["holiday/a.jpg", "b.png"]


def test_json_carries_pictures_as_base64(api: Api) -> None:
    encoded = base64.b64encode(PHOTO).decode()
    batch = accepted(api.post("/v1/batches", json={"images": [encoded, encoded], **STYLE}))
    assert [one["custom_id"] for one in items(api, batch["id"])] == ["image-1", "image-2"]


def test_a_manifest_says_what_is_painted_and_how(
    api: Api, store: MemoryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    store.put("inbox/default/stored.jpg", PHOTO)
    manifest = lines(
        {"custom_id": "one", "image": "a.jpg"},
        {"custom_id": "two", "image": "a.jpg", "style_id": "great-wave", "size": 80, "strength": 0.5},
        {"custom_id": "three", "image": {"key": "inbox/default/stored.jpg"}, "mode": "fine", "steps": 7},
    )
    batch = accepted(send(api, {"a.jpg": PHOTO, "unused.jpg": PHOTO}, {**STYLE, "size": 70}, manifest=manifest))
    feeder.feed()
    payloads = {job.id.rpartition("-")[2]: job.payload for job in worker.jobs.recent("default", batch=batch["id"])}
    assert [payloads[number]["size"] for number in "012"] == [70, 80, 70]
    assert [payloads[number]["strength"] for number in "012"] == [1.0, 0.5, 1.0]
    assert [payloads[number]["styles"][0]["style_id"] for number in "012"] == ["poppies", "great-wave", "poppies"]
    assert payloads["2"]["mode"] == "fine"
    assert payloads["2"]["fine"]["steps"] == 7
    assert payloads["2"]["content_key"] == "inbox/default/stored.jpg"
    assert work_off(api, batch["id"], worker, feeder)["counts"]["done"] == 3
    assert store.get("inbox/default/stored.jpg") == PHOTO, "an inbox is not ours to empty"


def test_a_manifest_may_name_uploads(api: Api, worker: FakeWorker, feeder: Feeder, store: MemoryStore) -> None:
    made = api.post("/v1/uploads", json={"bytes": len(PHOTO)}).get_json()
    store.put(inbound_key("default", made["id"]), PHOTO)
    unsent = api.post("/v1/uploads", json={"bytes": 5}).get_json()["reference"]
    manifest = lines(
        {"custom_id": "one", "image": made["reference"]},
        {"custom_id": "two", "image": "upload:none"},
        {"custom_id": "three", "image": unsent},
    )
    batch = accepted(send(api, manifest=manifest))
    assert not list(store.keys(inbound_key("default", ""))), "it is used up"
    work_off(api, batch["id"], worker, feeder)
    errors = [one["error"] and one["error"]["code"] for one in items(api, batch["id"])]
    assert errors == [None, "upload_not_found", "upload_incomplete"]


def test_the_picture_of_a_former_job_can_be_painted_again(
    api: Api, worker: FakeWorker, feeder: Feeder, store: MemoryStore
) -> None:
    former = api.upload("/v1/stylizations", STYLE, content=PHOTO).get_json()["id"]
    job = worker.claim()
    store.put(image_key("default", former, "image/png"), PNG)
    worker.jobs.succeed(job, stylised(job), MODEL)
    batch = accepted(send(api, manifest=lines({"custom_id": "again", "image": {"job": former}})))
    feeder.feed()
    assert worker.claim().payload["content_key"] == image_key("default", former, "image/png")
    assert items(api, batch["id"])[0]["status"] == "running"


def test_a_style_that_is_sent_is_kept_until_the_batch_is_done(
    api: Api, store: MemoryStore, worker: FakeWorker, feeder: Feeder
) -> None:
    batch = accepted(send(api, {"a.jpg": PHOTO}, {}, style=PNG))
    kept = input_key("default", batch["id"], "style")
    assert store.get(kept) == PNG
    work_off(api, batch["id"], worker, feeder)
    assert list(store.keys(input_key("default", batch["id"], ""))) == []


# --- errors of items ---


def test_what_is_wrong_with_a_picture_is_an_error_of_its_item(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    tiny = io.BytesIO()
    Image.new("RGB", (4, 4)).save(tiny, "PNG")
    files = {"good.jpg": PHOTO, "text.jpg": b"no picture", "empty.jpg": b"", "tiny.png": tiny.getvalue()}
    batch = accepted(send(api, files))
    done = work_off(api, batch["id"], worker, feeder)
    assert done["status"] == "succeeded"
    assert done["counts"] == {"total": 4, "queued": 0, "running": 0, "done": 1, "failed": 3, "cancelled": 0}
    errors = {one["name"]: one["error"]["code"] for one in items(api, batch["id"], "?status=failed")}
    assert errors == {"text.jpg": "unsupported_image", "empty.jpg": "empty_image", "tiny.png": "image_too_small"}


def test_a_batch_whose_every_item_is_wrong_answers_with_their_errors(
    api: Api, worker: FakeWorker, feeder: Feeder
) -> None:
    batch = accepted(send(api, {"a.jpg": b"no picture", "b.jpg": b"none either"}))
    done = work_off(api, batch["id"], worker, feeder)
    assert (done["status"], done["counts"]["failed"]) == ("failed", 2)
    assert all(one["error"]["detail"] for one in items(api, batch["id"]))


STRANGE: dict[str, Any] = {
    "a file that was not sent": "absent.jpg",
    "an unknown job": {"job": "0" * 32},
    "an unknown key": {"key": "inbox/default/absent.jpg"},
    "another tenant's key": {"key": "inbox/other/secret.jpg"},
    "a way out of the inbox": {"key": "inbox/default/../other/secret.jpg"},
    "a key of ours": {"key": "keys/first"},
    "a dot in a key": {"key": "inbox/default/./x"},
    "a key with an empty part": {"key": "inbox/default//x"},
    "a folder": {"key": "inbox/default/x/"},
    "a backslash in a key": {"key": "inbox/default/x\\y.jpg"},
    "a key with a control character": {"key": "inbox/default/\n.jpg"},
    "a key over 1,024 letters": {"key": "inbox/default/" + "a" * 1100},
    "a key over 1,024 bytes": {"key": "inbox/default/" + "ä" * 600},
    "another tenant's job": {"job": "theirs"},
}
NO_KEYS = {
    "a dot in a key",
    "a key with an empty part",
    "a folder",
    "a key with a control character",
    "a key over 1,024 letters",
    "a key over 1,024 bytes",
}


@pytest.mark.parametrize("what", list(STRANGE))
def test_an_image_that_is_not_there_is_an_error_of_its_item(
    api: Api, make_api: MakeApi, store: MemoryStore, worker: FakeWorker, feeder: Feeder, what: str
) -> None:
    store.put("inbox/other/secret.jpg", PHOTO)
    if what in NO_KEYS:
        store.put(STRANGE[what]["key"], PHOTO)  # a real store could not hold it; this one would give it
    theirs = make_api("other").upload("/v1/stylizations", STYLE, content=PHOTO).get_json()["id"]
    worker.succeed(stylised)
    image = {"job": theirs} if what == "another tenant's job" else STRANGE[what]
    manifest = lines({"custom_id": "ok", "image": "a.jpg"}, {"custom_id": "strange", "image": image})
    batch = accepted(send(api, {"a.jpg": PHOTO}, manifest=manifest))
    assert work_off(api, batch["id"], worker, feeder)["counts"]["done"] == 1
    [failed] = items(api, batch["id"], "?status=failed")
    assert failed["custom_id"] == "strange"
    assert failed["error"]["code"] in {"object_not_found", "job_not_found"}


def test_a_picture_that_needs_too_much_memory_at_its_size_is_an_error_of_its_item(
    api: Api, worker: FakeWorker, feeder: Feeder
) -> None:
    manifest = lines({"custom_id": "huge", "image": "a.jpg", "mode": "fine", "size": 4096},
                     {"custom_id": "small", "image": "a.jpg"})  # fmt: skip
    batch = accepted(send(api, {"a.jpg": PHOTO}, manifest=manifest))
    assert work_off(api, batch["id"], worker, feeder)["counts"]["done"] == 1
    [failed] = items(api, batch["id"], "?status=failed")
    assert (failed["custom_id"], failed["error"]["code"]) == ("huge", "needs_too_much_memory")
    assert "size=" in failed["error"]["detail"]


# --- what is refused ---

BAD_LINES = {
    "not JSON": (b'{"custom_id": ', 400, "malformed_body", "Line 2"),
    "an endless number": (
        b'{"custom_id": "x", "image": "a.jpg", "strength": 1e999}', 400, "malformed_body", "Line 2 of `manifest`: It is"
    ),
    "NaN": (b'{"custom_id": "x", "image": "a.jpg", "strength": NaN}', 400, "malformed_body", "`manifest`: It is"),
    "half a character": (b'{"custom_id": "x", "image": "\\ud800"}', 400, "malformed_body", "`manifest`: It is"),
    "a member twice": (
        b'{"custom_id": "x", "image": "b.jpg", "image": "a.jpg"}', 422, "invalid_field", "Line 2 of `manifest`: `image`"
    ),
    "no object": (b"[]", 422, "invalid_field", "Line 2"),
    "no id": (b'{"image": "a.jpg"}', 422, "invalid_field", "`custom_id` is missing"),
    "an id with a path": (b'{"custom_id": "../x", "image": "a.jpg"}', 422, "invalid_id", "Line 2"),
    "the id of another line": (b'{"custom_id": "one", "image": "a.jpg"}', 422, "invalid_field", "'one' is there twice"),
    "an unknown option": (b'{"custom_id": "x", "image": "a.jpg", "stile": 1}', 422, "invalid_field", "`stile`"),
    "a wrong option": (b'{"custom_id": "x", "image": "a.jpg", "size": 3}', 422, "invalid_field", "`size`"),
    "a mistyped option": (b'{"custom_id": "x", "image": "a.jpg", "size": "96"}', 422, "invalid_field", "`size`"),
    "two kinds of image": (b'{"custom_id": "x", "image": {"job": "j", "key": "k"}}', 422, "invalid_field", "image"),
    "a size beyond the limit": (b'{"custom_id": "x", "image": "a.jpg", "size": 99999}', 422, "invalid_field", "Line 2"),
    "steps beyond the limit": (
        b'{"custom_id": "x", "image": "a.jpg", "mode": "fine", "steps": 99999}', 422, "invalid_field", "Line 2"
    ),
    "an unknown style": (b'{"custom_id": "x", "image": "a.jpg", "style_id": "zz"}', 404, "style_not_found", "Line 2"),
    "nine styles": (
        json.dumps({"custom_id": "x", "image": "a.jpg", "style_id": ["poppies"] * 9}).encode(),
        422, "invalid_field", "Line 2",
    ),
    "a look in fine mode": (
        json.dumps({"custom_id": "x", "image": "a.jpg", "style_id": LOOKS[0].id, "mode": "fine"}).encode(),
        422, "invalid_field", "Line 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", list(BAD_LINES))
def test_a_wrong_line_is_refused_by_its_number(api: Api, store: MemoryStore, what: str) -> None:
    text, status, code, says = BAD_LINES[what]
    answer = send(api, {"a.jpg": PHOTO}, manifest=lines({"custom_id": "one", "image": "a.jpg"}) + b"\n" + text)
    assert says in refused(answer, status, code)
    assert list(store.keys("batches/")) == [], "nothing is left behind"


def test_an_unknown_style_of_the_batch_is_no_error_of_a_line(api: Api) -> None:
    manifest = lines({"custom_id": "one", "image": "a.jpg"})
    detail = refused(send(api, {"a.jpg": PHOTO}, {"style_id": "zz"}, manifest=manifest), 404, "style_not_found")
    assert "Line" not in detail


def test_something_must_be_sent(api: Api) -> None:
    assert "`images`" in refused(send(api), 422, "invalid_field")
    assert "no picture" in refused(send(api, archive=packed({"only/": b""})), 422, "invalid_field")


def test_options_are_judged_as_those_of_a_stylisation(api: Api) -> None:
    assert "`steps`" in refused(send(api, {"a.jpg": PHOTO}, {**STYLE, "steps": 5}), 422, "invalid_field")
    assert "styles" in refused(send(api, {"a.jpg": PHOTO}, {}), 422, "invalid_field")
    refused(send(api, {"a.jpg": PHOTO}, {"style_id": "absent"}), 404, "style_not_found")


def test_two_files_of_one_name_are_refused_by_name(api: Api) -> None:
    assert "'a.jpg'" in refused(send(api, [("a.jpg", PHOTO), ("a.jpg", PHOTO)]), 422, "invalid_field")


def test_a_key_without_the_scope_is_refused(make_api: MakeApi) -> None:
    refused(send(make_api(scopes=set()), {"a.jpg": PHOTO}), 403, "forbidden")


def test_a_batch_may_be_larger_than_other_bodies_but_has_its_own_limit(settings: Settings, services: Services) -> None:
    limits = settings.limits.model_copy(update={"body_bytes": 1_000, "batch_bytes": 100_000})
    token = services.keys.create("default", Scope)
    assert token is not None
    api = Api(create_app(settings.model_copy(update={"limits": limits}), services), token)
    accepted(send(api, {"a.jpg": b"x" * 50_000}))
    assert "100,000" in refused(send(api, {"a.jpg": b"x" * 100_000}), 413, "body_too_large")


# --- results ---


def test_the_manifest_of_results_names_every_item(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    batch = accepted(send(api, {"a.jpg": PHOTO, "b.jpg": PHOTO, "c.jpg": PHOTO}))
    work_off(api, batch["id"], worker, feeder, spoil="-1")
    answer = api.get(f"/v1/batches/{batch['id']}/manifest")
    assert answer.mimetype == "application/jsonl"
    a, b, c = (json.loads(line) for line in answer.text.splitlines())
    assert (a["custom_id"], a["status"], a["width"], a["error"]) == ("a", "succeeded", 8, None)
    assert (b["status"], b["error"], b["url"]) == ("failed", {"code": "corrupt_image", "detail": "damaged"}, None)
    assert api.get(c["url"]).data == f"painted {c['job']}".encode()
    assert api.get(c["url"]).mimetype == "image/jpeg"


def test_results_come_as_a_streamed_zip_with_a_manifest(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    batch = accepted(send(api, {"a.jpg": PHOTO, "b.jpg": PHOTO, "c.jpg": b"wrong"}))
    work_off(api, batch["id"], worker, feeder)
    answer = api.get(f"/v1/batches/{batch['id']}/results.zip")
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.jpeg", "b.jpeg", "manifest.jsonl"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        told = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert [(line["custom_id"], line["file"]) for line in told] == [("a", "a.jpeg"), ("b", "b.jpeg"), ("c", None)]


def test_ids_that_differ_in_case_only_have_files_that_differ_more(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    manifest = lines({"custom_id": "p1", "image": "a.jpg"}, {"custom_id": "P1", "image": "a.jpg"})
    batch = accepted(send(api, {"a.jpg": PHOTO}, manifest=manifest))
    work_off(api, batch["id"], worker, feeder)
    with zipfile.ZipFile(io.BytesIO(api.get(f"/v1/batches/{batch['id']}/results.zip").data)) as archive:
        told = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert archive.namelist() == ["p1.jpeg", "P1-2.jpeg", "manifest.jsonl"]
    assert [(line["custom_id"], line["file"]) for line in told] == [("p1", "p1.jpeg"), ("P1", "P1-2.jpeg")]


def test_a_folder_that_is_named_like_the_manifest_stays_beside_it(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("manifest.JSONL/a.jpg", "other/a.jpg"):
            archive.writestr(name, PHOTO)
    batch = accepted(api.upload("/v1/batches", STYLE, archive=packed.getvalue()))
    work_off(api, batch["id"], worker, feeder)
    with zipfile.ZipFile(io.BytesIO(api.get(f"/v1/batches/{batch['id']}/results.zip").data)) as archive:
        assert sorted(archive.namelist()) == ["_manifest.JSONL/a.jpeg", "manifest.jsonl", "other/a.jpeg"]


def test_a_picture_that_is_kept_no_longer_is_left_out_of_the_zip(
    api: Api, worker: FakeWorker, feeder: Feeder, store: MemoryStore
) -> None:
    batch = accepted(send(api, {"a.jpg": PHOTO, "b.jpg": PHOTO}))
    work_off(api, batch["id"], worker, feeder)
    store.delete(image_key("default", f"{batch['id']}-0", "image/jpeg"))
    with zipfile.ZipFile(io.BytesIO(api.get(f"/v1/batches/{batch['id']}/results.zip").data)) as archive:
        assert archive.namelist() == ["b.jpeg", "manifest.jsonl"]
    assert api.get(f"/v1/batches/{batch['id']}/images/{batch['id']}-0").status_code == 404


def test_only_pictures_of_the_batch_are_reached_through_it(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    other = api.upload("/v1/stylizations", STYLE, content=PHOTO).get_json()["id"]
    store.put(image_key("default", other, "image/png"), PNG)
    worker.succeed(stylised)
    batch = accepted(send(api, {"a.jpg": PHOTO}))
    refused(api.get(f"/v1/batches/{batch['id']}/images/{other}"), 404, "object_not_found")


def test_items_are_listed_page_by_page(api: Api) -> None:
    batch = accepted(send(api, {f"{letter}.jpg": PHOTO for letter in "abcde"}))
    path, seen, query = f"/v1/batches/{batch['id']}/items", [], "?limit=2"
    while True:
        page = api.get(path + query).get_json()
        seen.append([one["custom_id"] for one in page["items"]])
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == [["a", "b"], ["c", "d"], ["e"]]


def test_batches_are_listed_newest_first(api: Api) -> None:
    made = [accepted(send(api, {"a.jpg": PHOTO}))["id"] for _ in range(3)]
    first = api.get("/v1/batches?limit=2").get_json()
    assert [batch["id"] for batch in first["batches"]] == [made[2], made[1]]
    rest = api.get(f"/v1/batches?limit=2&cursor={first['next_cursor']}").get_json()
    assert [batch["id"] for batch in rest["batches"]] == [made[0]]
    assert rest["next_cursor"] is None


# --- pause, resume, cancel ---


def test_a_batch_is_paused_resumed_and_cancelled(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    path = f"/v1/batches/{accepted(send(api, {'a.jpg': PHOTO, 'b.jpg': PHOTO}))['id']}"
    assert api.post(f"{path}/pause").get_json()["status"] == "paused"
    feeder.feed()
    assert worker.published == []
    paused = api.get(path).get_json()
    assert paused["links"]["resume"] == f"{path}/resume"
    assert "pause" not in paused["links"]
    assert api.post(f"{path}/resume").get_json()["status"] == "queued", "nothing was begun yet"
    assert api.post(f"{path}/cancel").get_json()["status"] == "cancelling"
    feeder.feed()
    done = api.get(path).get_json()
    assert (done["status"], done["counts"]["cancelled"]) == ("cancelled", 2)
    assert "cancel" not in done["links"]
    for turn in ("pause", "resume", "cancel"):
        refused(api.post(f"{path}/{turn}"), 409, "batch_finished")


def test_another_tenants_batch_is_not_there(api: Api, make_api: MakeApi) -> None:
    path = f"/v1/batches/{accepted(send(api, {'a.jpg': PHOTO}))['id']}"
    other = make_api("other")
    for below in ("", "/items", "/manifest", "/results.zip", f"/images/{path[12:]}-0"):
        refused(other.get(path + below), 404, "batch_not_found")
    for turn in ("pause", "resume", "cancel"):
        refused(other.post(f"{path}/{turn}"), 404, "batch_not_found")
    assert other.get("/v1/batches").get_json()["batches"] == []


def test_a_picture_that_many_lines_name_is_stored_once(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[str] = []

    def noted(store: MemoryStore, key: str, data: bytes, content_type: str = "") -> None:
        put.append(key)
        real(store, key, data, content_type)

    real = MemoryStore.put
    token = services.keys.create("default", Scope)
    assert token is not None
    monkeypatch.setattr(MemoryStore, "put", noted)
    said = lines(*({"custom_id": str(number), "image": "a.png"} for number in range(40)))
    batch = accepted(send(Api(create_app(settings, services), token), {"a.png": PNG}, manifest=said))
    assert batch["counts"]["total"] == 40
    # Of those that are read at the same time each may find that it is not there yet.
    assert 1 <= put.count(input_key("default", batch["id"], "0")) <= READERS


# --- names ---


def test_names_are_cleaned_and_what_is_left_out_is_listed(api: Api) -> None:
    files = {"./a.jpg": PHOTO, "../../evil.jpg": PHOTO, "b.png": PNG, "b.png/../b.png": PNG, "readme.md": b"x"}
    batch = accepted(send(api, archive=packed(files)))
    assert [one["name"] for one in items(api, batch["id"])] == ["a.jpg", "evil.jpg", "b.png"]
    assert batch["skipped_count"] == 2
    assert [one["name"] for one in batch["skipped"]] == ["b.png", "readme.md"]


FORMS = ["Z\u00fcrich.jpg", "Zu\u0308rich.jpg"]  # composed, and as a Mac writes it


@pytest.mark.parametrize("sent", FORMS)
@pytest.mark.parametrize("asked", FORMS)
def test_a_manifest_may_name_a_file_in_either_form(api: Api, sent: str, asked: str) -> None:
    batch = accepted(send(api, archive=packed({sent: PHOTO}), manifest=lines({"custom_id": "x", "image": asked})))
    [item] = items(api, batch["id"])
    assert (item["status"], item["error"], item["name"]) == ("queued", None, FORMS[0])
    assert batch["skipped"] == []


def results(api: Api, batch: str) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(api.get(f"/v1/batches/{batch}/results.zip").data)) as archive:
        told = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert [line["file"] for line in told if line["file"]] == archive.namelist()[:-1]
        return archive.namelist()[:-1]


def test_results_keep_the_paths_of_what_was_sent(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    names = ["Отпуск/Пляж.jpg", "写真/東京.png", "a.jpg", "A.png", "x.png", "x.jpeg/b.jpg", "manifest.jsonl.png"]
    names += [f"{'Wedding of Anna and Thomas, ' * 3}IMG_{number}.jpg" for number in (7, 3)]
    batch = accepted(send(api, archive=packed(dict.fromkeys(names, PHOTO))))
    work_off(api, batch["id"], worker, feeder)
    assert results(api, batch["id"]) == [
        "Отпуск/Пляж.jpeg",
        "写真/東京.jpeg",
        "a.jpeg",
        "A-2.jpeg",
        "x-2.jpeg",
        "x.jpeg/b.jpeg",
        "manifest.jsonl.jpeg",
        f"{'Wedding of Anna and Thomas, ' * 3}IMG_7.jpeg",
        f"{'Wedding of Anna and Thomas, ' * 3}IMG_3.jpeg",
    ]


def test_the_manifest_of_results_lists_what_was_skipped(api: Api, worker: FakeWorker, feeder: Feeder) -> None:
    batch = accepted(send(api, archive=packed({"a.jpg": PHOTO, "notes.txt": b"x"})))
    work_off(api, batch["id"], worker, feeder)
    told = [json.loads(line) for line in api.get(f"/v1/batches/{batch['id']}/manifest").text.splitlines()]
    assert [(one["name"], one["status"]) for one in told] == [("a.jpg", "succeeded"), ("notes.txt", "skipped")]
    assert told[1]["error"] == {"code": "skipped", "detail": "The file is no photo by its name."}


def test_thousands_of_files_that_are_left_out_are_counted_and_some_are_listed(api: Api) -> None:
    files = {"a.jpg": PHOTO, **{f"{number}.txt": b"" for number in range(300)}}
    batch = accepted(send(api, archive=packed(files)))
    assert (batch["skipped_count"], len(batch["skipped"])) == (300, 100)
