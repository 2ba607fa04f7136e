"""What may be an id and what a name, and what is said to whoever takes the one for the other."""

import io
import json
import zipfile
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api

NO_IDS = ["ada@example.org", "Ada Lovelace", "José", "李", "-ada", "a" * 65, "ada+1", "ада"]
PERSONS = "/v1/galleries/staff/persons"


def refusal(answer: TestResponse) -> str:
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (422, "invalid_id")
    return str(problem["detail"])


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("person", NO_IDS)
def test_a_persons_id_that_is_none_belongs_into_another_field(api: Api, person: str) -> None:
    """In a path, in a body, in a form."""
    answers = [
        api.put(f"{PERSONS}/{person}"),
        api.upload(f"{PERSONS}/{person}/faces", image=PHOTO),
        api.post(f"{PERSONS}/ada/merge", json={"from": person}),
        api.upload("/v1/galleries/staff/verifications", {"person": person}, image=PHOTO),
    ]
    for answer in answers:
        assert "1 to 64 of A-Z a-z 0-9 . _ -" in refusal(answer)
        for field in ("`name`", "`external_id`"):
            assert field in refusal(answer)


def test_an_id_of_what_has_no_name_is_not_sent_elsewhere(api: Api) -> None:
    for answer in (api.get("/v1/galleries/a@b"), api.post("/v1/galleries", json={"id": "a@b"})):
        assert "1 to 64 of A-Z a-z 0-9 . _ -" in refusal(answer)
        assert "external_id" not in refusal(answer)


def items(store: MemoryStore, batch: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.get(f"batches/default/{batch}/items.jsonl").splitlines()]


@pytest.mark.usefixtures("staff")
def test_a_folder_whose_name_is_no_id_is_told_what_to_do(api: Api, store: MemoryStore) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("ada@example.org/1.jpg", PHOTO)
        packed.writestr("bob/1.jpg", PHOTO)
    batch = api.upload("/v1/galleries/staff/enrolment-batches", archive=buffer.getvalue()).get_json()["id"]
    first, second = items(store, batch)
    assert first["error"]["code"] == "invalid_id"
    for word in ("'ada@example.org'", "Rename the folder", "`manifest`", "`external_id`"):
        assert word in first["error"]["detail"]
    assert second.get("error") is None


BLANKS = {
    "a space": " ",
    "spaces": "   ",
    "a no-break space": "\u00a0",
    "no width": "\u200b",
    "a joiner": "\u200d",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "a Hangul filler": "\u3164",
    "a Braille blank": "\u2800",
    "an accent alone": "\u0301",
    "ideographic space": "\u3000",
    "several kinds": " \u200b\u00a0\u3164",
}


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize(
    "field", [{"name": "{}"}, {"external_id": "{}"}, {"tags": ["{}"]}, {"attributes": {"{}": 1}}, {"consent": "{}"}]
)
def test_what_nobody_could_read_is_no_name(api: Api, blank: str, field: dict[str, Any]) -> None:
    text = json.dumps(field).replace("{}", json.dumps(BLANKS[blank])[1:-1])
    body = json.loads(text)
    if "consent" in body:
        body = {"consent": {"reference": body["consent"]}}
    answer = api.put(f"{PERSONS}/ada", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
    assert next(iter(field)) in answer.get_json()["detail"]
    assert api.get(f"{PERSONS}/ada").get_json()["name"] is None


def test_a_blank_name_is_told_what_a_name_is(api: Api, staff: str) -> None:
    detail = api.put(f"/v1/galleries/{staff}/persons/ada", json={"name": "  "}).get_json()["detail"]
    assert "not only blanks" in detail


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/keys", {"role": "door", "name": " "}),
        ("POST", "/v1/webhooks", {"url": "https://93.184.215.14/hook", "description": "\u200b"}),
    ],
)
def test_keys_and_webhooks_have_names_that_can_be_read(api: Api, method: str, path: str, body: dict[str, str]) -> None:
    answer = api(method, path, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")


def test_a_blank_title_of_a_style_and_a_blank_label_of_a_face_are_refused(api: Api, staff: str) -> None:
    style = api.put("/v1/styles/mine", data={"image": (io.BytesIO(PHOTO), "a.jpg"), "title": " "})
    face = api.upload(f"/v1/galleries/{staff}/persons/ada/faces", {"label": "\u00a0"}, image=PHOTO)
    for answer, field in ((style, "title"), (face, "label")):
        assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "invalid_field")
        assert f"`{field}`" in answer.get_json(force=True)["detail"]


@pytest.mark.parametrize(
    "name", ["Ada", " Ada ", "José Ñandú", "李小龍", "O'Neil-Smith", "محمد", "e\u0301", "👩‍🚀", "𝒜"]
)
def test_names_are_as_people_write_them(api: Api, staff: str, name: str) -> None:
    assert api.put(f"/v1/galleries/{staff}/persons/ada", json={"name": name}).status_code == 200


def test_a_search_may_hold_a_space(api: Api, staff: str) -> None:
    """Whoever types has typed a space before the next word."""
    assert api.get(f"/v1/galleries/{staff}/persons", query_string={"q": " "}).status_code == 200
