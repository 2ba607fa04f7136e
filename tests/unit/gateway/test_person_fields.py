"""What is known of people beside their faces, and finding them by it."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.context import Services
from shared.galleries import persons
from shared.galleries.store import GalleryStore
from shared.outbox import Reader
from tests.unit.gateway.conftest import Api

PERSONS = "/v1/galleries/staff/persons"
ADA = f"{PERSONS}/ada"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()

pytestmark = pytest.mark.usefixtures("staff")

EVERYTHING: dict[str, Any] = {
    "name": "Ada Lovelace",
    "external_id": "HR/4711 ä",
    "tags": ["night shift", "öffentlich"],
    "groups": ["staff", "lab"],
    "attributes": {"badge": 7, "height": 1.5, "trained": True, "floor": "7"},
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2046-01-01T00:00:00Z",
    "expires_at": "2050-01-01T00:00:00Z",
    "consent": {"reference": "form 12", "given_at": "2026-01-01T00:00:00Z"},
}


def ids(api: Api, query: str) -> list[str]:
    answer = api.get(f"{PERSONS}?{query}")
    assert answer.status_code == 200, answer.text
    return [person["id"] for person in answer.get_json()["persons"]]


def test_every_field_is_kept_and_shown(api: Api) -> None:
    assert api.put(ADA, json=EVERYTHING).status_code == 200
    shown = api.get(ADA).get_json()
    assert {name: shown[name] for name in EVERYTHING} == EVERYTHING
    (listed,) = api.get(PERSONS).get_json()["persons"]
    assert listed == {name: value for name, value in shown.items() if name != "faces"}


def test_a_form_says_the_same_as_json(api: Api) -> None:
    form = {
        "name": "Ada",
        "tags": '["a", "b"]',
        "attributes": '{"badge": 7, "trained": true}',
        "consent": '{"reference": "form 12"}',
        "valid_until": "2046-01-01T00:00:00+02:00",
    }
    made = api.put(ADA, data=form, content_type="multipart/form-data").get_json()
    assert (made["tags"], made["attributes"]) == (["a", "b"], {"badge": 7, "trained": True})
    assert made["consent"] == {"reference": "form 12", "given_at": None}
    assert made["valid_until"] == "2045-12-31T22:00:00Z"


def test_what_is_left_out_stays_and_null_removes(api: Api) -> None:
    api.put(ADA, json=EVERYTHING)
    assert api.put(ADA, json={"name": "A."}).get_json()["tags"] == EVERYTHING["tags"]
    cleared = api.put(ADA, json=dict.fromkeys(EVERYTHING)).get_json()
    empty: dict[str, Any] = {**dict.fromkeys(EVERYTHING), "tags": [], "groups": [], "attributes": {}}
    assert {name: cleared[name] for name in EVERYTHING} == empty


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "a\u0000b"}, "`name`"),
        ({"name": "abc\u202egnp.exe"}, "`name`"),
        ({"name": "line\nbreak"}, "`name`"),
        ({"external_id": ""}, "`external_id`"),
        ({"tags": ["t"] * 21}, "`tags`"),
        ({"tags": ["t" * 65]}, "`tags"),
        ({"tags": "t"}, "`tags`"),
        ({"groups": ["not an id"]}, "`groups"),
        ({"attributes": {str(number): 1 for number in range(51)}}, "`attributes`"),
        ({"attributes": {"a": ["b"]}}, "`attributes"),
        ({"attributes": {"a": None}}, "`attributes"),
        ({"attributes": {"": 1}}, "`attributes"),
        ({"attributes": {"a": "x" * 501}}, "`attributes"),
        ({"attributes": {"a": 10**400}}, "`attributes"),
        ({"valid_from": "2026-01-01T00:00:00"}, "`valid_from`"),
        ({"valid_from": 0}, "`valid_from`"),
        ({"valid_from": TOMORROW, "valid_until": TOMORROW}, "`valid_until`"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "`expires_at`"),
        ({"consent": {"given_at": TOMORROW}}, "`consent"),
        ({"consent": "yes"}, "`consent`"),
        ({"uid": "0" * 32}, "`uid`"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_name(api: Api, fields: dict[str, Any], named: str) -> None:
    for path in (ADA, f"{PERSONS}/new"):
        answer = api.put(path, json=fields)
        assert answer.status_code == 422, answer.text
        assert named in answer.get_json()["detail"]
    assert api.get(f"{PERSONS}/new").status_code == 404, "nobody is made by a request that is refused"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_the_ends_of_the_calendar_are_times_too(api: Api, moment: str) -> None:
    assert api.put(ADA, json={"valid_from": moment}).status_code == 200


def test_dates_are_compared_with_those_that_are_kept(api: Api) -> None:
    api.put(ADA, json={"valid_from": "2030-01-01T00:00:00Z"})
    assert api.put(ADA, json={"valid_until": "2029-01-01T00:00:00Z"}).status_code == 422


def test_the_same_text_is_found_however_it_was_typed(api: Api) -> None:
    api.put(ADA, json={"name": "Zoe\u0308", "tags": ["cafe\u0301"]})
    assert api.get(ADA).get_json()["name"] == "Zo\u00eb"
    assert ids(api, "q=zo\u00eb") == ["ada"]
    assert ids(api, "tag=cafe\u0301") == ["ada"]


def test_concurrent_changes_do_not_lose_each_other(api: Api) -> None:
    changes: list[dict[str, Any]] = [
        {"name": "Ada"},
        {"external_id": "1"},
        {"tags": ["a"]},
        {"groups": ["g"]},
        {"attributes": {"a": 1}},
    ]
    threads = [threading.Thread(target=api.put, args=(ADA,), kwargs={"json": change}) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = api.get(ADA).get_json()
    for change in changes:
        assert made.items() >= change.items()


def test_people_are_found_by_each_filter_and_by_all_together(api: Api) -> None:
    api.put(ADA, json={"name": "Ada Lovelace", "tags": ["night"], "groups": ["staff"], "external_id": "4711"})
    api.put(f"{PERSONS}/bob", json={"name": "Bob", "tags": ["night", "day"], "external_id": "0815"})
    api.put(f"{PERSONS}/cyd", json={"tags": ["day"], "groups": ["staff"], "external_id": "4711"})
    assert ids(api, "q=LOVE") == ["ada"]
    assert ids(api, "q=BO") == ["bob"]
    assert ids(api, "q=47") == ["ada", "cyd"]
    assert ids(api, "tag=night") == ["ada", "bob"]
    assert ids(api, "group=staff") == ["ada", "cyd"]
    assert ids(api, "external_id=4711") == ["ada", "cyd"]
    assert ids(api, "external_id=471") == []
    assert ids(api, "external_id=4711&tag=day") == ["cyd"]
    assert ids(api, "tag=night&group=staff&q=ada") == ["ada"]
    assert ids(api, "q=%2A") == []


def test_an_external_id_finds_who_has_it_now(api: Api) -> None:
    for external_id in ("1", "2", "1"):
        api.put(ADA, json={"external_id": external_id})
        other = {"1": "2", "2": "1"}[external_id]
        assert (ids(api, f"external_id={external_id}"), ids(api, f"external_id={other}")) == (["ada"], [])
    api.put(ADA, json={"external_id": None})
    assert ids(api, "external_id=1") == []


def test_a_search_by_external_id_is_paged(api: Api) -> None:
    for person in ("ada", "bob", "cyd"):
        api.put(f"{PERSONS}/{person}", json={"external_id": "x"})
    first = api.get(f"{PERSONS}?external_id=x&limit=2").get_json()
    assert [person["id"] for person in first["persons"]] == ["ada", "bob"]
    assert ids(api, f"external_id=x&limit=2&cursor={first['next_cursor']}") == ["cyd"]


def test_a_page_is_bounded_where_hardly_anybody_matches(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "MOST_SCANNED", 3)
    for number in range(8):
        api.put(f"{PERSONS}/p{number}", json={"tags": ["rare"] if number == 6 else []})
    found: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        page = api.get(f"{PERSONS}?tag=rare{cursor and f'&cursor={cursor}'}").get_json()
        found += [person["id"] for person in page["persons"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (found, pages) == (["p6"], 3)


def test_somebody_deleted_between_two_pages_takes_nobody_else_away(api: Api) -> None:
    for person in ("bob", "cyd", "dan"):
        api.put(f"{PERSONS}/{person}")
    first = api.get(f"{PERSONS}?limit=2").get_json()
    for person in ("ada", first["next_cursor"]):
        api.delete(f"{PERSONS}/{person}")
    assert ids(api, f"limit=2&cursor={first['next_cursor']}") == ["cyd", "dan"]


def test_a_change_is_told_without_its_content(api: Api, services: Services) -> None:
    uid = api.put(ADA, json={"name": "Ada Lovelace", "groups": ["staff"]}).get_json()["uid"]
    told = [one for one in services.outbox.read(Reader.AUDIT) if one.kind == "person.changed"]
    assert [one.data for one in told] == [{"gallery": "staff", "uid": uid, "fields": ["groups", "name"]}]


def test_whose_date_has_passed_is_not_there(api: Api, galleries: GalleryStore) -> None:
    api.put(ADA, json={"expires_at": TOMORROW})
    past = datetime.now(UTC) - timedelta(seconds=1)
    galleries.update_person("default", "staff", "ada", lambda ada: ada.model_copy(update={"expires_at": past}))
    assert api.get(ADA).status_code == 404
    assert ids(api, "") == []
    assert (
        galleries.person_templates("default", "staff", "ada", galleries.get_gallery("default", "staff").model.digest)
        == []
    )
    answer = api.put(ADA, json={"name": "another"})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "erasure_under_way")
    assert api.delete(ADA).get_json()["templates"] == 1
    assert api.put(ADA).status_code == 201
