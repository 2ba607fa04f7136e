"""How often one person may be tried and enrolled, and what whoever meets a limit is told."""

import io
import json
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from redis import Redis
from werkzeug.test import TestResponse

from gateway.auth import Scope
from gateway.faces.person_limits import duration
from shared.attempts import Attempts, Limit, Refusal
from shared.jobs import JobStore
from shared.ml.face.catalogue import ACCURATE_MODEL
from shared.ml.face.verification import Verdict
from shared.outbox import Outbox, Reader
from shared.schemas import EnrolmentResult, JobError
from shared.settings import JobSettings, RateSettings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import MATCH, PHOTO, PREFIX, Api, FakeWorker, MakeApi, MakeLimited, refused

NO_MATCH = MATCH.model_copy(update={"verdict": Verdict.NO_MATCH, "score": 0.1})
SPOOF = MATCH.model_copy(update={"verdict": Verdict.SPOOF_SUSPECTED, "score": None})
NO_FACE = MATCH.model_copy(update={"verdict": Verdict.NO_FACE, "score": None, "face": None})
DAY_S = 24 * 3600


def verify(api: Api, person: str = "ada", **headers: str) -> TestResponse:
    return api.upload("/v1/galleries/staff/verifications", {"person": person}, image=PHOTO, headers=headers)


@pytest.mark.parametrize("failure", [NO_MATCH, SPOOF])
def test_failures_lock_the_persons_verification_for_a_while(
    limited: MakeLimited, worker: FakeWorker, failure: type
) -> None:
    api = limited(person_failures=3, lock_seconds=1)
    api.put("/v1/galleries/staff/persons/bob")
    for _ in range(3):
        assert verify(api).status_code == 202
        worker.succeed(failure)
    assert refused(verify(api), 429, "person_locked") == 1
    assert refused(verify(api), 429, "person_locked") == 1
    assert verify(api, "bob").status_code == 202, "nobody else is locked"
    assert api.upload("/v1/galleries/staff/recognitions", image=PHOTO).status_code == 202
    time.sleep(1.1)
    assert verify(api).status_code == 202
    assert len(worker.published) == 3


def test_a_success_resets_the_count(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=3)
    for outcome in (NO_MATCH, NO_MATCH, MATCH, NO_MATCH, NO_MATCH):
        assert verify(api).status_code == 202
        worker.succeed(outcome)
    assert verify(api).status_code == 202


def test_what_says_nothing_about_the_face_is_no_failure(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=2)
    for _ in range(4):
        assert verify(api).status_code == 202
        worker.succeed(NO_FACE)
    verify(api)
    worker.jobs.fail(worker.claim(), JobError(code="person_changed", detail="gone"))
    cancelled = verify(api).get_json()
    api.post(cancelled["links"]["cancel"])
    assert verify(api).status_code == 202


def test_a_thousand_at_once_gain_nothing(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=5)
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: verify(api).status_code, range(60)))
    assert (codes.count(202), codes.count(429)) == (5, 55)
    for _ in range(5):
        worker.succeed(NO_MATCH)
    assert refused(verify(api), 429, "person_locked") > 200


def test_failures_count_no_longer_than_they_should(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=2, failure_seconds=0.5)
    for _ in range(2):
        verify(api)
        worker.succeed(NO_MATCH)
    time.sleep(0.6)
    assert verify(api).status_code == 202


def test_one_person_is_tried_only_so_often(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_per_minute=3)
    for _ in range(3):
        assert verify(api).status_code == 202
        worker.succeed(MATCH)
    assert 50 < refused(verify(api), 429, "person_locked") <= 60


def test_what_did_not_become_a_job_does_not_count(limited: MakeLimited, worker: FakeWorker, redis: Redis) -> None:
    api = limited(person_failures=2, person_per_minute=2)
    full = JobStore(redis, PREFIX, JobSettings(queue_limit=1), worker.publish)
    object.__setattr__(api.app.extensions["likeness"].services, "jobs", full)
    assert verify(api).status_code == 202
    for _ in range(3):
        refused(verify(api), 503, "queue_full")
    worker.succeed(MATCH)
    assert verify(api).status_code == 202


