"""Several styles, masks, a picture to start from: what reaches the worker, and what is refused."""

import base64
import io
from typing import Any

import pytest
from PIL import ExifTags, Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse

from shared.ml.style.looks import LOOKS
from shared.storage.store import MemoryStore, preview_key
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, MakeApi, picture

PATH = "/v1/stylizations"
FINE = {"mode": "fine"}
MASK = picture(size=(120, 80))  # of PHOTO's size
LOOK = LOOKS[0].id


def file(data: bytes, name: str = "a.png") -> FileStorage:
    return FileStorage(io.BytesIO(data), name)


def send(api: Api, fields: dict[str, Any], **files: bytes | list[bytes]) -> TestResponse:
    """A stylisation of PHOTO; lists become repeated parts."""
    several = {name: [file(data) for data in found] for name, found in files.items() if isinstance(found, list)}
    single: dict[str, Any] = {name: found for name, found in files.items() if isinstance(found, bytes)}
    return api.upload(PATH, {**fields, **several}, **{"content": PHOTO, **single})


def payload_of(api: Api, worker: FakeWorker, fields: dict[str, Any], **files: bytes | list[bytes]) -> dict[str, Any]:
    answer = send(api, fields, **files)
    assert answer.status_code == 202, answer.text
    return worker.claim().payload


def refusal(answer: TestResponse, status: int = 422, code: str = "invalid_field") -> str:
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    return str(problem["detail"])


# --- several styles ----------------------------------------------------------------------------------------


