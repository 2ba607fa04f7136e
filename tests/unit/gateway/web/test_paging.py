"""Every list comes page by page: all of it, each once, in one order."""

from functools import partial

import pytest

from gateway.web.paging import IdPage, page_of
from shared.errors import InvalidField
from shared.face_models import FaceModelStore
from shared.galleries.store import GalleryStore
from shared.schemas import Gallery
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import Api
from tests.unit.gateway.test_measuring import calibration
from tests.unit.shared.test_face_models import manifest

HOOK = "https://93.184.215.14/hook"


LISTS = {
    "galleries": "/v1/galleries",
    "webhooks": "/v1/webhooks",
    "models": "/v1/models",
    "calibrations": "/v1/galleries/staff/calibrations",
}


@pytest.fixture
def several(api: Api, staff: str, galleries: GalleryStore, store: MemoryStore) -> None:
    """Three of everything at least."""
    for number in range(3):
        api.post("/v1/galleries", json={"id": f"{3 - number}-doors"})
        assert api.post("/v1/webhooks", json={"url": HOOK}).status_code == 201
        made = calibration().model_copy(update={"id": f"cal-{number}", "policy": f"verify-fmr-1e-{number + 3}"})
        galleries.update_gallery("default", staff, partial(Gallery.with_calibration, new=made))
    FaceModelStore(store).put("default", manifest(), b"abc")


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("name", LISTS)
def test_pages_of_one_are_the_list(api: Api, name: str) -> None:
    path = LISTS[name]
    whole = api.get(path).get_json()
    assert len(whole[name]) >= 3
    assert whole["next_cursor"] is None
    found, query = [], {"limit": "1"}
    for _ in whole[name]:
        page = api.get(path, query_string=query).get_json()
        found += page[name]
        query["cursor"] = page["next_cursor"]
    assert found == whole[name]
    assert query["cursor"] is None


def test_every_list_takes_a_cursor_and_a_limit(api: Api) -> None:
    """Whatever has a list of documents in its answer."""
    document = api.get("/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        outline = methods.get("get", {})
        answer = outline.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        name = answer.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
        if name.endswith("List"):
            asked = {parameter["name"] for parameter in outline["parameters"]}
            assert {"cursor", "limit"} <= asked, path
            assert "next_cursor" in schemas[name]["properties"], path


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": "no id"}, {"page": 2}])
def test_a_page_that_is_none_is_refused(api: Api, query: dict[str, object]) -> None:
    assert api.get("/v1/galleries", query_string=query).status_code == 422


def test_a_page_goes_on_after_the_cursor() -> None:
    letters = "abcde"
    assert page_of(letters, IdPage(limit=2), str) == ("ab", "b")
    assert page_of(letters, IdPage(limit=2, cursor="b"), str) == ("cd", "d")
    assert page_of(letters, IdPage(limit=2, cursor="d"), str) == ("e", None)
    assert page_of(letters, IdPage(limit=5), str) == (letters, None)
    assert page_of("", IdPage(), str) == ("", None)


def test_a_cursor_of_what_has_gone_is_told() -> None:
    with pytest.raises(InvalidField, match="first page"):
        page_of("abc", IdPage(cursor="z"), str)


def test_a_gallery_that_goes_meanwhile_loses_nobody(api: Api) -> None:
    for name in "abc":
        api.post("/v1/galleries", json={"id": name})
    first = api.get("/v1/galleries", query_string={"limit": 2}).get_json()
    api.delete("/v1/galleries/b")
    rest = api.get("/v1/galleries", query_string={"limit": 2, "cursor": first["next_cursor"]}).get_json()
    assert [one["id"] for one in rest["galleries"]] == ["c"]
