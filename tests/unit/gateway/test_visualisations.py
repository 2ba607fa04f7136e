"""`/v1/visualisations`: what the worker is told, what is refused at once, and who may see the sheet."""

import io
import json
import zipfile

import pytest

from gateway.auth import Scope
from shared.queue import Queue, Task
from shared.schemas import Model, VisualisationResult
from shared.storage.store import MemoryStore, report_key
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, MakeApi

ROUTE = "/v1/visualisations"


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("1.jpg", PHOTO)
    return buffer.getvalue()


def test_the_units_of_a_layer(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    sent = archive()
    answer = api.upload(ROUTE, {"layer": "conv3_1", "units": "[17, 3, 17]"}, archive=sent)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "visualisation")
    task, _, queue = worker.published[0]
    assert (task, queue) == (Task.VISUALISE, Queue.STYLE_BULK)
    payload = worker.claim().payload
    assert store.get(payload.pop("archive_key")) == sent
    expected = {"kind": "units", "layer": "conv3_1", "units": [17, 3], "count": 9, "method": "guided", "seed": 0}
    assert payload == expected


def test_so_many_of_the_most_telling_units_by_another_way_back(api: Api, worker: FakeWorker) -> None:
    api.upload(ROUTE, {"layer": "conv3_1", "count": "4", "method": "deconvnet"}, archive=archive())
    payload = worker.claim().payload
    assert (payload["units"], payload["count"], payload["method"]) == (None, 4, "deconvnet")


@pytest.mark.parametrize("kind", ["content", "style"])
def test_what_layers_keep(api: Api, worker: FakeWorker, kind: str) -> None:
    assert api.upload(ROUTE, {"kind": kind, "seed": "7"}, archive=archive()).status_code == 202
    payload = worker.claim().payload
    assert (payload["kind"], payload["layer"], payload["units"], payload["seed"]) == (kind, None, None, 7)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "`layer` is needed with kind=units; the layers are: conv1_1, "),
        ({"layer": "conv9_1"}, "conv1_1, relu1_1"),
        ({"layer": "conv1_1", "units": "3, 4"}, "`units` must be JSON text, for example ["),
        ({"layer": "conv1_1", "units": "[]"}, "`units` must be a JSON list of up to 24 numbers"),
        ({"layer": "conv1_1", "units": "[-1]"}, "`units` must be a JSON list"),
        ({"layer": "conv1_1", "units": "[1.0]"}, "`units` must be a JSON list"),
        ({"layer": "conv1_1", "units": json.dumps(list(range(25)))}, "`units` must be a JSON list"),
        ({"layer": "conv1_1", "seed": "1"}, "`seed` is only for kind=content and kind=style"),
        ({"kind": "style", "layer": "conv1_1"}, "`layer`, `units`, `count` and `method` are only for"),
        ({"kind": "style", "count": "3"}, "are only for kind=units"),
        ({"kind": "content", "method": "guided"}, "are only for kind=units"),
        ({"layer": "conv1_1", "units": "[3]", "count": "3"}, "Send `units` or `count`"),
        ({"layer": "conv1_1", "count": "25"}, "`count` must be an integer from 1 to 24"),
        ({"layer": "conv1_1", "method": "magic"}, "one of guided, deconvnet"),
        ({"kind": "texture"}, "one of units, content, style"),
    ],
)
def test_what_does_not_fit_is_refused(api: Api, worker: FakeWorker, fields: dict[str, str], said: str) -> None:
    answer = api.upload(ROUTE, fields, archive=archive())
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert said in answer.get_json()["detail"]
    assert not worker.published


def test_an_archive_that_is_no_zip_is_refused(api: Api) -> None:
    answer = api.upload(ROUTE, {"layer": "conv1_1"}, archive=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_archive")
    assert "send one with pictures" in answer.get_json()["detail"]


def test_the_archive_is_needed(api: Api) -> None:
    answer = api.upload(ROUTE, {"layer": "conv1_1"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")


def test_the_scope_stylise_is_needed_for_the_job_and_enough_for_its_sheet(
    make_api: MakeApi, worker: FakeWorker, store: MemoryStore
) -> None:
    artist, stranger = make_api(scopes={Scope.STYLISE}), make_api(scopes={Scope.VERIFY})
    assert stranger.upload(ROUTE, {"layer": "conv1_1"}, archive=archive()).status_code == 403
    accepted = artist.upload(ROUTE, {"layer": "conv1_1"}, archive=archive())
    assert accepted.status_code == 202
    job = worker.claim()
    store.put(report_key(job.tenant, job.id, "sheet.png"), b"a sheet")
    path = f"/v1/jobs/{job.id}/report/sheet.png"
    assert artist.get(path).status_code == 409
    result = VisualisationResult(layer="conv1_1", units=[3], pictures=1, problems=[], seconds=0.5)
    worker.jobs.succeed(job, result, Model(name="vgg16", digest="d"))
    assert artist.get(f"/v1/jobs/{job.id}").get_json()["links"]["report"] == [path]
    answer = artist.get(path)
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", b"a sheet")
    assert artist.get(f"/v1/jobs/{job.id}/report/report.json").status_code == 404
    assert (stranger.get(path).status_code, stranger.get(path).get_json()["code"]) == (403, "forbidden")
