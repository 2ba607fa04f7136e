"""The library of styles."""

import hashlib
import json

from shared import styles
from shared.storage import MemoryStore
from tests.unit.gateway.conftest import Api


def test_every_style_of_the_library_is_listed_with_its_credits(api: Api) -> None:
    listed = api.get("/v1/styles").get_json()["styles"]
    assert [style["id"] for style in listed] == [style.id for style in styles.library()]
    assert all(style["title"] and style["artist"] and style["licence"] for style in listed)


def test_a_style_leads_to_its_picture(api: Api, store: MemoryStore) -> None:
    style = api.get("/v1/styles/great-wave").get_json()
    assert style["links"]["self"] == "/v1/styles/great-wave"
    answer = api.get(style["links"]["image"])
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    assert answer.data == store.get("styles/library/great-wave.jpg")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'


def test_an_unknown_style_is_404_and_names_the_others(api: Api) -> None:
    for path in ("/v1/styles/no-such", "/v1/styles/no-such/image"):
        body = json.loads(api.get(path).text)
        assert (body["status"], body["code"]) == (404, "style_not_found")
        assert "great-wave" in body["detail"]
