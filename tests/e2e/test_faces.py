"""Faces, end to end: real photos, real models, real queues."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageFilter, ImageOps

from gateway.client import Client, NotFound
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS


def test_one_photo_is_enough_to_verify_and_recognise(client: Client, gallery: str) -> None:
    enrolled = client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg").result
    assert enrolled["verdict"] == "enrolled"
    assert client.faces.verify(gallery, "obama", PHOTOS / "obama-2.jpg").result["verdict"] == "match"
    assert client.faces.verify(gallery, "obama", PHOTOS / "biden.jpg").result["verdict"] == "no_match"
    known = client.faces.recognise(gallery, PHOTOS / "obama-3.jpg").result
    assert (known["verdict"], known["person"]) == ("recognised", "obama")
    stranger = client.faces.recognise(gallery, PHOTOS / "sunak.jpg").result
    assert (stranger["verdict"], stranger["person"]) == ("not_recognised", None)


def test_a_verdict_names_its_policy_threshold_and_model(client: Client, gallery: str) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    job: Any = client.faces.verify(gallery, "obama", PHOTOS / "obama-2.jpg").document
    assert job["result"]["policy"] == "verify-fmr-1e-4"
    assert 0.4 < job["result"]["threshold"] < 0.45
    assert job["result"]["score"] > job["result"]["threshold"]
    assert job["model"]["name"]
    assert job["model"]["digest"]


def test_two_photos_are_compared_and_nothing_is_stored(client: Client, s3: S3Store) -> None:
    before = list(s3.keys("galleries/"))
    same = client.faces.compare(PHOTOS / "macron-2014.jpg", PHOTOS / "macron-2025.jpg").result
    different = client.faces.compare(PHOTOS / "macron-2014.jpg", PHOTOS / "sunak.jpg").result
    assert (same["verdict"], different["verdict"]) == ("match", "no_match")
    assert list(s3.keys("galleries/")) == before


def test_each_face_of_a_group_gets_its_own_verdict(client: Client, gallery: str) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    client.faces.enrol(gallery, "hopper", PHOTOS / "hopper.jpg")
    faces = client.faces.recognise(gallery, PHOTOS / "group.jpg").result["faces"]
    assert len(faces) == 6
    assert {face["person"] for face in faces if face["verdict"] == "recognised"} <= {"obama", "hopper"}
    assert any(face["verdict"] == "recognised" for face in faces)
    assert any(face["verdict"] == "not_recognised" for face in faces)


def test_nobody_is_recognised_twice_in_one_photo(client: Client, gallery: str, tmp_path: Path) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    twice = tmp_path / "twice.jpg"
    with Image.open(PHOTOS / "obama-2.jpg") as first, Image.open(PHOTOS / "obama-3.jpg") as second:
        both = Image.new("RGB", (1200, 600))
        for place, portrait in ((0, first), (600, second)):
            both.paste(ImageOps.fit(portrait, (600, 600), centering=(0.5, 0.2)), (place, 0))
        both.save(twice)
    faces = client.faces.recognise(gallery, twice).result["faces"]
    assert sorted(face["verdict"] for face in faces) == ["not_recognised", "recognised"]


def test_a_detection_tells_what_is_seen_without_asking_whose_it_is(client: Client) -> None:
    job: Any = client.faces.detect(PHOTOS / "group.jpg").document
    found = job["result"]
    assert job["model"]["name"].startswith("yunet")
    assert len(found["faces"]) == 6
    for face in found["faces"]:
        assert face["landmarks"]["right_eye"][0] < face["landmarks"]["left_eye"][0]
        assert face["box"]["x"] + face["box"]["width"] <= found["width"] * 1.1
        assert abs(face["yaw"]) < 60
        assert bool(face["advice"]) == bool(face["quality"]["issues"])


def test_an_empty_gallery_recognises_nobody(client: Client, gallery: str) -> None:
    assert client.faces.recognise(gallery, PHOTOS / "obama-1.jpg").result["verdict"] == "not_recognised"


@pytest.mark.parametrize("call", ["enrol", "verify", "recognise"])
def test_a_picture_without_a_face_says_so(client: Client, gallery: str, call: str, tmp_path: Path) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    blank = tmp_path / "blank.png"
    Image.effect_noise((400, 300), 40).convert("RGB").save(blank)
    arguments = (gallery, blank) if call == "recognise" else (gallery, "obama", blank)
    assert getattr(client.faces, call)(*arguments).result["verdict"] == "no_face"


def test_two_faces_of_like_size_are_no_enrolment(client: Client, gallery: str) -> None:
    result = client.faces.enrol(gallery, "who", PHOTOS / "group.jpg").result
    assert result["verdict"] == "multiple_faces"
    assert result["face"] is None


def test_a_refusal_of_several_faces_lets_one_be_chosen(client: Client, gallery: str) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    refused = client.faces.verify(gallery, "obama", PHOTOS / "group.jpg").result
    assert (refused["verdict"], len(refused["faces"])) == ("multiple_faces", 6)
    by_number = [client.faces.verify(gallery, "obama", PHOTOS / "group.jpg", face=number).result for number in range(6)]
    chosen = [number for number, result in enumerate(by_number) if result["verdict"] == "match"]
    assert len(chosen) == 1
    box = refused["faces"][chosen[0]]["box"]
    assert client.faces.verify(gallery, "obama", PHOTOS / "group.jpg", box=box).result["verdict"] == "match"
    assert client.faces.enrol(gallery, "obama", PHOTOS / "group.jpg", box=box).result["verdict"] == "enrolled"
    beyond = client.faces.verify(gallery, "obama", PHOTOS / "group.jpg", face=6).result
    assert (beyond["verdict"], "6 faces" in str(beyond["reason"])) == ("no_face", True)


def test_several_frames_are_one_answer(client: Client, gallery: str, tmp_path: Path) -> None:
    face = client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg").result["face"]
    client.persons.put(gallery, "obama", name="Barack Obama", external_id="44")
    blank = tmp_path / "blank.png"
    Image.effect_noise((400, 300), 40).convert("RGB").save(blank)
    frames = [PHOTOS / "obama-2.jpg", blank, PHOTOS / "obama-3.jpg"]
    verified = client.faces.verify(gallery, None, frames, external_id="44").result
    assert (verified["verdict"], verified["person"], verified["matched_face"]) == ("match", "obama", face)
    assert [frame["verdict"] for frame in verified["frames"]] == ["match", "no_face", "match"]
    recognised = client.faces.recognise(gallery, frames).result
    assert (recognised["verdict"], recognised["name"], recognised["external_id"]) == (
        "recognised",
        "Barack Obama",
        "44",
    )
    mixed = client.faces.verify(gallery, "obama", [PHOTOS / "obama-2.jpg", PHOTOS / "biden.jpg"]).result
    assert (mixed["verdict"], [frame["verdict"] for frame in mixed["frames"]]) == (
        "multiple_faces",
        ["multiple_faces", "multiple_faces"],
    )


def test_the_largest_faces_are_answered_and_all_are_counted(client: Client, gallery: str) -> None:
    found = client.faces.detect(PHOTOS / "group.jpg", max_faces=2).result
    assert (len(found["faces"]), found["faces_found"]) == (2, 6)
    searched = client.faces.recognise(gallery, PHOTOS / "group.jpg", max_faces=1).result
    assert (len(searched["faces"]), searched["faces_found"]) == (1, 6)


def test_a_blurred_face_is_of_low_quality_with_a_reason(client: Client, gallery: str, tmp_path: Path) -> None:
    blurred = tmp_path / "blurred.jpg"
    with Image.open(PHOTOS / "obama-1.jpg") as image:
        image.filter(ImageFilter.GaussianBlur(30)).save(blurred)
    result = client.faces.enrol(gallery, "obama", blurred).result
    assert result["verdict"] in {"low_quality", "no_face"}
    assert result["reason"]


def test_a_rotated_phone_is_no_matter(client: Client, gallery: str, tmp_path: Path) -> None:
    """The pixels lie on their side; EXIF says so."""
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    turned = tmp_path / "turned.jpg"
    with Image.open(PHOTOS / "obama-2.jpg") as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.rotate(90, expand=True).save(turned, exif=exif)
    assert client.faces.verify(gallery, "obama", turned).result["verdict"] == "match"


def test_what_one_face_worker_changes_the_other_sees_at_once(client: Client, http: httpx.Client, gallery: str) -> None:
    """Two workers serve one queue: each round enrols, recognises many times on both, erases, asks again."""

    def ask() -> Any:
        return client.faces.recognise(gallery, PHOTOS / "obama-2.jpg").result["verdict"]

    with ThreadPoolExecutor(6) as pool:
        for number in range(3):
            client.faces.enrol(gallery, f"obama-{number}", PHOTOS / "obama-1.jpg")
            assert set(pool.map(lambda _: ask(), range(8))) == {"recognised"}
            http.delete(f"/v1/galleries/{gallery}/persons/obama-{number}").raise_for_status()
            assert set(pool.map(lambda _: ask(), range(8))) == {"not_recognised"}


def test_photos_are_gone_from_storage_after_the_job(client: Client, gallery: str, s3: S3Store) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    client.faces.verify(gallery, "obama", PHOTOS / "obama-2.jpg")
    client.faces.recognise(gallery, PHOTOS / "obama-3.jpg")
    client.faces.compare(PHOTOS / "obama-1.jpg", PHOTOS / "biden.jpg")
    until = time.monotonic() + 10
    while (left := list(s3.keys("uploads/"))) and time.monotonic() < until:
        time.sleep(0.1)  # a worker deletes right after the commit that answered us
    assert left == []


def test_what_is_kept_of_a_face_is_its_template(client: Client, gallery: str, s3: S3Store) -> None:
    result = client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg").result
    keys = list(s3.keys(f"galleries/default/{gallery}/templates/"))
    folder = f"galleries/default/{gallery}/templates/obama/{DEFAULT_MODEL.digest}"
    assert keys == [f"{folder}/{result['face']}.json"]
    assert len(s3.get(keys[0])) < 2000


def test_an_erased_person_does_not_come_back_with_a_late_enrolment(
    client: Client, http: httpx.Client, gallery: str
) -> None:
    """Enrolments race with an erasure; whatever they answer, afterwards nothing of the person is left."""
    photo = (PHOTOS / "obama-1.jpg").read_bytes()
    path = f"/v1/galleries/{gallery}/persons/obama"
    accepted = [http.post(f"{path}/faces", files={"image": ("a.jpg", photo)}).json()["id"] for _ in range(6)]
    client.jobs.wait(accepted[0], None)  # from now on there is somebody to erase
    http.delete(path).raise_for_status()
    for job_id in accepted:
        with suppress(NotFound):  # it was erased with him
            client.jobs.wait(job_id, None)
    assert http.get(path).status_code == 404
    assert client.faces.recognise(gallery, PHOTOS / "obama-2.jpg").result["verdict"] == "not_recognised"
