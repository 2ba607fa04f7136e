"""Evaluations, calibrations and models: what the worker is told, and what is refused at once."""

import io
import zipfile
from datetime import UTC, datetime

import pytest

from gateway.auth import Scope
from shared.face_models import FaceModelStore
from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import CATALOGUE, DEFAULT_MODEL
from shared.queue import Queue, Task
from shared.schemas import Calibration, EvaluationResult, MeasuredPoint, Model, PolicyKind
from shared.storage.store import MemoryStore, report_key
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, MakeApi
from tests.unit.shared.test_face_models import manifest

EVALUATIONS = "/v1/galleries/staff/evaluations"
CALIBRATIONS = "/v1/galleries/staff/calibrations"
MODEL = Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)

pytestmark = pytest.mark.usefixtures("staff")


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("ada/1.jpg", PHOTO)
    return buffer.getvalue()


def calibration(policy: str = "verify-fmr-2e-4", digest: str = MODEL.digest) -> Calibration:
    return Calibration(
        id="cal-1",
        policy=policy,
        kind=PolicyKind.VERIFICATION,
        target=2e-4,
        created_at=datetime.now(UTC),
        model=MODEL.model_copy(update={"digest": digest}),
        points=[MeasuredPoint(false_match_rate=2e-4, threshold=0.41)],
        threshold=0.41,
        persons=500,
        comparisons=100_000,
        errors=10,
        interval=(5e-5, 1.9e-4),
        source="gallery",
    )


@pytest.fixture
def calibrated(galleries: GalleryStore) -> Calibration:
    made = calibration()
    galleries.update_gallery("default", "staff", lambda gallery: gallery.with_calibration(made))
    return made


def test_an_evaluation_of_the_gallery_itself(api: Api, worker: FakeWorker) -> None:
    answer = api.upload(EVALUATIONS, {"seed": "7"})
    assert (answer.status_code, answer.get_json()["type"]) == (202, "evaluation")
    task, _, queue = worker.published[0]
    assert (task, queue) == (Task.EVALUATE, Queue.FACE_BULK)
    assert worker.claim().payload == {
        "gallery": "staff",
        "archive_key": None,
        "pairs_key": None,
        "seed": 7,
    }