def test_ids_come_before_files_and_weights_follow_that_order(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    files = [picture(size=(90, 90)), picture(size=(70, 90))]
    fields = {"style_id": ["poppies", "great-wave"], "style_weights": "[1, 2, 3, 4]"}
    styles = payload_of(api, worker, fields, style=files)["styles"]
    assert [one["style_id"] for one in styles] == ["poppies", "great-wave", None, None]
    assert [one["weight"] for one in styles] == [1, 2, 3, 4]
    assert [store.get(one["key"]) for one in styles[2:]] == files


def test_without_weights_all_styles_count_alike(api: Api, worker: FakeWorker) -> None:
    styles = payload_of(api, worker, {"style_id": ["poppies", "great-wave"]})["styles"]
    assert [one["weight"] for one in styles] == [1, 1]


def test_json_takes_lists_of_styles_and_single_ones(api: Api, worker: FakeWorker) -> None:
    photo = base64.b64encode(PHOTO).decode()
    lists = {"content": photo, "style_id": ["poppies"], "style": [photo, photo], "style_weights": [1, 0, 0.5]}
    assert api.post(PATH, json=lists).status_code == 202
    assert [one["weight"] for one in worker.claim().payload["styles"]] == [1, 0, 0.5]
    assert api.post(PATH, json={"content": photo, "style": photo}).status_code == 202
    assert len(worker.claim().payload["styles"]) == 1


def test_a_style_of_ones_own_library_is_copied_into_the_job(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    mine = picture(size=(100, 100))
    assert api("PUT", "/v1/styles/mine", json={"image": base64.b64encode(mine).decode()}).status_code == 201
    job = send(api, {"style_id": "mine"}).get_json()
    api.delete("/v1/styles/mine")
    (style,) = worker.claim().payload["styles"]
    assert style["key"].startswith(f"uploads/default/{job['id']}/")
    assert (store.get(style["key"]), style["style_id"]) == (mine, "mine")


def test_another_tenants_style_is_not_there(make_api: MakeApi) -> None:
    mine = base64.b64encode(picture(size=(100, 100))).decode()
    assert make_api("acme").put("/v1/styles/mine", json={"image": mine}).status_code == 201
    refusal(send(make_api("other"), {"style_id": "mine"}), 404, "style_not_found")


def test_a_look_reaches_the_worker_by_its_name(api: Api, worker: FakeWorker) -> None:
    (style,) = payload_of(api, worker, {"style_id": LOOK})["styles"]
    assert (style["look"], style["style_id"], style["key"]) == (LOOK, LOOK, None)


def test_a_look_is_refused_in_fine_mode(api: Api) -> None:
    detail = refusal(send(api, {**FINE, "style_id": LOOK}))
    assert LOOK in detail
    assert "mode=fast" in detail


def test_looks_and_pictures_are_not_blended(api: Api) -> None:
    assert "different networks" in refusal(send(api, {"style_id": [LOOK, "poppies"]}))


WEIGHTS = {
    "all zero": ("[0, 0]", "zero"),
    "too few": ("[1]", "1 numbers for 2 styles"),
    "too many": ("[1, 1, 1]", "3 numbers for 2 styles"),
    "negative": ("[1, -1]", "0 or more"),
    "no list": ("1", "JSON list"),
    "no number": ('["a", 1]', "JSON list"),
    "a number as text": ('["1", 1]', "JSON list"),
    "a truth value": ("[true, 1]", "JSON list"),
    "not finite": ("[1, 1e999]", "JSON list"),
    "no json": ("one", "[0.7, 0.3]"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_make_no_sense_are_refused(api: Api, name: str) -> None:
    weights, words = WEIGHTS[name]
    detail = refusal(send(api, {"style_id": ["poppies", "great-wave"], "style_weights": weights}))
    assert "`style_weights`" in detail
    assert words in detail


def test_nine_styles_are_too_many(api: Api) -> None:
    assert "from 1 to 8" in refusal(send(api, {"style_id": ["poppies"] * 9}))


def test_the_second_of_two_damaged_styles_is_named(api: Api) -> None:
    detail = refusal(send(api, {}, style=[PHOTO, PHOTO[: len(PHOTO) // 2]]), code="corrupt_image")
    assert "`style-2`" in detail


def test_a_style_of_one_pixel_is_refused(api: Api) -> None:
    detail = refusal(send(api, {}, style=picture(size=(1, 1))), code="image_too_small")
    assert "1 × 1" in detail


# --- masks and start ---------------------------------------------------------------------------------------


def test_the_first_masks_belong_to_the_first_styles(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    fields = {**FINE, "style_id": ["poppies", "great-wave"]}
    payload = payload_of(api, worker, fields, style_masks=[MASK], keep=MASK)
    assert [one["mask_key"] is None for one in payload["styles"]] == [False, True]
    assert store.get(payload["styles"][0]["mask_key"]) == store.get(payload["keep_key"]) == MASK


@pytest.mark.parametrize("name", ["style_masks", "keep"])
def test_a_mask_of_another_size_is_refused_with_both_sizes(api: Api, name: str) -> None:
    files: dict[str, Any] = {name: picture(size=(60, 40))}
    detail = refusal(send(api, {**FINE, "style_id": "poppies"}, **files))
    assert f"`{name}`" in detail
    assert "60 × 40" in detail
    assert "120 × 80" in detail


def test_a_mask_fits_the_content_as_it_is_seen_not_as_it_is_stored(api: Api) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.linear_gradient("L").resize((120, 80)).save(buffer, "JPEG", exif=exif)
    fields = {**FINE, "style_id": "poppies"}
    assert send(api, fields, content=buffer.getvalue(), keep=picture(size=(80, 120))).status_code == 202
    assert "80 × 120" in refusal(send(api, fields, content=buffer.getvalue(), keep=picture(size=(120, 80))))


def test_more_masks_than_styles_are_refused(api: Api) -> None:
    detail = refusal(send(api, {**FINE, "style_id": "poppies"}, style_masks=[MASK, MASK]))
    assert "2 `style_masks` for 1 styles" in detail


def test_a_picture_to_start_from_reaches_the_worker(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    start = picture(size=(60, 40))
    fields = {**FINE, "style_id": "poppies", "init": "image"}
    payload = payload_of(api, worker, fields, init_image=start)
    assert (store.get(payload["init_key"]), payload["fine"]["init"]) == (start, "image")


def test_a_start_of_another_shape_is_refused(api: Api) -> None:
    fields = {**FINE, "style_id": "poppies", "init": "image"}
    assert "same shape" in refusal(send(api, fields, init_image=picture(size=(80, 80))))


def test_a_start_and_its_picture_go_together(api: Api) -> None:
    fields = {**FINE, "style_id": "poppies"}
    assert "`init_image`" in refusal(send(api, {**fields, "init": "image"}))
    assert "`init=image`" in refusal(send(api, fields, init_image=MASK))


def test_what_only_the_fine_mode_knows_is_refused_in_fast_mode_by_name(api: Api) -> None:
    fields = {"style_id": "poppies", "preset": "rich", "levels": "2", "pooling": "max", "preview_every": "5"}
    files: dict[str, Any] = {"style_masks": MASK, "keep": MASK, "init_image": MASK}
    detail = refusal(send(api, fields, **files))
    for name in (*fields.keys() - {"style_id"}, *files):
        assert f"`{name}`" in detail


# --- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fast", "fine"])
def test_strength_colours_and_tiles_reach_the_worker_in_both_modes(api: Api, worker: FakeWorker, mode: str) -> None:
    fields = {"mode": mode, "style_id": "poppies", "strength": "0.5", "colours": "cholesky", "tiled": "true"}
    payload = payload_of(api, worker, fields)
    assert (payload["strength"], payload["colours"], payload["tiled"]) == (0.5, "cholesky", True)


def test_a_preset_and_what_is_said_beside_it_reach_the_worker(api: Api, worker: FakeWorker) -> None:
    fields = {**FINE, "style_id": "poppies", "preset": "sketch", "steps": "9", "preview_every": "3"}
    payload = payload_of(api, worker, fields)
    assert (payload["fine"]["preset"], payload["fine"]["steps"], payload["preview_every"]) == ("sketch", 9, 3)


CHOICES = {
    "preset": ("wild", "sketch, balanced, rich"),
    "colours": ("none", "style, luminance, histogram, cholesky"),
    "pooling": ("min", "max, average"),
    "levels": ("9", "from 1 to 8"),
    "preview_every": ("0", "at least 1"),
    "tiled": ("maybe", "true or false"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_bad_option_is_refused_with_what_it_may_be(api: Api, name: str) -> None:
    value, words = CHOICES[name]
    assert words in refusal(send(api, {**FINE, "style_id": "poppies", name: value}))


# --- previews ----------------------------------------------------------------------------------------------


def test_a_preview_is_read_by_its_own_tenant_only(make_api: MakeApi, store: MemoryStore) -> None:
    mine = make_api("acme")
    job = send(mine, {"style_id": "poppies"}).get_json()
    store.put(preview_key("acme", job["id"], 12), b"small")
    path = f"/v1/jobs/{job['id']}/previews"
    answer = mine.get(f"{path}/12")
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/jpeg", b"small")
    refusal(make_api("other").get(f"{path}/12"), 404, "job_not_found")
    for step in ("13", "0", "twelve", "9999999"):
        refusal(mine.get(f"{path}/{step}"), 404, "object_not_found")
