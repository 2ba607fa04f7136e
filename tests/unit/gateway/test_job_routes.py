"""Reading, listing, cancelling and following jobs."""

import json
import threading
import time
from typing import Any

import pytest

from gateway.auth import Scope
from gateway.context import Services
from gateway.jobs import SCOPES
from gateway.web.responses import JobDocument
from shared.schemas import JobError, JobStatus, JobType, Progress
from shared.storage.store import UPLOADS, MemoryStore
from tests.unit.gateway.conftest import MATCH, MODEL, PHOTO, RECOGNISED, Api, FakeWorker, MakeApi, stylised

pytestmark = pytest.mark.usefixtures("staff")


def verify(api: Api) -> str:
    answer = api.upload("/v1/galleries/staff/verifications", {"person": "ada"}, image=PHOTO)
    return str(answer.get_json()["id"])


def recognise(api: Api) -> str:
    return str(api.upload("/v1/galleries/staff/recognitions", image=PHOTO).get_json()["id"])


def stylize(api: Api, **fields: str) -> str:
    answer = api.upload("/v1/stylizations", {"style_id": "poppies", **fields}, content=PHOTO)
    return str(answer.get_json()["id"])


def read(api: Api, job_id: str) -> Any:
    answer = api.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200
    return answer.get_json()


# --- the document ---


def test_a_queued_job_says_when_it_came_and_when_it_expires(api: Api) -> None:
    job = read(api, verify(api))
    assert job["created_at"].endswith("Z")
    assert job["created_at"] < job["deadline"]
    assert (job["started_at"], job["finished_at"], job["progress"], job["model"]) == (None, None, None, None)
    assert set(job["links"]) == {"self", "events", "cancel"}
    assert "result" not in job
    assert "error" not in job


def test_a_running_job_says_how_far_it_is(api: Api, worker: FakeWorker) -> None:
    job_id = stylize(api)
    worker.jobs.beat(worker.claim(), Progress(done=3, total=10, stage="optimising"))
    job = read(api, job_id)
    assert (job["status"], job["attempts"]) == ("running", 1)
    assert (job["progress"]["done"], job["progress"]["total"]) == (3, 10)


def test_a_finished_job_has_its_result_and_model(api: Api, worker: FakeWorker) -> None:
    job_id = verify(api)
    worker.succeed(MATCH)
    job = read(api, job_id)
    assert job["result"] == json.loads(MATCH.model_dump_json())
    assert job["model"] == {"name": "sface", "digest": "d1"}
    assert set(job["links"]) == {"self", "events"}
    JobDocument.model_validate(job)


def test_a_failed_job_has_its_error(api: Api, worker: FakeWorker) -> None:
    job_id = verify(api)
    worker.jobs.fail(worker.claim(), JobError(code="corrupt_image", detail="It broke."))
    job = read(api, job_id)
    assert (job["status"], job["error"]) == ("failed", {"code": "corrupt_image", "detail": "It broke."})
    assert "result" not in job


def test_no_internals_are_in_the_document(api: Api, worker: FakeWorker) -> None:
    job_id = verify(api)
    worker.succeed(MATCH)
    job = read(api, job_id)
    assert not {"tenant", "payload", "queue", "token", "trace"} & set(job)
    assert "uploads/" not in json.dumps(job)


def test_a_result_of_a_newer_worker_is_read_as_far_as_it_is_known(api: Api, worker: FakeWorker) -> None:
    class Newer(type(MATCH)):  # type: ignore[misc]
        gait: float = 0.5

    job_id = verify(api)
    worker.succeed(Newer(**MATCH.model_dump()))
    assert read(api, job_id)["result"]["verdict"] == "match"


def test_every_kind_of_job_can_be_cancelled_by_somebody() -> None:
    assert set(SCOPES) == set(JobType)


# --- similarities are for keys with their own scope ---


def test_without_the_scope_a_verification_has_no_score(make_api: MakeApi, worker: FakeWorker) -> None:
    api = make_api(scopes={Scope.VERIFY})
    job_id = verify(api)
    worker.succeed(MATCH)
    result = read(api, job_id)["result"]
    assert "score" not in result
    assert result["threshold"] == 0.42
    assert result["face"]["quality"]["score"] == 0.9, "a face's quality is no similarity"


