"""The library of styles: what comes with Likeness, and a tenant's own."""

import base64
import hashlib
import io
import json
from typing import Any

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from gateway.auth import Scope
from shared import styles
from shared.settings import LimitSettings, Settings
from shared.storage.store import MemoryStore
from shared.styles import StyleKind
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, MakeApi, picture

PICTURE = picture("PNG", (300, 150))


def put(api: Api, style: str = "mine", data: bytes = PICTURE, **fields: str) -> TestResponse:
    boundary, body = encode_multipart({"image": FileStorage(io.BytesIO(data), "x.png"), **fields})
    return api.put(f"/v1/styles/{style}", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def listed(api: Api, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/styles{query}").get_json()["styles"]
    return found


def refused(answer: TestResponse, status: int, code: str) -> str:
    body = json.loads(answer.text)
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    detail: str = body["detail"]
    return detail


def test_every_style_that_is_shipped_is_listed_with_its_credits(api: Api) -> None:
    found = listed(api)
    assert [style["id"] for style in found] == [style.id for style in styles.library()]
    assert all(style["title"] and style["artist"] and style["licence"] and style["shared"] for style in found)


def test_paintings_and_looks_say_what_they_are_for(api: Api) -> None:
    wave, look = api.get("/v1/styles/great-wave").get_json(), listed(api, "?q=look-")[0]
    assert (wave["kind"], wave["modes"], wave["width"], wave["height"]) == ("painting", ["fast", "fine"], 665, 450)
    assert (look["kind"], look["modes"], look["width"]) == ("look", ["fast"], None)
    assert "image" not in look["links"]


def test_a_style_leads_to_its_picture(api: Api, store: MemoryStore) -> None:
    style = api.get("/v1/styles/great-wave").get_json()
    assert style["links"]["self"] == "/v1/styles/great-wave"
    answer = api.get(style["links"]["image"])
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert answer.data == store.get("styles/library/great-wave.jpg")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'


@pytest.mark.parametrize("kind", list(StyleKind))
def test_a_shipped_style_leads_to_its_thumbnail(api: Api, kind: StyleKind) -> None:
    style = next(style for style in listed(api) if style["kind"] == kind)
    answer = api.get(style["links"]["thumbnail"])
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert max(Image.open(io.BytesIO(answer.data)).size) <= 256


def test_a_look_has_no_picture_and_says_what_there_is(api: Api) -> None:
    look = listed(api, "?q=look-")[0]["id"]
    assert "thumbnail" in refused(api.get(f"/v1/styles/{look}/image"), 404, "style_not_found")


def test_an_unknown_style_is_404_and_names_the_others(api: Api) -> None:
    for path in ("/v1/styles/no-such", "/v1/styles/no-such/image", "/v1/styles/no-such/thumbnail"):
        assert "great-wave" in refused(api.get(path), 404, "style_not_found")
    refused(api.delete("/v1/styles/no-such"), 404, "style_not_found")


def test_a_style_of_ones_own_is_made_and_replaced(api: Api) -> None:
    made = put(api, title="Linocut", artist="Ada", year="2020", licence="CC-BY-4.0")
    assert made.status_code == 201
    expected: dict[str, Any] = {
        "id": "mine",
        "title": "Linocut",
        "artist": "Ada",
        "year": "2020",
        "licence": "CC-BY-4.0",
    }
    expected |= {"kind": "painting", "shared": False, "width": 300, "height": 150}
    assert expected.items() <= made.get_json().items()
    assert api.get("/v1/styles/mine").get_json() == made.get_json() == listed(api)[-1]

    other = picture("JPEG", (80, 90))
    replaced = put(api, data=other)
    assert replaced.status_code == 200
    assert (replaced.get_json()["title"], replaced.get_json()["licence"]) == ("mine", "unknown")
    answer = api.get("/v1/styles/mine/image")
    assert (answer.data, answer.content_type) == (other, "image/jpeg")
    assert Image.open(io.BytesIO(api.get("/v1/styles/mine/thumbnail").data)).size == (80, 90)


def test_json_takes_the_same_fields(api: Api) -> None:
    body = {"image": base64.b64encode(PICTURE).decode(), "licence": "my own"}
    assert api.put("/v1/styles/mine", json=body).get_json()["licence"] == "my own"
    assert api.get("/v1/styles/mine/image").data == PICTURE


def test_a_style_of_ones_own_is_deleted(api: Api, store: MemoryStore) -> None:
    put(api)
    assert api.delete("/v1/styles/mine").status_code == 204
    refused(api.get("/v1/styles/mine"), 404, "style_not_found")
    assert list(store.keys("styles/tenants/default/pictures/")) == []


def test_a_job_has_its_own_copy_of_a_style_that_is_deleted(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    put(api)
    assert api.upload("/v1/stylizations", {"style_id": "mine"}, content=PHOTO).status_code == 202
    api.delete("/v1/styles/mine")
    job = worker.claim()
    (style,) = job.payload["styles"]
    assert style["style_id"] == "mine"
    assert style["key"].startswith(f"uploads/default/{job.id}/")
    assert store.get(style["key"]) == PICTURE


def test_what_is_shipped_can_neither_be_replaced_nor_deleted(api: Api) -> None:
    look = listed(api, "?q=look-")[0]["id"]
    for style in ("great-wave", look):
        refused(put(api, style), 409, "style_shared")
        refused(api.delete(f"/v1/styles/{style}"), 409, "style_shared")


def test_pages_hold_every_style_once(api: Api) -> None:
    for number in range(3):
        put(api, f"own-{number}")
    seen, query = [], "?limit=10"
    while True:
        page = api.get(f"/v1/styles{query}").get_json()
        seen += [style["id"] for style in page["styles"]]
        if page["next_cursor"] is None:
            break
        assert len(page["styles"]) == 10
        query = f"?limit=10&cursor={page['next_cursor']}"
    assert seen == [*(style.id for style in styles.library()), "own-0", "own-1", "own-2"]


def test_a_search_has_pages_too(api: Api) -> None:
    page = api.get("/v1/styles?q=hokusai&limit=2").get_json()
    assert [style["id"] for style in page["styles"]] == ["great-wave", "poppies"]
    (rest,) = listed(api, f"?q=hokusai&limit=2&cursor={page['next_cursor']}")
    assert rest["id"] == "ejiri-in-suruga"


@pytest.mark.parametrize(
    ("data", "status", "code", "words"),
    [
        (picture(size=(1, 1)), 422, "image_too_small", "64 px"),
        (picture(size=(63, 300)), 422, "image_too_small", "64 px"),
        (b"", 422, "empty_image", "0 bytes"),
        (b"no picture", 415, "unsupported_image", "JPEG"),
        (PICTURE[:300], 422, "corrupt_image", "truncated"),
        (bytes(1_000_001), 413, "image_too_large", "1,000,000"),
    ],
)
def test_a_picture_that_can_be_no_style_is_refused_and_not_kept(
    api: Api, store: MemoryStore, data: bytes, status: int, code: str, words: str
) -> None:
    detail = refused(put(api, data=data), status, code)
    assert "`image`" in detail
    assert words in detail
    assert list(store.keys("styles/tenants/")) == []


@pytest.mark.parametrize(
    ("fields", "word"), [({"title": ""}, "title"), ({"licence": "x" * 201}, "licence"), ({"author": "me"}, "artist")]
)
def test_a_field_that_is_wrong_or_unknown_is_refused_by_name(api: Api, fields: dict[str, str], word: str) -> None:
    assert word in refused(put(api, "mine", PICTURE, **fields), 422, "invalid_field")


def test_an_upload_without_a_picture_is_refused(api: Api) -> None:
    assert "`image`" in refused(api.put("/v1/styles/mine", json={"title": "Mine"}), 422, "invalid_field")


def test_another_tenants_style_is_not_there(api: Api, make_api: MakeApi) -> None:
    stranger = make_api("other")
    put(api)
    for path in ("/v1/styles/mine", "/v1/styles/mine/image", "/v1/styles/mine/thumbnail"):
        refused(stranger.get(path), 404, "style_not_found")
    refused(stranger.delete("/v1/styles/mine"), 404, "style_not_found")
    assert put(stranger, data=picture(size=(70, 70))).status_code == 201
    assert api.get("/v1/styles/mine/image").data == PICTURE


def test_the_library_needs_a_scope_of_its_own(make_api: MakeApi) -> None:
    reader = make_api(scopes={Scope.VERIFY})
    refused(put(reader), 403, "forbidden")
    refused(reader.delete("/v1/styles/mine"), 403, "forbidden")
    refused(reader.get("/v1/styles"), 403, "forbidden")
    assert make_api(scopes={Scope.STYLISE}).get("/v1/styles").status_code == 200


class TestLimit:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"limits": LimitSettings(styles=2)})

    def test_a_tenant_has_as_many_styles_as_the_setting_allows(self, api: Api, make_api: MakeApi) -> None:
        for style in ("a", "b"):
            assert put(api, style).status_code == 201
        assert "2 styles" in refused(put(api, "c"), 409, "too_many_styles")
        assert put(api, "a").status_code == 200
        assert put(make_api("other"), "c").status_code == 201
        api.delete("/v1/styles/b")
        assert put(api, "c").status_code == 201
