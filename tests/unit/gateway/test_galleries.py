"""Galleries: made once, listed, erased with everybody in them."""

from concurrent.futures import ThreadPoolExecutor

from shared.storage import MemoryStore
from tests.unit.gateway.conftest import Api


def test_a_new_gallery_is_201_with_its_location(api: Api) -> None:
    answer = api.post("/v1/galleries", json={"id": "staff"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/galleries/staff"
    assert answer.get_json()["id"] == "staff"
    assert api.get("/v1/galleries/staff").get_json() == answer.get_json()


def test_a_form_makes_a_gallery_too(api: Api) -> None:
    assert api.upload("/v1/galleries", {"id": "staff"}).status_code == 201


def test_a_gallery_is_made_once(api: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/v1/galleries", json={"id": "staff"}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    codes = {answer.get_json().get("code") for answer in answers if answer.status_code == 409}
    assert codes == {"gallery_exists"}


def test_galleries_are_listed(api: Api) -> None:
    assert api.get("/v1/galleries").get_json() == {"galleries": []}
    for name in ("b", "a"):
        api.post("/v1/galleries", json={"id": name})
    assert [gallery["id"] for gallery in api.get("/v1/galleries").get_json()["galleries"]] == ["a", "b"]


def test_a_gallery_goes_with_everybody_in_it(api: Api, staff: str, store: MemoryStore) -> None:
    answer = api.delete(f"/v1/galleries/{staff}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert list(store.keys("galleries/")) == []
    for again in (api.get(f"/v1/galleries/{staff}"), api.delete(f"/v1/galleries/{staff}")):
        assert (again.status_code, again.get_json()["code"]) == (404, "gallery_not_found")
