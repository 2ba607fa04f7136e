"""Feedback: what may be said of which answer, by whom, once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from gateway.auth import Scope
from shared.errors import StorageUnavailable
from shared.galleries.feedback import FeedbackStore
from shared.galleries.store import GalleryStore
from shared.ml.face.verification import Verdict
from shared.outbox import Outbox, Reader
from shared.schemas import Candidate, Message, RecognisedFace, RecognitionResult
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import BOX, MATCH, PHOTO, PREFIX, QUALITY, RECOGNISED, Api, FakeWorker, MakeApi

FEEDBACK = "/v1/galleries/staff/feedback"
VERIFY = "/v1/galleries/staff/verifications"
RECOGNISE = "/v1/galleries/staff/recognitions"
REFUSED = MATCH.model_copy(update={"verdict": Verdict.NO_MATCH, "score": 0.3})
MISSED = RecognitionResult(
    verdict=Verdict.NOT_RECOGNISED,
    policy="identify-fpir-1e-2",
    threshold=0.47,
    persons=2,
    faces=[
        RecognisedFace(
            verdict=Verdict.NOT_RECOGNISED,
            box=BOX,
            quality=QUALITY,
            score=0.4,
            candidates=[Candidate(person="ada", score=0.4)],
        ),
        RecognisedFace(verdict=Verdict.LOW_QUALITY, box=BOX, quality=QUALITY),
        RecognisedFace(verdict=Verdict.RECOGNISED, box=BOX, quality=QUALITY, person="ada", score=0.6),
    ],
)

pytestmark = pytest.mark.usefixtures("staff")


class Door:
    """Has jobs done that something can be said about."""

    def __init__(self, api: Api, worker: FakeWorker) -> None:
        self._api = api
        self._worker = worker

    def verified(self, result: Message, **fields: str) -> str:
        return self._done(VERIFY, {"person": "ada", **fields}, result)

    def recognised(self, result: Message, **fields: str) -> str:
        return self._done(RECOGNISE, fields, result)

    def _done(self, path: str, fields: dict[str, str], result: Message) -> str:
        job: str = self._api.upload(path, fields, image=PHOTO).get_json()["id"]
        self._worker.succeed(result)
        return job


@pytest.fixture
def door(api: Api, worker: FakeWorker) -> Door:
    return Door(api, worker)


def refusal(api: Api, **fields: Any) -> tuple[int, str, str]:
    answer = api.post(FEEDBACK, json=fields)
    body = answer.get_json()
    return answer.status_code, body["code"], body["detail"]


def test_a_wrong_match_is_kept_with_its_score_and_no_name(
    api: Api, door: Door, store: MemoryStore, galleries: GalleryStore
) -> None:
    job = door.verified(MATCH, device="gate")
    answer = api.post(FEEDBACK, json={"job": job, "kind": "wrong_person"})
    assert answer.status_code == 201
    told = answer.get_json()
    assert answer.headers["Location"] == f"{FEEDBACK}/{told['id']}"
    assert (told["kind"], told["search"], told["score"], told["device"]) == (
        "wrong_person",
        "verification",
        0.7,
        "gate",
    )
    assert (told["policy"], told["threshold"], told["model"]) == ("verify-fmr-1e-4", 0.42, "d1")
    assert told["person"] == galleries.get_person("default", "staff", "ada").uid
    assert api.get(answer.headers["Location"]).get_json() == told
    (key,) = store.keys("galleries/default/staff/feedback/")
    assert b"ada" not in store.get(key)
    assert len(store.get(key)) < 1000


def test_a_wrong_recognition_is_about_the_largest_face_or_the_one_that_is_named(api: Api, door: Door) -> None:
    assert (
        api.post(FEEDBACK, json={"job": door.recognised(RECOGNISED), "kind": "wrong_person"}).get_json()["score"] == 0.8
    )
    named = {"job": door.recognised(MISSED), "kind": "wrong_person", "face": 2}
    told = api.post(FEEDBACK, json=named).get_json()
    assert (told["search"], told["score"], told["face"]) == ("identification", 0.6, 2)


@pytest.mark.parametrize("person", [None, "ada"])
def test_a_refused_person_is_known_by_the_verification(api: Api, door: Door, person: str | None) -> None:
    fields = {"job": door.verified(REFUSED), "kind": "not_recognised_but_is", "person": person}
    told = api.post(FEEDBACK, json={name: value for name, value in fields.items() if value}).get_json()
    assert (told["kind"], told["score"]) == ("not_recognised_but_is", 0.3)


def test_who_was_not_recognised_is_said(api: Api, door: Door, galleries: GalleryStore) -> None:
    galleries.ensure_person("default", "staff", "bob")
    fields = {"job": door.recognised(MISSED), "kind": "not_recognised_but_is"}
    assert refusal(api, **fields)[1:] == ("invalid_field", "`person` is missing: who is it that was not recognised?")
    assert refusal(api, **fields, person="eve")[:2] == (404, "person_not_found")
    assert api.post(FEEDBACK, json={**fields, "person": "ada"}).get_json()["score"] == 0.4
    other = {**fields, "job": door.recognised(MISSED), "person": "bob"}
    assert api.post(FEEDBACK, json=other).get_json()["score"] is None  # no candidate, so below all of them


@pytest.mark.parametrize(
    ("result", "kind", "face"),
    [
        (MATCH, "not_recognised_but_is", 0),
        (REFUSED, "wrong_person", 0),
        (RECOGNISED, "not_recognised_but_is", 0),
        (MISSED, "wrong_person", 0),
        (MISSED, "not_recognised_but_is", 1),  # never compared
    ],
)
def test_what_was_not_answered_cannot_be_wrong(api: Api, door: Door, result: Message, kind: str, face: int) -> None:
    job = door.recognised(result) if isinstance(result, RecognitionResult) else door.verified(result)
    status, code, detail = refusal(api, job=job, kind=kind, face=face, person="ada")
    assert (status, code) == (422, "invalid_field")
    assert "`kind`" in detail


@pytest.mark.parametrize(("result", "face"), [(MATCH, 1), (RECOGNISED, 1)])
def test_a_face_that_was_not_there_is_refused(api: Api, door: Door, result: Message, face: int) -> None:
    job = door.recognised(result) if isinstance(result, RecognitionResult) else door.verified(result)
    status, code, detail = refusal(api, job=job, kind="wrong_person", face=face)
    assert (status, code) == (422, "invalid_field")
    assert "`face`" in detail


def test_the_job_says_itself_whom_it_took_the_face_for(api: Api, door: Door) -> None:
    assert refusal(api, job=door.verified(MATCH), kind="wrong_person", person="bob")[1] == "invalid_field"


# --- which jobs ---


def test_the_job_is_one_of_the_gallery_and_has_an_answer(api: Api, worker: FakeWorker, galleries: GalleryStore) -> None:
    assert refusal(api, job="nope", kind="wrong_person")[:2] == (404, "job_not_found")
    waiting = api.upload(VERIFY, {"person": "ada"}, image=PHOTO).get_json()["id"]
    assert refusal(api, job=waiting, kind="wrong_person")[:2] == (409, "conflict")
    worker.succeed(MATCH)
    galleries.create_gallery("default", "other")
    elsewhere = api.post("/v1/galleries/other/feedback", json={"job": waiting, "kind": "wrong_person"})
    assert (elsewhere.status_code, elsewhere.get_json()["code"]) == (404, "job_not_found")
    enrolment = api.upload("/v1/galleries/staff/persons/ada/faces", image=PHOTO).get_json()["id"]
    assert refusal(api, job=enrolment, kind="wrong_person")[:2] == (422, "invalid_field")


def test_another_tenants_job_is_404(door: Door, make_api: MakeApi, galleries: GalleryStore) -> None:
    job = door.verified(MATCH)
    galleries.create_gallery("other", "staff")
    galleries.ensure_person("other", "staff", "ada")
    assert refusal(make_api("other"), job=job, kind="wrong_person")[:2] == (404, "job_not_found")


def test_a_successor_of_the_same_name_is_not_meant(api: Api, door: Door, store: MemoryStore) -> None:
    job = door.verified(MATCH)
    store.delete("galleries/default/staff/persons/ada.json")
    assert refusal(api, job=job, kind="wrong_person")[:2] == (404, "person_not_found")
    api.put("/v1/galleries/staff/persons/ada")
    assert refusal(api, job=job, kind="wrong_person")[:2] == (409, "person_changed")


@pytest.mark.parametrize(
    ("scopes", "verified", "recognised"),
    [
        ({Scope.VERIFY}, 201, 403),
        ({Scope.RECOGNISE}, 403, 201),
        ({Scope.ADMIN}, 201, 201),
        ({Scope.ENROL, Scope.STYLISE}, 403, 403),
    ],
)
def test_who_could_have_asked_may_say_that_the_answer_is_wrong(
    make_api: MakeApi, door: Door, scopes: set[Scope], verified: int, recognised: int
) -> None:
    key = make_api(scopes=scopes)
    jobs = door.verified(MATCH), door.recognised(RECOGNISED)
    answers = [key.post(FEEDBACK, json={"job": job, "kind": "wrong_person"}) for job in jobs]
    assert [answer.status_code for answer in answers] == [verified, recognised]
    assert all(answer.get_json().get("score") is None for answer in answers)  # no scope for scores


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/x-0"), ("DELETE", "/x-0")])
def test_reports_are_read_and_deleted_by_admins(make_api: MakeApi, method: str, path: str) -> None:
    assert make_api(scopes=set(Scope) - {Scope.ADMIN})(method, FEEDBACK + path).status_code == 403


# --- once ---


def test_saying_it_again_changes_nothing(api: Api, door: Door, redis: Redis) -> None:
    fields = {"job": door.verified(MATCH), "kind": "wrong_person"}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: api.post(FEEDBACK, json=fields), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.data for answer in answers}) == 1
    assert len(api.get(FEEDBACK).get_json()["feedback"]) == 1
    told, *again = [one for one in Outbox(redis, PREFIX).read(Reader.AUDIT) if one.kind == "feedback.given"]
    assert all(one.data == told.data for one in again)  # of those who came before the first report was kept
    before = Outbox(redis, PREFIX).length()
    assert api.post(FEEDBACK, json=fields).status_code == 200
    assert Outbox(redis, PREFIX).length() == before
    assert (told.tenant, told.data["reason"], told.data["gallery"]) == ("default", "wrong_person", "staff")
    assert {"score", "model"}.isdisjoint(told.data)


def test_two_reports_of_one_face_do_not_contradict_each_other(api: Api, door: Door, galleries: GalleryStore) -> None:
    galleries.ensure_person("default", "staff", "bob")
    fields = {"job": door.recognised(MISSED), "kind": "not_recognised_but_is"}
    kept = api.post(FEEDBACK, json={**fields, "person": "ada"}).get_json()["id"]
    assert refusal(api, **fields, person="bob")[:2] == (409, "feedback_contradicts")
    assert api.delete(f"{FEEDBACK}/{kept}").status_code == 204
    assert api.post(FEEDBACK, json={**fields, "person": "bob"}).status_code == 201


def test_a_report_that_nobody_heard_of_is_not_kept(api: Api, door: Door, redis: Redis, store: MemoryStore) -> None:
    """The client sends it again."""
    fields = {"job": door.verified(MATCH), "kind": "wrong_person"}
    redis.rename(f"{PREFIX}outbox", "aside")
    redis.set(f"{PREFIX}outbox", "no stream")
    assert api.post(FEEDBACK, json=fields).status_code == 503
    assert list(store.keys("galleries/default/staff/feedback/")) == []
    redis.rename("aside", f"{PREFIX}outbox")
    assert api.post(FEEDBACK, json=fields).status_code == 201


def test_no_report_is_kept_untold(
    api: Api, door: Door, redis: Redis, monkeypatch: pytest.MonkeyPatch, store: MemoryStore
) -> None:
    """Dying in between leaves one told that was not kept; it is given again."""
    fields = {"job": door.verified(MATCH), "kind": "wrong_person"}

    def dies(*_: object) -> None:
        assert [one.kind for one in Outbox(redis, PREFIX).read(Reader.AUDIT)][-1] == "feedback.given"
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(FeedbackStore, "put", dies)
        assert api.post(FEEDBACK, json=fields).status_code == 503
    assert list(store.keys("galleries/default/staff/feedback/")) == []
    assert api.post(FEEDBACK, json=fields).status_code == 201


# --- lists ---


def test_reports_are_listed_page_by_page(api: Api, door: Door) -> None:
    kept = sorted(
        api.post(FEEDBACK, json={"job": door.verified(MATCH), "kind": "wrong_person"}).get_json()["id"]
        for _ in range(5)
    )
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"{FEEDBACK}?limit=2{cursor}").get_json()
        seen += [report["id"] for report in page["feedback"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == kept


def test_what_is_not_there_is_404(api: Api) -> None:
    for answer in (api.get(f"{FEEDBACK}/x-0"), api.delete(f"{FEEDBACK}/x-0")):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "feedback_not_found")
    for answer in (api.get("/v1/galleries/nope/feedback"), api.delete("/v1/galleries/nope/feedback/x-0")):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "gallery_not_found")


def test_taking_a_report_back_is_told(api: Api, door: Door, redis: Redis) -> None:
    kept = api.post(FEEDBACK, json={"job": door.verified(MATCH), "kind": "wrong_person"}).get_json()["id"]
    api.delete(f"{FEEDBACK}/{kept}")
    told = [one.kind for one in Outbox(redis, PREFIX).read(Reader.AUDIT)]
    assert told[-2:] == ["feedback.given", "feedback.deleted"]


def test_reports_go_with_their_gallery(api: Api, door: Door, store: MemoryStore) -> None:
    api.post(FEEDBACK, json={"job": door.verified(MATCH), "kind": "wrong_person"})
    api.delete("/v1/galleries/staff")
    assert list(store.keys("galleries/default/staff/")) == []