def test_without_the_scope_a_recognition_has_neither_scores_nor_candidates(
    make_api: MakeApi, worker: FakeWorker
) -> None:
    api = make_api(scopes={Scope.RECOGNISE})
    job_id = recognise(api)
    worker.succeed(RECOGNISED)
    for job in (read(api, job_id), api.get("/v1/jobs").get_json()["jobs"][0]):
        (face,) = job["result"]["faces"]
        assert face["person"] == "ada"
        assert not {"score", "candidates"} & set(face)
        assert face["quality"]["score"] == 0.9


def test_with_the_scope_they_are_there(api: Api, worker: FakeWorker) -> None:
    job_id = recognise(api)
    worker.succeed(RECOGNISED)
    (face,) = read(api, job_id)["result"]["faces"]
    assert face["score"] == 0.8
    assert [candidate["person"] for candidate in face["candidates"]] == ["ada", "bob"]


def test_without_the_scope_the_waited_for_answer_has_none_either(make_api: MakeApi, worker: FakeWorker) -> None:
    def work() -> None:
        while not worker.published:
            time.sleep(0.01)
        worker.succeed(MATCH)

    thread = threading.Thread(target=work)
    thread.start()
    api = make_api(scopes={Scope.VERIFY})
    path = "/v1/galleries/staff/verifications"
    answer = api.upload(path, {"person": "ada"}, image=PHOTO, headers={"Prefer": "wait=10"})
    thread.join()
    assert answer.status_code == 200
    assert "score" not in answer.get_json()["result"]


# --- the list ---


def test_jobs_are_listed_newest_first_page_by_page(api: Api) -> None:
    made = [verify(api) for _ in range(5)]
    seen, path = [], "/v1/jobs?limit=2"
    for _ in range(3):
        page = api.get(path).get_json()
        seen += [job["id"] for job in page["jobs"]]
        path = f"/v1/jobs?limit=2&cursor={page['next_cursor']}"
    assert seen == made[::-1]
    assert page["next_cursor"] is None


def test_without_jobs_the_list_is_empty(api: Api) -> None:
    assert api.get("/v1/jobs").get_json() == {"jobs": [], "next_cursor": None}


# --- cancelling ---


def test_a_queued_job_is_cancelled_at_once_with_its_upload(api: Api, store: MemoryStore) -> None:
    job_id = verify(api)
    answer = api.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "cancelled")
    assert list(store.keys(UPLOADS)) == []


def test_a_running_job_is_asked_to_stop_and_keeps_its_upload(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    job_id = verify(api)
    job = worker.claim()
    assert api.post(f"/v1/jobs/{job_id}/cancel").get_json()["status"] == "running"
    assert worker.jobs.beat(job) == "cancel"
    assert list(store.keys(UPLOADS)) != []


def test_a_finished_job_cannot_be_cancelled(api: Api, worker: FakeWorker) -> None:
    job_id = verify(api)
    worker.succeed(MATCH)
    answer = api.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "job_finished")


@pytest.mark.parametrize("method_path", ["GET {}", "POST {}/cancel", "GET {}/events", "GET {}/image"])
def test_an_unknown_job_is_404(api: Api, method_path: str) -> None:
    method, path = method_path.format("/v1/jobs/no-such-job").split()
    answer = api(method, path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")


# --- the picture ---


@pytest.mark.parametrize(
    ("media_type", "extension"), [("image/jpeg", "jpeg"), ("image/png", "png"), ("image/webp", "webp")]
)
def test_the_picture_comes_with_its_type_and_digest(
    api: Api, worker: FakeWorker, store: MemoryStore, media_type: str, extension: str
) -> None:
    job_id = stylize(api)
    worker.succeed(lambda job: stylised(job, media_type))
    store.put(f"images/default/{job_id}.{extension}", b"pix")
    job = read(api, job_id)
    assert job["result"]["image"]["url"] == job["links"]["image"] == f"/v1/jobs/{job_id}/image"
    answer = api.get(job["links"]["image"])
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"pix", media_type)
    assert answer.headers["ETag"] == f'"{"ab" * 32}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = api.get(job["links"]["image"], headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_there_is_no_picture_before_the_end(api: Api) -> None:
    answer = api.get(f"/v1/jobs/{stylize(api)}/image")
    assert answer.status_code == 409
    assert "queued" in answer.get_json()["detail"]