def test_an_evaluation_of_an_archive(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    sent = archive()
    assert api.upload(EVALUATIONS, archive=sent).status_code == 202
    assert store.get(worker.claim().payload["archive_key"]) == sent


@pytest.mark.parametrize("route", [EVALUATIONS, CALIBRATIONS])
def test_an_archive_that_is_no_zip_is_refused(api: Api, route: str) -> None:
    fields = {"target_fmr": "1e-3"} if route == CALIBRATIONS else {}
    answer = api.upload(route, fields, archive=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_archive")


def test_a_calibration_for_each_kind_of_target(api: Api, worker: FakeWorker) -> None:
    api.upload(CALIBRATIONS, {"target_fmr": "1e-4"})
    api.post(CALIBRATIONS, json={"target_fpir": 0.01})
    payloads = [worker.claim().payload for _ in range(2)]
    assert [(payload["kind"], payload["target"]) for payload in payloads] == [
        ("verification", 1e-4),
        ("identification", 0.01),
    ]


@pytest.mark.parametrize(("fields", "used"), [({}, True), ({"feedback": "false"}, False)])
def test_a_calibration_uses_feedback_unless_told_not_to(
    api: Api, worker: FakeWorker, fields: dict[str, str], used: bool
) -> None:
    api.upload(CALIBRATIONS, {"target_fmr": "1e-4", **fields})
    assert worker.claim().payload["feedback"] is used


def test_a_small_gallery_need_not_be_measured(api: Api, worker: FakeWorker) -> None:
    api.post(CALIBRATIONS, json={"target_fmr": 1e-4, "measure": False})
    assert worker.claim().payload["measure"] is False
    answer = api.upload(CALIBRATIONS, {"target_fmr": "1e-4", "measure": "false"}, archive=archive())
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert "measure=false" in answer.get_json()["detail"]


@pytest.mark.parametrize("fields", [{}, {"target_fmr": 1e-3, "target_fpir": 1e-2}])
def test_a_calibration_has_one_target(api: Api, fields: dict[str, float]) -> None:
    answer = api.post(CALIBRATIONS, json=fields)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert "one of `target_fmr`" in answer.get_json()["detail"]


@pytest.mark.parametrize("target", [0, -1, 1.5, "nan", "often"])
def test_a_target_that_is_no_rate_is_refused_with_the_range(api: Api, target: object) -> None:
    answer = api.upload(CALIBRATIONS, {"target_fmr": str(target)})
    assert answer.status_code == 422
    assert "`target_fmr` must be" in answer.get_json()["detail"]


def test_calibrations_are_read_and_forgotten(api: Api, calibrated: Calibration) -> None:
    (listed,) = api.get(CALIBRATIONS).get_json()["calibrations"]
    assert listed == api.get(f"{CALIBRATIONS}/{calibrated.policy}").get_json()
    assert (listed["calibration"]["id"], listed["in_use"]) == (calibrated.id, True)
    assert api.get("/v1/galleries/staff").get_json()["calibrated"] == [calibrated.policy]
    assert api.delete(f"{CALIBRATIONS}/{calibrated.policy}").status_code == 204
    for again in (api.get, api.delete):
        answer = again(f"{CALIBRATIONS}/{calibrated.policy}")
        assert (answer.status_code, answer.get_json()["code"]) == (404, "calibration_not_found")


def test_another_models_calibration_is_not_in_use(api: Api, galleries: GalleryStore) -> None:
    stale = calibration(digest="former")
    galleries.update_gallery("default", "staff", lambda gallery: gallery.with_calibration(stale))
    assert api.get(f"{CALIBRATIONS}/{stale.policy}").get_json()["in_use"] is False


def test_a_calibration_of_another_model_is_no_policy_here(api: Api, galleries: GalleryStore) -> None:
    galleries.update_gallery("default", "staff", lambda gallery: gallery.with_calibration(calibration(digest="former")))
    fields = {"person": "ada", "policy": "verify-fmr-2e-4"}
    answer = api.upload("/v1/galleries/staff/verifications", fields, image=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_policy")
    assert api.get("/v1/galleries/staff").get_json()["calibrated"] == []


def test_a_policy_counts_where_it_is_calibrated(api: Api, calibrated: Calibration) -> None:
    fields = {"person": "ada", "policy": calibrated.policy}
    assert api.upload("/v1/galleries/staff/verifications", fields, image=PHOTO).status_code == 202
    policy = {"policy": calibrated.policy}
    for answer in (
        api.upload("/v1/comparisons", policy, image_a=PHOTO, image_b=PHOTO),
        api.upload("/v1/galleries/staff/recognitions", policy, image=PHOTO),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_policy")


@pytest.mark.parametrize("path", [EVALUATIONS, CALIBRATIONS, "/v1/models"])
def test_measuring_and_registering_is_for_admins(make_api: MakeApi, path: str) -> None:
    answer = make_api(scopes=set(Scope) - {Scope.ADMIN}).upload(path, {"target_fmr": "1e-3"})
    assert answer.status_code == 403


def test_a_report_is_read_file_by_file(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    started = api.upload(EVALUATIONS).get_json()
    path = started["links"]["self"]
    early = api.get(f"{path}/report/report.md")
    assert (early.status_code, early.get_json()["code"]) == (409, "conflict")

    job = worker.succeed(EvaluationResult(model=MODEL, persons=2, photos=4, summary="fine"))
    store.put(report_key("default", job.id, "report.md"), b"# fine")
    links = api.get(path).get_json()["links"]["report"]
    assert [link.rpartition("/")[2] for link in links] == ["report.json", "report.md", "report.png"]
    answer = api.get(links[1])
    assert (answer.data, answer.mimetype) == (b"# fine", "text/markdown")
    absent = api.get(f"{path}/report/secrets.json")
    assert (absent.status_code, absent.get_json()["code"]) == (404, "object_not_found")


def test_another_tenants_report_is_404(api: Api, worker: FakeWorker, make_api: MakeApi) -> None:
    path = api.upload(EVALUATIONS).get_json()["links"]["self"]
    worker.succeed(EvaluationResult(model=MODEL, persons=2, photos=4, summary="fine"))
    assert make_api("other").get(f"{path}/report/report.md").status_code == 404


def test_the_models_are_listed(api: Api) -> None:
    listed = api.get("/v1/models").get_json()["models"]
    assert [(model["name"], model["digest"]) for model in listed] == [
        (card.name, card.digest) for card in CATALOGUE.values()
    ]


def test_a_model_that_a_gallery_uses_is_not_deleted(api: Api, galleries: GalleryStore, store: MemoryStore) -> None:
    models = FaceModelStore(store)
    models.put("default", manifest(), b"abc")
    digest = manifest().digest
    galleries.create_gallery("default", "tuned", model=models.find("default", "staff-tuned"))
    answer = api.delete(f"/v1/models/{digest}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "model_in_use")
    api.delete("/v1/galleries/tuned")
    assert api.delete(f"/v1/models/{digest}").status_code == 204
    assert digest not in [model["digest"] for model in api.get("/v1/models").get_json()["models"]]
    again = api.delete(f"/v1/models/{digest}")
    assert (again.status_code, again.get_json()["code"]) == (404, "model_not_found")
    assert list(store.keys("models/")) == []


def test_a_trained_model_is_handed_to_a_worker(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    answer = api.upload("/v1/models", manifest=b"{}", weights=b"tensors")
    assert (answer.status_code, answer.get_json()["type"]) == (202, "registration")
    payload = worker.claim().payload
    assert (store.get(payload["manifest_key"]), store.get(payload["weights_key"])) == (b"{}", b"tensors")
