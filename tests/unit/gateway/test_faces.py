"""Verification, comparison and recognition: what the worker is told."""

import base64
import io

import pytest
from PIL import Image

from shared.queue import Task
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, picture

pytestmark = pytest.mark.usefixtures("staff")

VERIFY = "/v1/galleries/staff/verifications"
RECOGNISE = "/v1/galleries/staff/recognitions"
B64 = base64.b64encode(PHOTO).decode()


def test_a_verification_has_a_default_policy(api: Api, worker: FakeWorker) -> None:
    answer = api.upload(VERIFY, {"person": "ada"}, image=PHOTO)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "verification")
    assert worker.published[0][0] is Task.VERIFY
    payload = worker.claim().payload
    assert (payload["gallery"], payload["person"], payload["policy"]) == ("staff", "ada", "verify-fmr-1e-4")


@pytest.mark.parametrize("policy", ["verify-fmr-1e-3", "verify-fmr-1e-4", "verify-fmr-1e-5"])
def test_a_verification_by_a_named_policy(api: Api, worker: FakeWorker, policy: str) -> None:
    api.upload(VERIFY, {"person": "ada", "policy": policy}, image=PHOTO)
    assert worker.claim().payload["policy"] == policy


def test_a_comparison_keeps_its_pictures_apart(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    other = picture()
    answer = api.upload("/v1/comparisons", image_a=PHOTO, image_b=other)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "comparison")
    assert worker.published[0][0] is Task.COMPARE
    payload = worker.claim().payload
    assert store.get(payload["image_a_key"]) == PHOTO
    assert store.get(payload["image_b_key"]) == other


def test_a_recognition_has_defaults(api: Api, worker: FakeWorker) -> None:
    answer = api.upload(RECOGNISE, image=PHOTO)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "recognition")
    assert worker.published[0][0] is Task.RECOGNISE
    payload = worker.claim().payload
    assert (payload["gallery"], payload["top_k"], payload["policy"]) == ("staff", 5, "identify-fpir-1e-2")


@pytest.mark.parametrize("top_k", [1, 100])
def test_a_recognition_with_options(api: Api, worker: FakeWorker, top_k: int) -> None:
    api.upload(RECOGNISE, {"top_k": str(top_k), "policy": "identify-fpir-1e-1"}, image=PHOTO)
    payload = worker.claim().payload
    assert (payload["top_k"], payload["policy"]) == (top_k, "identify-fpir-1e-1")


URL_SAFE = base64.urlsafe_b64encode(PHOTO).decode()
ENCODINGS = {
    "plain": B64,
    "url-safe": URL_SAFE,
    "unpadded": B64.rstrip("="),
    "url-safe, unpadded": URL_SAFE.rstrip("="),
    "data url": f"data:image/jpeg;base64,{B64}",
    "data url in capitals": f" DATA:image/jpeg;charset=binary;BASE64,{URL_SAFE}",
    "data url without a type": f"data:;base64,{B64}",
    "lines": "\r\n".join(B64),
}


@pytest.mark.parametrize("text", ENCODINGS.values(), ids=ENCODINGS)
def test_json_carries_pictures_as_base64(api: Api, worker: FakeWorker, store: MemoryStore, text: str) -> None:
    answer = api.post(RECOGNISE, json={"image": text, "top_k": 3})
    assert answer.status_code == 202
    payload = worker.claim().payload
    assert (store.get(payload["image_key"]), payload["top_k"]) == (PHOTO, 3)


def test_json_may_say_that_it_is_utf_8(api: Api) -> None:
    raw = f'{{"image": "{B64}"}}'
    answer = api.post(RECOGNISE, data=raw, content_type="application/json; charset=utf-8")
    assert answer.status_code == 202


def mpo() -> bytes:
    """What many phones write: a JPEG with a second picture behind it."""
    buffer = io.BytesIO()
    first, second = (Image.open(io.BytesIO(PHOTO)) for _ in range(2))
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    return buffer.getvalue()


PICTURES = {"jpeg": PHOTO, "png": picture(), "webp": picture("WEBP"), "mpo": mpo()}


@pytest.mark.parametrize("name", PICTURES)
def test_these_formats_are_taken_whatever_the_file_is_called(api: Api, name: str) -> None:
    assert api.upload(RECOGNISE, image=PICTURES[name]).status_code == 202