def test_other_jobs_have_no_picture(api: Api, worker: FakeWorker) -> None:
    job_id = verify(api)
    worker.succeed(MATCH)
    assert api.get(f"/v1/jobs/{job_id}/image").status_code == 404


def test_a_picture_that_is_kept_no_longer_is_404_without_its_key(api: Api, worker: FakeWorker) -> None:
    job_id = stylize(api)
    worker.succeed(stylised)
    answer = api.get(f"/v1/jobs/{job_id}/image")
    assert answer.status_code == 404
    assert "images/" not in answer.get_json()["detail"]


# --- events ---


def events(text: str) -> list[dict[str, str]]:
    """The events of a text/event-stream; comments and `retry` are left out."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    parsed = [dict(line.split(": ", 1) for line in block if not line.startswith(":")) for block in blocks]
    return [block for block in parsed if "event" in block]


def three_steps(api: Api, worker: FakeWorker) -> str:
    job_id = stylize(api)
    job = worker.claim()
    for done in (1, 2, 3):
        worker.jobs.beat(job, Progress(done=done, total=3, stage="optimising"))
    worker.jobs.succeed(job, stylised(job), MODEL)
    return job_id


STORY = ["queued", "running", "progress", "progress", "progress", "succeeded"]


def test_the_stream_tells_the_whole_story_and_ends(api: Api, worker: FakeWorker) -> None:
    answer = api.get(f"/v1/jobs/{three_steps(api, worker)}/events")
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    told = events(answer.text)
    assert [event["event"] for event in told] == STORY
    assert [json.loads(event["data"]).get("done") for event in told[2:5]] == [1, 2, 3]


def test_a_broken_stream_is_resumed_without_a_gap_or_a_repeat(api: Api, worker: FakeWorker) -> None:
    path = f"/v1/jobs/{three_steps(api, worker)}/events"
    whole = events(api.get(path).text)
    for seen in range(1, len(whole) + 1):
        rest = events(api.get(path, headers={"Last-Event-ID": whole[seen - 1]["id"]}).text)
        assert whole[:seen] + rest == whole


def test_when_nothing_is_left_to_tell_an_event_source_is_sent_away(api: Api, worker: FakeWorker) -> None:
    """It reconnects after every stream that ends, unless it gets 204."""
    path = f"/v1/jobs/{three_steps(api, worker)}/events"
    last = events(api.get(path).text)[-1]["id"]
    assert api.get(path, headers={"Last-Event-ID": last}).status_code == 204


def test_events_come_while_they_happen(api: Api, worker: FakeWorker) -> None:
    job_id = stylize(api)
    told: list[dict[str, str]] = []
    follower = threading.Thread(target=lambda: told.extend(events(api.get(f"/v1/jobs/{job_id}/events").text)))
    follower.start()
    time.sleep(0.2)
    job = worker.claim()
    worker.jobs.beat(job, Progress(done=1, total=1, stage="painting"))
    worker.jobs.succeed(job, stylised(job), MODEL)
    follower.join(10)
    assert [event["event"] for event in told] == ["queued", "running", "progress", "succeeded"]


def test_a_silent_stream_is_kept_alive_and_ends_at_shutdown(api: Api, services: Services) -> None:
    threading.Timer(0.5, services.stopping.set).start()
    text = api.get(f"/v1/jobs/{stylize(api)}/events").text
    assert ": keep-alive" in text
    assert [event["event"] for event in events(text)] == ["queued"]


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.EXPIRED])
def test_every_outcome_ends_the_stream(api: Api, worker: FakeWorker, status: JobStatus) -> None:
    job_id = stylize(api)
    worker.jobs.end(worker.claim(), status)
    assert events(api.get(f"/v1/jobs/{job_id}/events").text)[-1]["event"] == status


@pytest.mark.parametrize("event_id", ["", "x", "1", "1-2-3", "-1-0", "9" * 30 + "-0"])
def test_a_bad_event_id_is_refused(api: Api, event_id: str) -> None:
    answer = api.get(f"/v1/jobs/{stylize(api)}/events", headers={"Last-Event-ID": event_id})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_field")