def test_a_repetition_by_its_key_is_no_attempt(limited: MakeLimited) -> None:
    api = limited(person_per_minute=1)
    answers = [verify(api, **{"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    refused(verify(api), 429, "person_locked")


def test_zeros_are_no_limits(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=0, person_per_minute=0)
    for _ in range(15):
        assert verify(api).status_code == 202
        worker.succeed(NO_MATCH)


def test_an_attempt_whose_answer_was_lost_is_begun_once(redis: Redis) -> None:
    attempts = Attempts(redis, PREFIX, RateSettings(person_failures=2, person_per_minute=2), lifetime=120)
    for _ in range(3):
        with attempts.counted("t", "g", "ada", job_id="same") as refusal:
            assert refusal is None
    with attempts.counted("t", "g", "ada", job_id="other") as refusal:
        assert refusal is None
    with attempts.counted("t", "g", "ada", job_id="third") as refusal:
        assert refusal == Refusal(Limit.UNDER_WAY, 1)


def test_nothing_is_kept_of_a_person_who_is_forgotten(redis: Redis) -> None:
    attempts = Attempts(redis, PREFIX, RateSettings(person_failures=1), lifetime=120)
    for _ in range(2):
        with attempts.counted("t", "g", "ada", job_id="j1"):
            pass
    assert list(redis.scan_iter(f"{PREFIX}attempts:*"))
    for key in redis.scan_iter(f"{PREFIX}attempts:*"):
        assert 0 < int(redis.ttl(key)) <= DAY_S, "and it goes by itself"
    attempts.forget("t", "g", "ada")
    assert list(redis.scan_iter(f"{PREFIX}attempts:*")) == []


# --- what a success proves ---


def under(result: Any, policy: str) -> Any:
    return result.model_copy(update={"policy": policy})


def tried(api: Api, worker: FakeWorker, *results: Any) -> None:
    for result in results:
        assert verify(api).status_code == 202
        worker.succeed(result)


FMR_3, FMR_4, FMR_5 = (f"verify-fmr-1e-{n}" for n in (3, 4, 5))


@pytest.mark.parametrize(
    ("failed", "passed", "forgiven"),
    [
        (FMR_5, FMR_5, True),
        (FMR_4, FMR_5, True),
        (FMR_3, FMR_5, True),
        (FMR_5, FMR_4, False),
        (FMR_5, FMR_3, False),
        (FMR_4, FMR_3, False),
        ("verify-fmr-2.5e-4", FMR_4, True),
        ("verify-fmr-2.5e-4", "verify-fmr-2.5e-4", True),
        (FMR_4, "verify-fmr-2.5e-4", False),
    ],
)
def test_a_success_takes_back_failures_of_its_own_policy_and_of_laxer_ones(
    limited: MakeLimited, worker: FakeWorker, failed: str, passed: str, forgiven: bool
) -> None:
    """Also of policies that a gallery is calibrated for, which are ordered by their target."""
    api = limited(person_failures=3)
    tried(api, worker, *[under(NO_MATCH, failed)] * 2, under(MATCH, passed), under(NO_MATCH, failed))
    assert verify(api).status_code == (202 if forgiven else 429)


def test_only_as_many_failures_stay_as_a_laxer_success_leaves(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=3)
    tried(api, worker, under(NO_MATCH, FMR_5), under(NO_MATCH, FMR_3), under(MATCH, FMR_4), under(NO_MATCH, FMR_3))
    assert verify(api).status_code == 202


# --- a day's lock ---


def test_failures_of_a_day_lock_whatever_succeeds_in_between(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=2, person_failures_per_day=3)
    tried(api, worker, NO_MATCH, MATCH, NO_MATCH, MATCH, NO_MATCH)
    assert DAY_S - 60 < refused(verify(api), 429, "person_locked") <= DAY_S


def test_the_days_lock_ends_when_the_first_failure_is_a_day_old(
    limited: MakeLimited, worker: FakeWorker, redis: Redis
) -> None:
    api = limited(person_failures=0, person_failures_per_day=2)
    tried(api, worker, NO_MATCH, NO_MATCH)
    refused(verify(api), 429, "person_locked")
    (day,) = redis.scan_iter(f"{PREFIX}attempts:*:day")
    first, _ = cast("list[str]", redis.zrange(day, 0, -1))
    redis.zincrby(day, 10 - DAY_S, first)
    assert refused(verify(api), 429, "person_locked") <= 10
    redis.zincrby(day, -10, first)
    assert verify(api).status_code == 202


def test_a_failure_is_counted_when_its_answer_comes_long_after(
    limited: MakeLimited, worker: FakeWorker, redis: Redis
) -> None:
    """Who tries a few times and then waits until the short count has gone is counted by the day all the same."""
    api = limited(person_failures=3, failure_seconds=1, person_failures_per_day=2)
    for _ in range(2):
        assert verify(api).status_code == 202
        worker.succeed(NO_MATCH)
    (flight,) = redis.scan_iter(f"{PREFIX}attempts:*:flight")
    assert redis.ttl(flight) > DAY_S - 60
    refused(verify(api), 429, "person_locked")


def test_a_thousand_at_once_gain_nothing_against_the_days_lock(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=0, person_failures_per_day=3)
    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(lambda _: verify(api).status_code, range(20)))
    assert codes.count(202) == 3
    for _ in range(3):
        worker.succeed(NO_MATCH)
    assert refused(verify(api), 429, "person_locked") > DAY_S - 60


# --- what is told ---


def problem_of(answer: TestResponse) -> dict[str, Any]:
    document: dict[str, Any] = answer.get_json(force=True)
    return document


@pytest.mark.parametrize(
    ("rates", "limit", "words"),
    [
        ({"person_failures": 2}, "failures", ("2 verifications", "failed within 5 min", "DELETE", "(in 5 min)")),
        ({"person_failures": 0, "person_failures_per_day": 2}, "failures_of_a_day", ("within a day", "DELETE")),
        ({"person_per_minute": 2}, "attempts", ("2 times within a minute", "UTC (in ")),
    ],
)
def test_a_locked_person_is_told_which_limit_was_met_and_until_when(
    limited: MakeLimited, worker: FakeWorker, rates: dict[str, int], limit: str, words: Sequence[str]
) -> None:
    api = limited(**rates)
    tried(api, worker, NO_MATCH, NO_MATCH)
    answer = verify(api)
    told = problem_of(answer)
    assert (told["code"], told["limit"]) == ("person_locked", limit)
    left = datetime.fromisoformat(told["until"]) - datetime.now(UTC)
    assert abs(left - timedelta(seconds=int(answer.headers["Retry-After"]))) < timedelta(seconds=2)
    for word in words:
        assert word in told["detail"]


def test_attempts_under_way_are_told_as_such(limited: MakeLimited) -> None:
    api = limited(person_failures=1)
    assert verify(api).status_code == 202
    told = problem_of(verify(api))
    assert (told["limit"], "under way" in told["detail"]) == ("under_way", True)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59.5, "1 min"), (290, "4 min 50 s"), (11_521, "3 h 12 min"), (86_400, "24 h")]
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# --- lifting a lock ---


