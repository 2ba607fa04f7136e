"""Migrations: the steps a gallery takes to another model, and those it may not take."""

import pytest

from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL
from shared.queue import Task
from shared.schemas import Gallery, MigrationState
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, MakeApi

MIGRATIONS = "/v1/galleries/staff/migrations"

pytestmark = pytest.mark.usefixtures("staff")


@pytest.fixture
def started(api: Api) -> str:
    """The path of a migration of the gallery to the accurate model."""
    answer = api.post(MIGRATIONS, json={"model": ACCURATE_MODEL.name})
    assert answer.status_code == 201
    return str(answer.headers["Location"])


def embed(galleries: GalleryStore, person: str = "ada") -> None:
    """As a worker does for a photo that was supplied again."""
    (template,) = galleries.person_templates("default", "staff", person, DEFAULT_MODEL.digest)
    new = template.model_copy(update={"model_digest": ACCURATE_MODEL.digest, "face": "f2"})
    galleries.put_template("default", "staff", new)


def test_a_migration_tells_who_still_needs_a_photo(api: Api, started: str, galleries: GalleryStore) -> None:
    found = api.get(started).get_json()
    assert (found["state"], found["persons"], found["migrated"], found["missing"]) == ("open", 1, 0, ["ada"])
    assert (found["source"]["name"], found["target"]["name"]) == (DEFAULT_MODEL.name, ACCURATE_MODEL.name)
    embed(galleries)
    found = api.get(started).get_json()
    assert (found["migrated"], found["missing"]) == (1, [])


def test_one_migration_at_a_time(api: Api, started: str) -> None:
    answer = api.post(MIGRATIONS, json={"model": ACCURATE_MODEL.name})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "migration_under_way")
    assert api.get("/v1/galleries/staff").get_json()["migration"] == started.rpartition("/")[2]


def test_a_gallery_does_not_migrate_to_the_model_it_has(api: Api) -> None:
    answer = api.post(MIGRATIONS, json={"model": DEFAULT_MODEL.digest})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")


def test_an_unknown_model_is_refused_with_the_known_ones(api: Api) -> None:
    answer = api.post(MIGRATIONS, json={"model": "nonesuch"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_model")
    assert ACCURATE_MODEL.name in answer.get_json()["detail"]


def test_a_photo_supplied_again_becomes_a_job(api: Api, started: str, worker: FakeWorker) -> None:
    answer = api.upload(f"{started}/faces", {"person": "ada"}, image=PHOTO)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "reembedding")
    assert worker.published[0][0] is Task.REEMBED
    payload = worker.claim().payload
    assert (payload["migration"], payload["person"]) == (started.rpartition("/")[2], "ada")


def test_a_photo_of_nobody_is_refused(api: Api, started: str) -> None:
    answer = api.upload(f"{started}/faces", {"person": "eve"}, image=PHOTO)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "person_not_found")


def test_nobody_is_left_behind_unless_that_is_said(api: Api, started: str) -> None:
    answer = api.post(f"{started}/cut-over")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "migration_incomplete")
    assert "ada" in answer.get_json()["detail"]
    assert api.post(f"{started}/cut-over", json={"leave_behind": True}).get_json()["state"] == "cut_over"


def test_there_and_back(api: Api, started: str, galleries: GalleryStore) -> None:
    embed(galleries)

    def model() -> str:
        return str(api.get("/v1/galleries/staff").get_json()["model"]["name"])

    assert api.post(f"{started}/complete").status_code == 409, "nothing is completed before the cut-over"
    assert api.post(f"{started}/cut-over").get_json()["state"] == "cut_over"
    assert model() == ACCURATE_MODEL.name
    assert api.delete(started).status_code == 409, "what searches use is not thrown away"
    assert api.post(f"{started}/roll-back").get_json()["state"] == "open"
    assert model() == DEFAULT_MODEL.name


def test_the_completion_deletes_the_former_models_templates(api: Api, started: str, galleries: GalleryStore) -> None:
    embed(galleries)
    api.post(f"{started}/cut-over")
    assert api.post(f"{started}/complete").status_code == 204
    assert galleries.person_templates("default", "staff", "ada", DEFAULT_MODEL.digest) == []
    assert [face["id"] for face in api.get("/v1/galleries/staff/persons/ada").get_json()["faces"]] == ["f2"]
    assert api.get(started).get_json()["code"] == "migration_not_found"


def test_giving_up_deletes_the_new_models_templates(api: Api, started: str, galleries: GalleryStore) -> None:
    embed(galleries)
    assert api.delete(started).status_code == 204
    assert galleries.person_templates("default", "staff", "ada", ACCURATE_MODEL.digest) == []
    assert [face["id"] for face in api.get("/v1/galleries/staff/persons/ada").get_json()["faces"]] == ["f1"]


@pytest.mark.parametrize("cut_over", [True, False])
def test_an_end_that_was_interrupted_is_completed_by_repeating_it(
    api: Api, started: str, galleries: GalleryStore, *, cut_over: bool
) -> None:
    """As if the gateway had died while it deleted templates."""
    embed(galleries)
    if cut_over:
        api.post(f"{started}/cut-over")

    def ending(gallery: Gallery) -> Gallery:
        assert gallery.migration is not None
        moved = gallery.migration.model_copy(update={"state": MigrationState.ENDING})
        return gallery.model_copy(update={"migration": moved})

    left = galleries.update_gallery("default", "staff", ending)
    assert left.models == (left.model,), "nothing is embedded with the model that goes"
    for step in ("cut-over", "roll-back"):
        assert (
            api.post(f"{started}/{step}", json={"leave_behind": True} if step == "cut-over" else None).status_code
            == 409
        )
    again = api.post(f"{started}/complete") if cut_over else api.delete(started)
    assert again.status_code == 204
    gone, kept = (DEFAULT_MODEL, ACCURATE_MODEL) if cut_over else (ACCURATE_MODEL, DEFAULT_MODEL)
    assert galleries.person_templates("default", "staff", "ada", gone.digest) == []
    assert len(galleries.person_templates("default", "staff", "ada", kept.digest)) == 1
    assert api.get("/v1/galleries/staff").get_json()["migration"] is None


def test_another_tenants_migration_is_404(make_api: MakeApi, started: str) -> None:
    stranger = make_api("other")
    for method, path in (
        ("GET", started),
        ("DELETE", started),
        ("POST", f"{started}/cut-over"),
        ("POST", f"{started}/roll-back"),
        ("POST", f"{started}/complete"),
    ):
        answer = stranger(method, path)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "gallery_not_found")
