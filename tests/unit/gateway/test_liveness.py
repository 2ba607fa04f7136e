"""Liveness sessions over HTTP: what the client gets, what the worker is told, what is refused."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image
from redis import Redis
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from gateway.auth import Scope
from gateway.context import Services
from shared.liveness_sessions import LivenessSessions
from shared.ml.face.liveness.actions import MAX_FRAMES, MIN_FRAMES, SURE, WITH_LOOK_UP, Action
from shared.ml.face.verification import Verdict
from shared.queue import Queue, Task
from shared.schemas import (
    LivenessCheckResult,
    PassiveResult,
    PassiveStatus,
    PerformedAction,
)
from shared.settings import Settings
from shared.storage.store import UPLOADS, MemoryStore
from tests.unit.gateway.conftest import PREFIX, Api, FakeWorker, MakeApi, picture

SESSIONS = "/v1/liveness-sessions"


def frame(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (number, 0, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


FRAMES = [frame(number) for number in range(MIN_FRAMES)]


def new_session(api: Api) -> dict[str, Any]:
    answer = api.post(SESSIONS)
    assert answer.status_code == 201
    session: dict[str, Any] = answer.get_json()
    return session


def send(api: Api, session: str, frames: Sequence[bytes], **arguments: Any) -> TestResponse:
    parts = [("frames", FileStorage(io.BytesIO(data), f"{number}.jpg")) for number, data in enumerate(frames)]
    boundary, body = encode_multipart(MultiDict(parts))
    kind = f"multipart/form-data; boundary={boundary}"
    return api.post(f"{SESSIONS}/{session}/frames", data=body, content_type=kind, **arguments)


def passed(session: str) -> LivenessCheckResult:
    return LivenessCheckResult(
        verdict=Verdict.LIVE,
        session=session,
        actions=[PerformedAction(action="turn_left", frame=4)],
        passive=PassiveResult(status=PassiveStatus.LIVE, score=0.9, policy="passive-half", threshold=0.5),
    )


def test_a_session_tells_its_challenge_in_words(api: Api) -> None:
    answer = api.post(SESSIONS)
    session = answer.get_json()
    assert answer.headers["Location"] == f"{SESSIONS}/{session['id']}"
    assert session["state"] == "open"
    actions = [Action(step["action"]) for step in session["challenge"]]
    assert tuple(actions) in {*SURE, *WITH_LOOK_UP}
    assert [step["instruction"] for step in session["challenge"]] == [action.instruction for action in actions]
    assert (session["frames"]["min"], session["frames"]["max"]) == (MIN_FRAMES, MAX_FRAMES)
    assert api.get(answer.headers["Location"]).get_json() == session


def test_frames_become_a_job_in_their_order(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    session = new_session(api)
    answer = send(api, session["id"], FRAMES)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "liveness_check")
    assert worker.published[0][0] is Task.CHECK_LIVENESS
    assert worker.published[0][2] is Queue.FACE_INTERACTIVE
    payload = worker.claim().payload
    assert payload["session"] == session["id"]
    assert [store.get(key) for key in payload["frame_keys"]] == FRAMES
    assert api.get(f"{SESSIONS}/{session['id']}").get_json()["state"] == "checking"


def test_json_carries_frames_as_a_list_of_base64(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    session = new_session(api)
    body = {"frames": [base64.b64encode(data).decode() for data in FRAMES]}
    assert api.post(f"{SESSIONS}/{session['id']}/frames", json=body).status_code == 202
    assert [store.get(key) for key in worker.claim().payload["frame_keys"]] == FRAMES


def test_a_finished_check_says_what_was_seen(api: Api, worker: FakeWorker) -> None:
    session = new_session(api)["id"]
    job = send(api, session, FRAMES).get_json()
    worker.succeed(passed(session))
    result = api.get(f"/v1/jobs/{job['id']}").get_json()["result"]
    assert (result["verdict"], result["session"]) == ("live", session)
    assert result["actions"] == [{"action": "turn_left", "frame": 4}]
    assert result["passive"]["score"] == 0.9


def test_the_passive_score_is_for_keys_that_may_read_scores(make_api: MakeApi, worker: FakeWorker) -> None:
    api = make_api("default", {Scope.VERIFY})
    session = new_session(api)["id"]
    job = send(api, session, FRAMES).get_json()
    worker.succeed(passed(session))
    passive = api.get(f"/v1/jobs/{job['id']}").get_json()["result"]["passive"]
    assert passive["status"] == "live"
    assert "score" not in passive


def test_a_session_takes_frames_once(api: Api) -> None:
    session = new_session(api)["id"]
    assert send(api, session, FRAMES).status_code == 202
    again = send(api, session, FRAMES)
    assert (again.status_code, again.get_json(force=True)["code"]) == (409, "liveness_session_used")


def test_another_tenants_session_is_not_found(api: Api, make_api: MakeApi) -> None:
    session = new_session(api)["id"]
    other = make_api("other")
    for answer in (other.get(f"{SESSIONS}/{session}"), send(other, session, FRAMES)):
        assert (answer.status_code, answer.get_json(force=True)["code"]) == (404, "liveness_session_not_found")


@pytest.mark.parametrize(("scope", "status"), [(Scope.VERIFY, 201), (Scope.RECOGNISE, 201), (Scope.ENROL, 403)])
def test_sessions_are_for_keys_that_verify_or_recognise(make_api: MakeApi, scope: Scope, status: int) -> None:
    api = make_api("default", {scope})
    assert api.post(SESSIONS).status_code == status
    if status == 403:
        assert api.get(f"{SESSIONS}/any").status_code == send(api, "any", FRAMES).status_code == 403


def test_a_session_is_for_its_gallerys_model(api: Api, staff: str, services: Services) -> None:
    session = api.post(SESSIONS, json={"gallery": staff}).get_json()
    model = services.galleries.get_gallery("default", staff).model
    assert services.liveness.get("default", session["id"]).model == model
    assert api.post(SESSIONS, json={"gallery": "none"}).get_json(force=True)["code"] == "gallery_not_found"


BAD: dict[str, tuple[list[bytes], int, str, str]] = {
    "too few": (FRAMES[:-1], 422, "invalid_field", f"{MIN_FRAMES} to {MAX_FRAMES}"),
    "too many": (FRAMES * 7, 422, "invalid_field", f"{MIN_FRAMES} to {MAX_FRAMES}"),
    "none": ([], 422, "invalid_field", "`frames` is missing"),
    "no picture": ([*FRAMES, b"text"], 415, "unsupported_image", "frame-10"),
    "too large": ([*FRAMES, picture("JPEG", (2000, 1200))], 413, "image_too_large", "2,073,600"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_frames_are_refused_and_leave_the_session_open(
    api: Api, store: MemoryStore, redis: Redis, name: str
) -> None:
    frames, status, code, word = BAD[name]
    session = new_session(api)["id"]
    answer = send(api, session, frames)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code)
    assert word in problem["detail"]
    assert api.get(f"{SESSIONS}/{session}").get_json()["state"] == "open"
    assert list(store.keys(UPLOADS)) == []
    assert list(redis.scan_iter(f"{PREFIX}job:*")) == []


def test_frames_as_text_are_refused(api: Api) -> None:
    answer = api.upload(f"{SESSIONS}/{new_session(api)['id']}/frames", {"frames": "abc"})
    assert answer.get_json(force=True)["code"] == "invalid_field"


def test_several_files_are_for_fields_that_take_them(api: Api, staff: str) -> None:
    parts = [("image", FileStorage(io.BytesIO(data), "a.jpg")) for data in FRAMES[:2]]
    boundary, body = encode_multipart(MultiDict(parts))
    kind = f"multipart/form-data; boundary={boundary}"
    answer = api.post(f"/v1/galleries/{staff}/recognitions", data=body, content_type=kind)
    assert "more than once" in answer.get_json(force=True)["detail"]


def test_a_queue_that_is_full_leaves_the_session_open(api: Api, services: Services) -> None:
    object.__setattr__(services.jobs, "_settings", services.jobs._settings.model_copy(update={"queue_limit": 0}))
    session = new_session(api)["id"]
    assert send(api, session, FRAMES).status_code == 503
    assert services.liveness.get("default", session).state == "open"


def test_a_key_may_make_so_many_sessions_a_minute(
    api: Api, make_api: MakeApi, settings: Settings, redis: Redis
) -> None:
    """Nobody waits for the challenge that his recording answers."""
    for _ in range(settings.rates.liveness_per_minute):
        new_session(api)
    refused = api.post(SESSIONS)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    new_session(make_api())  # another key's
    for name in redis.scan_iter(f"{PREFIX}liveness-made:*"):
        redis.delete(name)  # the minute is over
    new_session(api)


def test_without_a_limit_a_key_may_make_any_number(redis: Redis) -> None:
    sessions = LivenessSessions(redis, PREFIX)
    assert [sessions.count("k1", 0) for _ in range(3)] == [0, 0, 0]
    assert sessions.count("k1", 3) > 0