def test_an_administrator_lifts_a_lock_at_once(
    limited: MakeLimited, worker: FakeWorker, make_api: MakeApi, redis: Redis
) -> None:
    api = limited(person_failures=2, person_failures_per_day=2)
    tried(api, worker, NO_MATCH, NO_MATCH)
    refused(verify(api), 429, "person_locked")
    lock = "/v1/galleries/staff/persons/ada/lock"
    assert make_api("default", set(Scope) - {Scope.ADMIN}).delete(lock).status_code == 403
    assert api.delete(lock).status_code == 204
    assert verify(api).status_code == 202
    told = [one for one in Outbox(redis, PREFIX).read(Reader.AUDIT) if one.kind == "person.unlocked"]
    assert [one.data["gallery"] for one in told] == ["staff"]
    assert api.delete("/v1/galleries/staff/persons/nobody/lock").status_code == 404


# --- enrolments of one person ---


def enrol(api: Api, person: str = "ada", **headers: str) -> TestResponse:
    return api.upload(f"/v1/galleries/staff/persons/{person}/faces", image=PHOTO, headers=headers)


def narrow(api: Api, templates: int) -> None:
    """The gallery keeps so many faces of a person."""
    assert api("PATCH", "/v1/galleries/staff", json={"templates_per_person": templates}).status_code == 200


