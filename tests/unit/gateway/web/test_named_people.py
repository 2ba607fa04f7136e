"""Recognitions carry names as they are when the answer is read; no record of a job holds one."""

from typing import Any

import pytest
from redis import Redis

from gateway.auth import Scope
from gateway.web import named_people
from shared.errors import StorageUnavailable
from shared.galleries.store import GalleryStore
from shared.schemas import RecognisedFrame
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, PREFIX, RECOGNISED, Api, FakeWorker, MakeApi

ADA = {"name": "Ada Lovelace", "external_id": "1815"}


@pytest.fixture(autouse=True)
def bob(staff: str, galleries: GalleryStore) -> None:
    galleries.ensure_person("default", staff, "bob")
    describe(galleries, "ada", **ADA)


def describe(galleries: GalleryStore, person: str, **fields: str | None) -> None:
    galleries.update_person("default", "staff", person, lambda former: former.model_copy(update=fields))


def recognised(api: Api, worker: FakeWorker) -> str:
    answer = api.upload("/v1/galleries/staff/recognitions", image=PHOTO)
    worker.succeed(RECOGNISED)
    return str(answer.get_json()["id"])


def result_of(api: Api, job: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/v1/jobs/{job}").get_json()["result"]
    return found


def of(named: dict[str, Any]) -> dict[str, Any]:
    return {field: named[field] for field in ("name", "external_id")}


def test_whoever_may_recognise_is_told_the_name_of_the_recognised(make_api: MakeApi, worker: FakeWorker) -> None:
    api = make_api(scopes={Scope.RECOGNISE})
    result = result_of(api, recognised(api, worker))
    assert of(result) == of(result["faces"][0]) == ADA


def test_candidates_have_names_and_those_who_have_none_have_none(api: Api, worker: FakeWorker) -> None:
    (face,) = result_of(api, recognised(api, worker))["faces"]
    assert [of(candidate) for candidate in face["candidates"]] == [ADA, {"name": None, "external_id": None}]


def test_a_list_of_jobs_tells_them_too(api: Api, worker: FakeWorker) -> None:
    recognised(api, worker)
    (job,) = api.get("/v1/jobs").get_json()["jobs"]
    assert of(job["result"]["faces"][0]) == ADA


def test_whoever_is_renamed_is_so_in_earlier_answers(api: Api, worker: FakeWorker, galleries: GalleryStore) -> None:
    job = recognised(api, worker)
    describe(galleries, "ada", name="Ada King")
    assert of(result_of(api, job)) == {**ADA, "name": "Ada King"}


def test_no_record_of_a_job_holds_a_name(api: Api, worker: FakeWorker, redis: Redis) -> None:
    job = recognised(api, worker)
    result_of(api, job)
    assert "Lovelace" not in str(redis.hgetall(f"{PREFIX}job:{job}"))
    assert "Lovelace" not in str(redis.xrange(f"{PREFIX}outbox"))


def test_somebody_who_came_later_under_the_same_id_is_not_named(
    api: Api, worker: FakeWorker, galleries: GalleryStore
) -> None:
    job = recognised(api, worker)
    former = galleries.get_person("default", "staff", "ada")
    galleries.remove_person("default", "staff", "ada", former.uid, before=None)
    galleries.ensure_person("default", "staff", "ada")
    describe(galleries, "ada", name="Somebody Else")
    assert of(result_of(api, job)) == {"name": None, "external_id": None}


def test_an_answer_names_so_many_and_the_likeliest(
    api: Api, worker: FakeWorker, galleries: GalleryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(galleries, "bob", name="Bob")
    monkeypatch.setattr(named_people, "MAX_NAMED", 1)
    (face,) = result_of(api, recognised(api, worker))["faces"]
    assert [candidate["name"] for candidate in face["candidates"]] == [ADA["name"], None]


def test_a_store_that_does_not_answer_costs_the_names_only(
    api: Api, worker: FakeWorker, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = recognised(api, worker)
    get = store.get

    def broken(key: str) -> bytes:
        if "/persons/" in key:
            raise StorageUnavailable("The store does not answer.")
        return get(key)

    monkeypatch.setattr(store, "get", broken)
    result = result_of(api, job)
    assert result["person"] == "ada"
    assert result["name"] is None


def test_only_keys_for_scores_learn_which_face_matched(make_api: MakeApi, worker: FakeWorker) -> None:
    api, trusted = make_api(scopes={Scope.RECOGNISE}), make_api(scopes={Scope.RECOGNISE, Scope.SCORES_READ})
    job = str(api.upload("/v1/galleries/staff/recognitions", image=PHOTO).get_json()["id"])
    frame = RecognisedFrame(verdict=RECOGNISED.verdict, person="ada", score=0.7)
    face = RECOGNISED.faces[0].model_copy(update={"matched_face": "f1"})
    worker.succeed(RECOGNISED.model_copy(update={"faces": [face], "frames": [frame]}))
    told, hidden = result_of(trusted, job), result_of(api, job)
    assert (told["faces"][0]["matched_face"], told["frames"][0]["score"]) == ("f1", 0.7)
    assert "matched_face" not in hidden["faces"][0]
    assert "score" not in hidden["frames"][0]
