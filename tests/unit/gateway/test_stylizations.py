"""Stylisations: defaults, options, and what the worker is told."""

import base64
import json
from typing import Any

import pytest

from shared.queue import Queue, Task
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, picture

FINE = {"mode": "fine"}


def payload_of(
    api: Api, worker: FakeWorker, fields: dict[str, str] | None = None, content: bytes = PHOTO
) -> dict[str, Any]:
    answer = api.upload("/v1/stylizations", {"style_id": "poppies", **(fields or {})}, content=content)
    assert answer.status_code == 202, answer.text
    assert worker.published[-1][0] is Task.STYLIZE
    return worker.claim().payload


def test_a_style_of_the_library(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    payload = payload_of(api, worker)
    (style,) = payload["styles"]
    assert (style["style_id"], style["key"]) == ("poppies", "styles/library/poppies.jpg")
    assert store.get(payload["content_key"]) == PHOTO
    assert (payload["mode"], payload["format"], payload["strength"], payload["fine"]) == (
        "fast",
        "jpeg",
        1.0,
        None,
    )


def test_a_style_of_ones_own(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    style = picture()
    assert api.upload("/v1/stylizations", content=PHOTO, style=style).status_code == 202
    (found,) = worker.claim().payload["styles"]
    assert (store.get(found["key"]), found["style_id"]) == (style, None)


@pytest.mark.parametrize(
    ("content", "fields", "size"),
    [
        ((120, 80), {}, 120),
        ((80, 120), {}, 120),
        ((1500, 30), {}, 1024),
        ((1500, 80), FINE, 384),
        ((300, 20), FINE, 300),
        ((20, 20), {}, 64),
        ((120, 80), {"size": "64"}, 64),
        ((120, 80), {"size": "2048"}, 2048),
        ((80, 120), {**FINE, "size": "64"}, 64),
        ((120, 80), {**FINE, "size": "1024"}, 1024),
    ],
)
def test_the_output_is_as_large_as_asked_or_as_the_content(
    api: Api, worker: FakeWorker, content: tuple[int, int], fields: dict[str, str], size: int
) -> None:
    assert payload_of(api, worker, fields, picture(size=content))["size"] == size


def test_fast_options_reach_the_worker(api: Api, worker: FakeWorker) -> None:
    payload = payload_of(api, worker, {"strength": "0.5", "format": "webp"})
    assert (payload["strength"], payload["format"]) == (0.5, "webp")


def test_strength_may_be_nought(api: Api, worker: FakeWorker) -> None:
    assert payload_of(api, worker, {"strength": "0"})["strength"] == 0


def test_fine_options_reach_the_worker(api: Api, worker: FakeWorker) -> None:
    given: dict[str, Any] = {
        "preset": "rich",
        "pooling": "average",
        "levels": 3,
        "steps": 10,
        "alpha": 1.5,
        "beta": 1000.0,
        "tv_weight": 0.0,
        "init": "noise",
        "optimiser": "lbfgs",
        "learning_rate": 0.5,
        "seed": 7,
        "content_layers": {"relu4_2": 1.0},
        "style_layers": {"conv1_1": 0.5, "relu5_1": 2.0},
    }
    text = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()}
    assert payload_of(api, worker, {**FINE, **text})["fine"] == given


def test_json_takes_the_same_options(api: Api, worker: FakeWorker) -> None:
    body = {
        "content": base64.b64encode(PHOTO).decode(),
        "style_id": "poppies",
        "mode": "fine",
        "steps": 10,
        "alpha": 2,
        "style_layers": {"conv1_1": 1},
    }
    assert api.post("/v1/stylizations", json=body).status_code == 202
    fine = worker.claim().payload["fine"]
    assert (fine["steps"], fine["alpha"], fine["style_layers"]) == (10, 2.0, {"conv1_1": 1.0})


def test_options_that_are_not_given_are_the_workers_to_choose(api: Api, worker: FakeWorker) -> None:
    assert set(payload_of(api, worker, FINE)["fine"].values()) == {None}


def test_null_counts_as_not_given(api: Api) -> None:
    body = {"content": base64.b64encode(PHOTO).decode(), "style": None, "style_id": "poppies", "steps": None}
    assert api.post("/v1/stylizations", json=body).status_code == 202


def test_bulk_has_its_own_queue(api: Api, worker: FakeWorker) -> None:
    api.upload("/v1/stylizations", {"style_id": "poppies", "priority": "bulk"}, content=PHOTO)
    assert worker.published[0][2] is Queue.STYLE_BULK


def test_weights_that_leave_nothing_to_optimise_are_refused(api: Api) -> None:
    fields = {"style_id": "poppies", "mode": "fine", "alpha": "0", "beta": "0"}
    answer = api.upload("/v1/stylizations", fields, content=PHOTO)
    assert answer.status_code == 422
    assert "nothing to optimise" in answer.get_json()["detail"]


def test_a_picture_too_narrow_for_the_network_is_refused(api: Api) -> None:
    ribbon = picture(size=(1500, 20))
    answer = api.upload("/v1/stylizations", {"style_id": "poppies", "size": "512"}, content=ribbon)
    assert answer.status_code == 422
    assert answer.get_json()["code"] == "image_too_small"
    assert "7 px" in answer.get_json()["detail"]


def test_a_style_too_narrow_for_the_network_is_refused_in_fine_mode(api: Api) -> None:
    fields = {"mode": "fine", "size": "64"}
    ribbon = picture(size=(2000, 16))
    answer = api.upload("/v1/stylizations", fields, content=PHOTO, style=ribbon)
    assert answer.status_code == 422
    assert "`style`" in answer.get_json()["detail"]
    assert api.upload("/v1/stylizations", {"size": "64"}, content=PHOTO, style=ribbon).status_code == 202
