"""Evaluation and calibration through HTTP: of an archive, and of a gallery's own templates."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from gateway.client import ApiError, Client
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.catalogue import DEFAULT_MODEL
from tests.e2e.conftest import PHOTOS

PEOPLE = ["ardern", "biden", "collins", "hopper", "macron", "obama", "sunak"]
CROWD = 300


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder per person of the sample portraits, and three files that cannot be used."""
    path = tmp_path / "people.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for person in PEOPLE:
            for number, photo in enumerate(sorted(PHOTOS.glob(f"{person}*")), 1):
                packed.write(photo, f"{person}/{person}_{number:04}{photo.suffix}")
        packed.writestr("obama/broken.jpg", b"not a picture")
        packed.writestr("obama/notes.txt", "hello")
        blank = io.BytesIO()
        Image.new("RGB", (200, 200)).save(blank, "PNG")
        packed.writestr("Zoë & friends/blank.png", blank.getvalue())
    return path


@pytest.fixture
def crowd(gallery: str, galleries: GalleryStore) -> str:
    """A gallery of 300 made-up people with two templates each, as like each other as random vectors are."""
    rng = np.random.default_rng(5)
    for number in range(CROWD):
        person = galleries.ensure_person("default", gallery, f"p{number:03}")
        centre = rng.normal(size=128)
        for face in range(2):
            vector = centre + 0.6 * rng.normal(size=128)
            template = Template(
                person=person.id,
                person_uid=person.uid,
                face=f"f{number}-{face}",
                embedding=tuple((vector / np.linalg.norm(vector)).tolist()),
                model_digest=DEFAULT_MODEL.digest,
                quality=0.9,
                created_at=person.created_at,
            )
            galleries.put_template("default", gallery, template)
    return gallery


def finished(client: Client, job: Any) -> Any:
    return client.jobs.wait(job["id"], None).document


def test_an_archive_is_evaluated_with_each_unusable_file_named(client: Client, gallery: str, archive: Path) -> None:
    job = finished(client, client.measuring.evaluate(gallery, archive).document)
    result = job["result"]
    assert (result["persons"], result["photos"]) == (7, 12)
    problems = {problem["file"]: problem["reason"] for problem in result["unusable"]}
    assert set(problems) == {"obama/broken.jpg", "obama/notes.txt", "Zoë & friends/blank.png"}
    assert "no_face" in problems["Zoë & friends/blank.png"]

    report = client.jobs.get(job["id"]).report()
    told = json.loads(report["report.json"])
    assert told["model"]["digest"] == DEFAULT_MODEL.digest
    assert told["verification"]["impostor_pairs"] > 50
    assert "cannot be measured" in report["report.md"].decode()
    with Image.open(io.BytesIO(report["report.png"])) as page:
        assert page.format == "PNG"
        assert min(page.size) > 500


