"""Two records that turned out to be one person's."""

from datetime import UTC, datetime

import pytest

from gateway.auth import Scope
from gateway.context import Services
from shared.erasures.eraser import Eraser
from shared.errors import StorageUnavailable
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.outbox import Reader
from tests.unit.gateway.conftest import Api, MakeApi

STAFF = "/v1/galleries/staff"
MERGE = f"{STAFF}/persons/ada/merge"


@pytest.fixture(autouse=True)
def bob(staff: str, galleries: GalleryStore) -> str:
    """A second person with two faces that look like ada's."""
    uid = galleries.ensure_person("default", staff, "bob").uid
    for face, quality in (("b1", 0.4), ("b2", 0.95)):
        made = Template(
            person="bob", face=face, embedding=(1.0, 0.0), model_digest=DEFAULT_MODEL.digest, quality=quality,
            created_at=datetime.now(UTC), person_uid=uid,
        )  # fmt: skip
        galleries.put_template("default", staff, made)
    return uid


def test_the_faces_move_and_the_other_is_erased(api: Api, services: Services, bob: str) -> None:
    answer = api.post(MERGE, json={"from": "bob"})
    merged = answer.get_json()
    assert answer.status_code == 200, answer.text
    assert (merged["id"], [face["id"] for face in merged["faces"]]) == ("ada", ["b1", "b2", "f1"])
    assert (merged["warnings"], merged["surplus"]) == ([], 0)
    assert api.get(f"{STAFF}/persons/bob").status_code == 404
    (entry,) = services.galleries.erasures.entries("default")
    assert (entry.uid, entry.reason) == (bob, "merged")
    told = {one.kind: one.data for one in services.outbox.read(Reader.AUDIT)}
    assert (told["person.merged"]["uid"], told["person.merged"]["into"]) == (bob, merged["uid"])
    assert told["person.erased"]["templates"] == 2


def test_a_merge_that_dies_before_the_erasure_is_told_and_completed(
    api: Api, services: Services, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(Eraser, "erase", dies)
        assert api.post(MERGE, json={"from": "bob"}).status_code == 503
    told = [(one.kind, one.data["uid"]) for one in services.outbox.read(Reader.AUDIT)]
    assert told[-1] == ("person.merged", bob)
    assert api.post(MERGE, json={"from": "bob"}).status_code == 200
    told = [(one.kind, one.data["uid"]) for one in services.outbox.read(Reader.AUDIT)]
    assert told[-2:] == [("person.merged", bob), ("person.erased", bob)]


def test_his_own_fields_win_and_no_right_is_inherited(api: Api) -> None:
    api.put(f"{STAFF}/persons/ada", json={"name": "Ada", "attributes": {"a": 1}, "expires_at": "2050-01-01T00:00:00Z"})
    api.put(
        f"{STAFF}/persons/bob",
        json={
            "name": "Bob",
            "external_id": "4711",
            "attributes": {"a": 2, "b": 2},
            "groups": ["vault"],
            "valid_until": "2060-01-01T00:00:00Z",
            "expires_at": "2040-01-01T00:00:00Z",
        },
    )
    merged = api.post(MERGE, json={"from": "bob"}).get_json()
    assert (merged["name"], merged["external_id"], merged["attributes"]) == ("Ada", "4711", {"a": 1, "b": 2})
    assert (merged["groups"], merged["valid_until"]) == ([], None)
    assert merged["expires_at"] == "2040-01-01T00:00:00Z"
    assert [one["id"] for one in api.get(f"{STAFF}/persons?external_id=4711").get_json()["persons"]] == ["ada"]


def test_no_more_faces_stay_than_the_gallery_keeps(api: Api) -> None:
    api("PATCH", STAFF, json={"templates_per_person": 2})
    merged = api.post(MERGE, json={"from": "bob"}).get_json()
    assert ([face["id"] for face in merged["faces"]], merged["surplus"]) == (["b2", "f1"], 1)


def test_who_does_not_look_alike_is_merged_with_a_warning(make_api: MakeApi, galleries: GalleryStore) -> None:
    (face, *_) = galleries.templates_under("default", "staff", "bob")
    for other in ("b1", "b2"):
        stranger = face.model_copy(update={"face": other, "embedding": (0.0, 1.0)})
        galleries.put_template("default", "staff", stranger)
    blind = make_api(scopes={Scope.ADMIN})
    (warning,) = blind.post(MERGE, json={"from": "bob"}).get_json()["warnings"]
    assert warning["code"] == "identity_conflict"
    assert "score" not in warning


def test_a_merge_that_was_interrupted_is_completed_by_repeating_it(
    api: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for broken in ("put_template", "remove_person"):
        with monkeypatch.context() as patched:
            patched.setattr(services.galleries, broken, crash)
            with pytest.raises(KeyboardInterrupt):
                api.post(MERGE, json={"from": "bob"})
    merged = api.post(MERGE, json={"from": "bob"}).get_json()
    assert [face["id"] for face in merged["faces"]] == ["b1", "b2", "f1"]
    assert api.get(f"{STAFF}/persons/bob").status_code == 404
    assert list(services.store.keys("galleries/default/staff/templates/bob/")) == []
    assert api.post(MERGE, json={"from": "bob"}).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"), [({"from": "ada"}, 422), ({"from": "nobody"}, 404), ({}, 422), ({"source": "bob"}, 422)]
)
def test_nothing_is_merged_with_himself_or_nobody(api: Api, sent: dict[str, str], status: int) -> None:
    assert api.post(MERGE, json=sent).status_code == status


def test_the_answer_is_not_kept_for_a_repetition(api: Api) -> None:
    """It says who somebody is, and would outlive him."""
    api.put(f"{STAFF}/persons/ada", json={"name": "Lovelace"})
    assert api.post(MERGE, json={"from": "bob"}, headers={"Idempotency-Key": "k"}).status_code == 200
    assert api.post(MERGE, json={"from": "bob"}, headers={"Idempotency-Key": "k"}).status_code == 409


@pytest.mark.parametrize(("successor", "status"), [(False, 404), (True, 409)])
def test_who_is_erased_while_another_is_merged_into_him_does_not_take_the_other_one_with_him(
    api: Api, services: Services, monkeypatch: pytest.MonkeyPatch, *, successor: bool, status: int
) -> None:
    """As when two are merged into each other at once."""
    trim = services.galleries.trim_templates

    def trim_and_erase(*args: object) -> int:
        assert api.delete(f"{STAFF}/persons/ada").status_code == 200
        if successor:
            services.galleries.ensure_person("default", "staff", "ada")
        return trim(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(services.galleries, "trim_templates", trim_and_erase)
        assert api.post(MERGE, json={"from": "bob"}).status_code == status
    assert [face["id"] for face in api.get(f"{STAFF}/persons/bob").get_json()["faces"]] == ["b1", "b2"]
    assert len(list(services.galleries.erasures.entries("default"))) == 1
