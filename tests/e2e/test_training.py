"""Training and trained models through HTTP."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageEnhance

from gateway.client import ApiError, Client
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.training import trained
from shared.ml.face.training.manifest import Manifest
from shared.ml.weights import SFACE, load
from tests.e2e.conftest import PHOTOS
from tests.unit.shared.test_face_models import manifest

PEOPLE = ("ardern", "biden", "collins", "hopper", "macron", "obama", "sunak")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Seven people with three photos each, as the sample portraits and paler ones of them."""
    path = tmp_path / "people.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for person in PEOPLE:
            photo = sorted(PHOTOS.glob(f"{person}*"))[0]
            with Image.open(photo) as image:
                small = image.convert("RGB")
                small.thumbnail((400, 400))
            for number, brightness in enumerate((1.0, 0.8, 1.2)):
                buffer = io.BytesIO()
                ImageEnhance.Brightness(small).enhance(brightness).save(buffer, "JPEG")
                packed.writestr(f"{person}/{number}.jpg", buffer.getvalue())
    return path


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    """What a training might have written: SFace with its last layer a little changed."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    tensors = load(SFACE)
    name = next(name for name in reversed(list(tensors)) if tensors[name].ndim == 2)
    noise = torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(0))
    tensors[name] = tensors[name] + 1e-4 * tensors[name].std() * noise
    content = trained.model_bytes(tensors)
    described = manifest("staff-tuned", trained.sha256(content)).model_copy(update={"size": len(content)})
    trained.save_trained(folder, content, described)
    return folder


def test_a_training_ends_with_a_report_of_people_it_has_not_seen(client: Client, people: Path) -> None:
    job = client.jobs.wait(client.models.train("tried", people, epochs=1).id, None).document
    assert job["status"] == "succeeded", job.get("error")
    result = job["result"]
    assert result["persons"] < len(PEOPLE), "some are kept for choosing and judging"
    assert result["summary"]
    report = client.jobs.get(job["id"]).report()
    assert set(report) == {"report.json", "report.md", "curves.csv"}
    assert json.loads(report["report.json"])["before"]["accuracy"] == result["accuracy_before"]
    assert report["curves.csv"].decode().splitlines()[0].startswith("epoch,loss")
    names = [model["name"] for model in client.models.list()]
    assert ("tried" in names) == (result["model"] is not None)


def test_too_few_people_cannot_be_trained_on(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for photo in PHOTOS.glob("obama*"):
            packed.write(photo, f"obama/{photo.name}")
    job = client.jobs.wait(client.models.train("tried", path).id, None).document
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_dataset")


def test_a_trained_model_is_registered_and_serves_a_gallery(client: Client, tuned: Path, gallery: str) -> None:
    registered = client.models.register(tuned / "manifest.json", tuned / "model.safetensors").document
    assert registered["status"] == "succeeded", registered.get("error")
    model = registered["result"]["model"]
    assert model["name"] == "staff-tuned"
    assert model["digest"] != DEFAULT_MODEL.digest
    assert model["digest"] in [listed["digest"] for listed in client.models.list()]

    client.galleries.create(f"{gallery}-tuned", model="staff-tuned")
    enrolled = client.faces.enrol(f"{gallery}-tuned", "obama", PHOTOS / "obama-1.jpg").document
    assert (enrolled["model"], enrolled["result"]["verdict"]) == (model, "enrolled")
    verified = client.faces.verify(f"{gallery}-tuned", "obama", PHOTOS / "obama-2.jpg").document
    assert (verified["model"], verified["result"]["verdict"]) == (model, "match")
    # its own threshold, from its manifest
    assert client.faces.verify(f"{gallery}-tuned", "obama", PHOTOS / "biden.jpg", policy="verify-fmr-1e-3").result[
        "threshold"
    ] == pytest.approx(0.38)


def damaged(described: Manifest) -> str:
    return described.model_copy(update={"sha256": "0" * 64}).model_dump_json(round_trip=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(damaged, "weights", id="another file"),
        pytest.param(
            lambda described: described.model_dump_json(round_trip=True)[:-20], "manifest", id="broken manifest"
        ),
        pytest.param(
            lambda described: described.model_copy(update={"parent": "nonesuch"}).model_dump_json(round_trip=True),
            "trained from",
            id="unknown parent",
        ),
    ],
)
def test_files_that_are_no_model_are_refused_by_the_worker(
    client: Client, tuned: Path, change: Callable[[Manifest], str], told: str
) -> None:
    path = tuned / "manifest.json"
    path.write_text(change(Manifest.model_validate_json(path.read_text())))
    job = client.models.register(tuned / "manifest.json", tuned / "model.safetensors").document
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_field")
    assert told in job["error"]["detail"]


def test_a_network_that_makes_no_numbers_is_refused(client: Client, tuned: Path) -> None:
    tensors = {name: torch.full_like(tensor, torch.nan) for name, tensor in load(SFACE).items()}
    content = trained.model_bytes(tensors)
    described = manifest("not-a-number", trained.sha256(content)).model_copy(update={"size": len(content)})
    trained.save_trained(tuned, content, described)
    job = client.models.register(tuned / "manifest.json", tuned / "model.safetensors").document
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_field")
    assert "no numbers" in job["error"]["detail"]


def test_a_name_that_will_not_do_is_refused_at_once(client: Client, people: Path) -> None:
    with pytest.raises(ApiError, match="invalid_field"):
        client.models.train("../../etc", people)