def conflict(verdict: Verdict) -> EnrolmentResult:
    return EnrolmentResult(verdict=verdict, person="ada", warnings=[])


def test_one_person_is_enrolled_only_so_often_a_day_whatever_becomes_of_it(
    limited: MakeLimited, worker: FakeWorker
) -> None:
    """Whether a photo is taken for another one of the person tells as much as a verification."""
    api = limited(person_enrolments_per_day=3)
    narrow(api, 1)
    for verdict in (Verdict.ENROLLED, Verdict.IDENTITY_CONFLICT, Verdict.NO_FACE):
        assert enrol(api).status_code == 202
        worker.succeed(conflict(verdict))
    answer = enrol(api)
    assert DAY_S - 60 < refused(answer, 429, "too_many_enrolments") <= DAY_S
    for word in ("3 photos", "within a day", "from ", "UTC"):
        assert word in problem_of(answer)["detail"]
    assert len(worker.published) == 0
    assert enrol(api, "bob").status_code == 202, "nobody else is meant"
    assert verify(api).status_code == 202


def test_as_many_as_a_gallery_keeps_of_a_person_may_always_be_enrolled(limited: MakeLimited) -> None:
    api = limited(person_enrolments_per_day=1)
    narrow(api, 4)
    assert [enrol(api).status_code for _ in range(5)] == [202] * 4 + [429]


def test_zero_is_no_limit_of_enrolments(limited: MakeLimited) -> None:
    api = limited(person_enrolments_per_day=0)
    narrow(api, 1)
    assert [enrol(api).status_code for _ in range(5)] == [202] * 5


def test_an_enrolment_that_is_repeated_by_its_key_counts_once(limited: MakeLimited) -> None:
    api = limited(person_enrolments_per_day=1)
    narrow(api, 1)
    assert [enrol(api, **{"Idempotency-Key": "k"}).status_code for _ in range(3)] == [202] * 3
    refused(enrol(api), 429, "too_many_enrolments")


def test_an_enrolment_that_became_no_job_does_not_count(limited: MakeLimited, worker: FakeWorker, redis: Redis) -> None:
    api = limited(person_enrolments_per_day=1)
    narrow(api, 1)
    assert enrol(api, "bob").status_code == 202
    services = api.app.extensions["likeness"].services
    full = JobStore(redis, PREFIX, JobSettings(queue_limit=1), worker.publish)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(services.__dict__, "jobs", full)
        refused(enrol(api), 503, "queue_full")
    assert enrol(api).status_code == 202


def test_a_photo_supplied_again_for_a_migration_counts_too(limited: MakeLimited) -> None:
    """It is compared with the person's faces."""
    api = limited(person_enrolments_per_day=1)
    narrow(api, 1)
    migration = api.post("/v1/galleries/staff/migrations", json={"model": ACCURATE_MODEL.name}).get_json()["id"]
    path = f"/v1/galleries/staff/migrations/{migration}/faces"
    assert api.upload(path, {"person": "ada"}, image=PHOTO).status_code == 202
    refused(api.upload(path, {"person": "ada"}, image=PHOTO), 429, "too_many_enrolments")


def folders(**people: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for person, count in people.items():
            for number in range(count):
                packed.writestr(f"people/{person}/{number}.jpg", PHOTO)
    return buffer.getvalue()


def test_in_a_batch_the_photos_that_the_day_has_no_room_for_are_errors_of_their_own(
    limited: MakeLimited, store: MemoryStore
) -> None:
    api = limited(person_enrolments_per_day=1)
    narrow(api, 3)
    path = "/v1/galleries/staff/enrolment-batches"
    batch = api.upload(path, archive=folders(ada=5, bob=3)).get_json()["id"]
    lines = [json.loads(line) for line in store.get(f"batches/default/{batch}/items.jsonl").splitlines()]
    refusals = [(line["person"], line["error"]["code"]) for line in lines if line.get("error")]
    assert refusals == [("ada", "too_many_enrolments")] * 2
    kept = [key for key in store.keys(f"batches/default/{batch}/") if store.get(key) == PHOTO]
    assert len(kept) == 6, "what is not enrolled is not kept"
    refused(enrol(api), 429, "too_many_enrolments")
    refused(enrol(api, "bob"), 429, "too_many_enrolments")