def test_pairs_as_lfw_lists_them_are_judged_in_the_folds(
    client: Client, gallery: str, archive: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.txt"
    genuine = [f"obama\t{a}\t{b}" for a in (1, 2, 3, 4) for b in range(a + 1, 5)]
    impostor = [f"obama\t{number}\t{other}\t1" for number in (1, 2, 3) for other in ("biden", "sunak")]
    pairs.write_text("\n".join([*genuine, *impostor, "nobody\t1\t2"]) + "\n")
    job = finished(client, client.measuring.evaluate(gallery, archive, pairs=pairs).document)
    assert job["status"] == "succeeded", job["error"]
    told = json.loads(client.jobs.get(job["id"]).report()["report.json"])
    assert [left["file"] for left in told["left_out_pairs"]] == ["nobody 1 2"]
    assert told["verification"]["folds"]["pairs"] == len(genuine) + len(impostor)


def test_a_pairs_file_of_another_kind_fails_with_the_line(
    client: Client, gallery: str, archive: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("obama and biden\n")
    job = finished(client, client.measuring.evaluate(gallery, archive, pairs=pairs).document)
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_field")


def test_a_gallery_is_evaluated_on_its_own_templates(client: Client, crowd: str) -> None:
    job = finished(client, client.measuring.evaluate(crowd).document)
    assert (job["result"]["persons"], job["result"]["photos"]) == (CROWD, 2 * CROWD)
    assert job["result"]["accuracy"] > 0.99
    assert json.loads(client.jobs.get(job["id"]).report()["report.json"])["data"]["name"] == f"gallery {crowd}"


def test_a_calibration_sets_the_threshold_and_answers_name_it(client: Client, http: httpx.Client, crowd: str) -> None:
    job = finished(client, client.measuring.calibrate(crowd, target_fmr=1e-3).document)
    made = job["result"]["calibration"]
    assert made["policy"] == "verify-fmr-1e-3"
    assert made["model"]["digest"] == DEFAULT_MODEL.digest
    assert (made["persons"], made["comparisons"]) == (CROWD, 2 * CROWD * (CROWD - 1))
    assert made["interval"][0] <= made["errors"] / made["comparisons"] <= made["interval"][1] <= 1e-3
    # random unit vectors: far less alike than faces, so the gallery's own threshold is lower
    assert made["threshold"] < 0.36

    client.faces.enrol(crowd, "obama", PHOTOS / "obama-1.jpg")
    answer = client.faces.verify(crowd, "obama", PHOTOS / "obama-2.jpg", policy="verify-fmr-1e-3").result
    assert (answer["calibration"], answer["threshold"]) == (made["id"], made["threshold"])
    default = client.faces.verify(crowd, "obama", PHOTOS / "obama-2.jpg").result
    assert default["calibration"] is None

    http.delete(f"/v1/galleries/{crowd}/calibrations/verify-fmr-1e-3").raise_for_status()
    again = client.faces.verify(crowd, "obama", PHOTOS / "obama-2.jpg", policy="verify-fmr-1e-3").result
    assert again["calibration"] is None
    assert again["threshold"] > made["threshold"]


def test_a_target_of_ones_own_becomes_a_policy(client: Client, crowd: str) -> None:
    with pytest.raises(ApiError, match="unknown_policy"):
        client.faces.recognise(crowd, PHOTOS / "obama-1.jpg", policy="identify-fpir-2.5e-2")
    made = finished(client, client.measuring.calibrate(crowd, target_fpir=0.025).document)["result"]["calibration"]
    assert made["policy"] == "identify-fpir-2.5e-2"
    answer = client.faces.recognise(crowd, PHOTOS / "obama-1.jpg", policy="identify-fpir-2.5e-2").result
    assert (answer["calibration"], answer["persons"]) == (made["id"], CROWD)
    assert answer["verdict"] == "not_recognised"
    assert [one["calibration"]["id"] for one in client.measuring.calibrations(crowd)] == [made["id"]]


def test_the_threshold_of_a_calibrated_search_follows_the_number_of_people(
    client: Client, http: httpx.Client, crowd: str
) -> None:
    finished(client, client.measuring.calibrate(crowd, target_fpir=0.05).document)
    many = client.faces.recognise(crowd, PHOTOS / "obama-1.jpg", policy="identify-fpir-5e-2").result
    with ThreadPoolExecutor(8) as pool:
        people = (f"/v1/galleries/{crowd}/persons/p{number:03}" for number in range(CROWD // 10))
        assert {answer.status_code for answer in pool.map(http.delete, people)} == {200}
    fewer = client.faces.recognise(crowd, PHOTOS / "obama-1.jpg", policy="identify-fpir-5e-2").result
    assert (many["persons"], fewer["persons"]) == (CROWD, CROWD - CROWD // 10)
    assert fewer["threshold"] < many["threshold"]


def test_a_target_that_the_data_cannot_support_is_refused_with_what_is_needed(client: Client, gallery: str) -> None:
    for photo in ("obama-1.jpg", "biden.jpg", "sunak.jpg"):
        client.faces.enrol(gallery, photo[:5], PHOTOS / photo)
    job = finished(client, client.measuring.calibrate(gallery, target_fmr=1e-4).document)
    assert (job["status"], job["error"]["code"]) == ("failed", "target_not_supported")
    assert "people" in job["error"]["detail"]


def test_one_person_is_not_enough_to_measure_anything(client: Client, gallery: str) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    job = finished(client, client.measuring.evaluate(gallery).document)
    assert (job["status"], job["error"]["code"]) == ("failed", "insufficient_data")


def test_what_is_no_archive_is_refused_at_once(http: httpx.Client, gallery: str) -> None:
    for route in ("evaluations", "calibrations"):
        answer = http.post(
            f"/v1/galleries/{gallery}/{route}",
            files={"archive": ("a.zip", b"no zip")},
            data={"target_fmr": "1e-3"} if route == "calibrations" else {},
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_archive")
