"""Galleries: made once, listed, erased with everybody in them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.outbox import Outbox, Reader
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PREFIX, Api


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


def test_a_gallery_has_a_model_and_rules(api: Api) -> None:
    made = api.post("/v1/galleries", json={"id": "staff", "lookalikes": "refuse"}).get_json()
    assert made["model"] == {"name": DEFAULT_MODEL.name, "digest": DEFAULT_MODEL.digest}
    assert (made["lookalikes"], made["templates_per_person"]) == ("refuse", 8)
    assert (made["calibrated"], made["migration"]) == ([], None)


def test_rules_that_are_not_sent_stay_as_they_are(api: Api) -> None:
    api.post("/v1/galleries", json={"id": "staff", "lookalikes": "refuse"})
    changed = api("PATCH", "/v1/galleries/staff", json={"templates_per_person": 3})
    assert changed.status_code == 200
    assert (changed.get_json()["lookalikes"], changed.get_json()["templates_per_person"]) == ("refuse", 3)
    assert api.get("/v1/galleries/staff").get_json() == changed.get_json()


@pytest.mark.parametrize(
    "rules", [{"templates_per_person": 0}, {"lookalikes": "maybe"}, {"model": "other"}, {"liveness": None}]
)
def test_a_wrong_rule_changes_nothing(api: Api, rules: dict[str, object]) -> None:
    api.post("/v1/galleries", json={"id": "staff"})
    before = api.get("/v1/galleries/staff").get_json()
    answer = api("PATCH", "/v1/galleries/staff", json=rules)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert api.get("/v1/galleries/staff").get_json() == before


def test_an_absent_gallery_has_no_rules(api: Api) -> None:
    assert api("PATCH", "/v1/galleries/nope", json={"templates_per_person": 3}).status_code == 404


def test_galleries_are_listed(api: Api) -> None:
    assert api.get("/v1/galleries").get_json() == {"galleries": [], "next_cursor": None}
    for name in ("b", "a"):
        api.post("/v1/galleries", json={"id": name})
    assert [gallery["id"] for gallery in api.get("/v1/galleries").get_json()["galleries"]] == ["a", "b"]


def test_a_gallery_goes_with_everybody_in_it(api: Api, staff: str, store: MemoryStore) -> None:
    answer = api.delete(f"/v1/galleries/{staff}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert list(store.keys("galleries/")) == []
    for again in (api.get(f"/v1/galleries/{staff}"), api.delete(f"/v1/galleries/{staff}")):
        assert (again.status_code, again.get_json()["code"]) == (404, "gallery_not_found")


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("name", ["staff", "empty"])
def test_the_name_of_a_gallery_is_free_when_nothing_of_it_is_left(
    api: Api, name: str, store: MemoryStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that goes on, for longer than its client waited, would take the new gallery with the old one."""
    api.post("/v1/galleries", json={"id": "empty"})
    delete_prefix = store.delete_prefix
    while_deleting = []

    def create_and_delete(prefix: str) -> int:
        while_deleting.append(api.post("/v1/galleries", json={"id": name}))
        return delete_prefix(prefix)

    with monkeypatch.context() as patched:
        patched.setattr(store, "delete_prefix", create_and_delete)
        assert api.delete(f"/v1/galleries/{name}").status_code == 204
    assert {(answer.status_code, answer.get_json()["code"]) for answer in while_deleting} == {(409, "gallery_exists")}
    told = [one.kind for one in Outbox(redis, PREFIX).read(Reader.AUDIT)]
    assert told == ["gallery.created", "gallery.deleted"], "what is refused is not told"
    assert api.post("/v1/galleries", json={"id": name}).status_code == 201
    assert api.get(f"/v1/galleries/{name}").status_code == 200
