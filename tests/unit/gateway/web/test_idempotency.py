"""A POST that is sent again with its Idempotency-Key is done once."""

import io
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask
from redis import Redis
from werkzeug.test import TestResponse

from gateway.auth import Scope
from gateway.context import Services
from gateway.upload_store import UploadStore
from gateway.web.idempotency import Claim, IdempotencyStore, Kept
from shared.errors import QueueUnavailable, StorageUnavailable
from shared.jobs import JobStore, NewJob
from shared.queue import connect
from shared.schemas import Job
from shared.settings import RedisSettings
from shared.storage.store import UPLOADS, MemoryStore, inbound_key, upload_folder
from tests.unit.gateway.conftest import MATCH, PHOTO, PREFIX, Api, FakeWorker, MakeApi, picture

pytestmark = pytest.mark.usefixtures("staff")

COMPARE = "/v1/comparisons"
GALLERIES = "/v1/galleries"
KEY = {"Idempotency-Key": "a8098c1a-f86e-11da-bd1a-00112444be1e"}
OTHER = picture("JPEG", (90, 90))


def jobs_of(redis: Redis) -> list[str]:
    return list(redis.scan_iter(f"{PREFIX}job:*"))


def send(api: Api, *, image_b: bytes = PHOTO, **headers: str) -> TestResponse:
    return api.upload(COMPARE, image_a=PHOTO, image_b=image_b, headers={**KEY, **headers})


def refused(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code), answer.text


def test_a_request_that_is_sent_again_leads_to_the_same_job(api: Api, redis: Redis) -> None:
    first, again = send(api), send(api)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(jobs_of(redis)) == 1


def test_fifty_at_once_make_one_job(api: Api, redis: Redis, worker: FakeWorker) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: send(api), range(50)))
    made = {answer.get_json(force=True)["id"] for answer in answers if answer.status_code == 202}
    assert len(made) == len(jobs_of(redis)) == len(worker.published) == 1
    for answer in answers:
        if answer.status_code != 202:
            refused(answer, 409, "idempotency_in_progress")
            assert answer.headers["Retry-After"] == "1"


def test_fifty_at_once_make_one_object(api: Api) -> None:
    def make(_: int) -> TestResponse:
        return api.post(GALLERIES, json={"id": "new"}, headers=KEY)

    with ThreadPoolExecutor(50) as pool:
        codes = [answer.status_code for answer in pool.map(make, range(50))]
    assert set(codes) <= {201, 409}
    assert make(0).status_code == 201


def test_the_job_is_shown_as_it_is_then_and_as_the_repetition_prefers(api: Api, worker: FakeWorker) -> None:
    send(api)
    worker.succeed(MATCH)
    again = send(api, Prefer="wait=5")
    assert again.status_code == 200
    assert again.get_json()["result"]["verdict"] == "match"
    assert again.headers["Preference-Applied"] == "wait=5"


def test_other_content_under_one_key_is_refused(api: Api, redis: Redis) -> None:
    send(api)
    refused(send(api, image_b=OTHER), 422, "idempotency_key_reused")
    refused(api.post(GALLERIES, json={"id": "new"}, headers=KEY), 422, "idempotency_key_reused")
    assert len(jobs_of(redis)) == 1


def test_json_may_be_written_in_another_order(api: Api) -> None:
    body = {"id": "new", "templates_per_person": 3}
    raw = json.dumps(dict(reversed(body.items())), indent=2)
    first = api.post(GALLERIES, json=body, headers=KEY)
    again = api.post(GALLERIES, data=raw, content_type="application/json", headers=KEY)
    assert (first.status_code, again.status_code, again.text) == (201, 201, first.text)
    assert again.headers["Location"] == first.headers["Location"]


def test_a_batch_is_taken_in_once(api: Api, services: Services) -> None:
    def paint() -> TestResponse:
        files = [(io.BytesIO(PHOTO), "a.jpg"), (io.BytesIO(OTHER), "b.jpg")]
        return api.post("/v1/batches", data={"images": files, "style_id": "great-wave"}, headers=KEY)

    first, again = paint(), paint()
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]
    assert len(services.batches.recent("default")) == 1


def test_a_post_without_a_body_is_done_once(api: Api, worker: FakeWorker) -> None:
    job = api.upload(COMPARE, image_a=PHOTO, image_b=PHOTO).get_json()
    first, again = (api.post(job["links"]["cancel"], headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), "without the key the second is job_finished"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert worker.jobs.claim(job["id"]) is None


def test_what_was_refused_uses_no_key_up_and_leaves_nothing(api: Api, redis: Redis) -> None:
    """One key could fill Redis within the hour, and then nobody's job would be accepted."""
    path = "/v1/galleries/nowhere/recognitions"
    refused(api.upload(path, image=PHOTO, headers=KEY), 404, "gallery_not_found")
    refused(api.upload(path, {"top_k": "many"}, image=PHOTO, headers=KEY), 422, "invalid_field")
    assert list(redis.scan_iter(f"{PREFIX}idempotency:*")) == []
    api.post(GALLERIES, json={"id": "nowhere"})
    again = api.upload(path, image=PHOTO, headers=KEY)
    assert again.status_code == 202, "mended, it may be sent with the same key"
    assert "Idempotency-Replayed" not in again.headers


def test_a_body_that_cannot_be_read_uses_no_key_up(api: Api) -> None:
    refused(api.post(GALLERIES, data="{", content_type="application/json", headers=KEY), 400, "malformed_body")
    assert api.post(GALLERIES, json={"id": "new"}, headers=KEY).status_code == 201


def test_keys_are_the_tenants_own(api: Api, make_api: MakeApi) -> None:
    first, other = send(api), send(make_api("other"))
    assert first.get_json()["id"] != other.get_json()["id"]
    assert send(make_api()).get_json()["id"] == first.get_json()["id"], "another key of the tenant"


def test_what_was_meant_for_a_key_of_more_scopes_is_not_repeated_to_one_of_fewer(make_api: MakeApi) -> None:
    """A score, for example."""
    send(make_api())
    refused(send(make_api(scopes=set(Scope) - {Scope.SCORES_READ})), 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "umlaut-ä"])
def test_a_key_is_printable_and_not_too_long(api: Api, key: str) -> None:
    refused(api.post(GALLERIES, json={"id": "new"}, headers={"Idempotency-Key": key}), 400, "invalid_idempotency_key")


def test_other_methods_ignore_it(api: Api) -> None:
    for name in ("eve", "eva"):
        path = f"{GALLERIES}/staff/persons/ada"
        assert api.put(path, json={"name": name}, headers=KEY).get_json()["name"] == name


# --- when something breaks off ---


class Breaking(MemoryStore):
    """Fails to store photos as long as it is told to."""

    broken = False

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        if self.broken and key.startswith(UPLOADS):
            raise StorageUnavailable("The object store cannot be reached.")
        super().put(key, data, content_type)


@pytest.fixture
def store() -> Breaking:
    from shared import styles

    made = Breaking()
    styles.seed(made)
    return made


def test_an_answer_of_503_is_not_kept_and_the_next_try_makes_the_same_job(
    api: Api, store: Breaking, redis: Redis
) -> None:
    store.broken = True
    assert send(api).status_code == 503
    (record,) = redis.scan_iter(f"{PREFIX}idempotency:*")
    chosen = redis.hget(record, "id")
    store.broken = False
    assert send(api).get_json()["id"] == chosen
    assert len(jobs_of(redis)) == 1


Claims = Callable[..., Claim | Kept]


@pytest.fixture
def claims(redis: Redis) -> Claims:
    made = IdempotencyStore(redis, PREFIX, kept_seconds=60)

    def claim(lease: float = 60, content: str = "content") -> Claim | Kept:
        return made.claim("default", "key", content, lease=lease)

    return claim


def test_a_gateway_that_died_is_followed_by_the_next_try_with_the_same_id(claims: Claims) -> None:
    lost = claims(lease=0.0)
    following = claims()
    assert isinstance(lost, Claim)
    assert isinstance(following, Claim)
    assert following.id == lost.id
    assert following.owner != lost.owner


def test_who_was_given_up_cannot_keep_an_answer_or_let_others_in(claims: Claims, redis: Redis) -> None:
    store = IdempotencyStore(redis, PREFIX, kept_seconds=60)
    lost, following = claims(lease=0.0), claims()
    assert isinstance(lost, Claim)
    assert isinstance(following, Claim)
    store.keep_answer(lost, 201, {}, "late")
    store.release(lost)
    assert claims() == Kept("working", following.id)
    store.keep_answer(following, 201, {"Location": "/x"}, "in time")
    assert claims() == Kept("done", following.id, 201, '{"Location": "/x"}', "in time")


def test_a_claim_whose_answer_was_lost_is_sent_again_and_holds(redis: Redis) -> None:
    """As the Redis client does by itself."""

    class Twice(IdempotencyStore):
        def _run(self, record: str, operation: str, *arguments: str | float) -> Any:
            super()._run(record, operation, *arguments)
            return super()._run(record, operation, *arguments)

    assert isinstance(Twice(redis, PREFIX, kept_seconds=60).claim("default", "key", "content", lease=60), Claim)


def test_a_key_is_forgotten_after_its_time(claims: Claims, redis: Redis) -> None:
    claims()
    (record,) = redis.scan_iter(f"{PREFIX}idempotency:*")
    assert 50 < int(redis.ttl(record)) <= 60
    assert "key" not in record.rsplit(":", 1)[1], "what the client chose is not written down"


def test_without_redis_only_requests_with_the_header_fail(redis_url: str, app: APIFlask, api: Api) -> None:
    del redis_url
    services: Services = app.extensions["likeness"].services
    away = connect(RedisSettings.model_validate({"url": "redis://127.0.0.1:1/0"}))
    object.__setattr__(services, "idempotency", IdempotencyStore(away, PREFIX, kept_seconds=60))
    assert api.post(GALLERIES, json={"id": "new"}).status_code == 201
    refused(api.post(GALLERIES, json={"id": "newer"}, headers=KEY), 503, "queue_unavailable")
    away.close()
    with pytest.raises(QueueUnavailable):
        services.idempotency.claim("t", "k", "c", lease=1)


def test_what_cannot_be_kept_afterwards_is_done_all_the_same(api: Api, services: Services) -> None:
    class Failing(IdempotencyStore):
        def keep_job(self, claim: Claim) -> None:
            raise QueueUnavailable(f"Redis has gone, and {claim.record} with it.")

    kept: Any = services.idempotency
    kept.__class__ = Failing
    assert send(api).status_code == 202
    assert send(api).status_code == 202, "the job is found by the claimed id"


def break_off(redis: Redis) -> None:
    """As it looks when the gateway dies after the job is made, and its time is over."""
    (record,) = redis.scan_iter(f"{PREFIX}idempotency:*")
    redis.hdel(record, "job")
    redis.hset(record, "until", "0")


def test_a_gateway_that_died_after_it_made_the_job_is_followed_by_that_job(
    api: Api, redis: Redis, worker: FakeWorker, store: MemoryStore
) -> None:
    first = send(api)
    store.delete_prefix(upload_folder("default", worker.succeed(MATCH).id))  # as its worker does
    break_off(redis)
    again = send(api)
    assert (again.get_json()["id"], again.get_json()["status"]) == (first.get_json()["id"], "succeeded")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert list(store.keys(UPLOADS)) == [], "no photo is stored for a job that is done"
    (record,) = redis.scan_iter(f"{PREFIX}idempotency:*")
    assert redis.hget(record, "job") == "1", "and the next one need not wait for a lease"


def test_it_is_so_too_where_the_job_has_used_the_upload_up(api: Api, redis: Redis, store: MemoryStore) -> None:
    made = api.post("/v1/uploads", json={"bytes": len(PHOTO)}).get_json()
    store.put(inbound_key("default", made["id"]), PHOTO)
    path, body = f"{GALLERIES}/staff/recognitions", {"image": made["reference"]}
    first = api.post(path, json=body, headers=KEY)
    break_off(redis)
    again = api.post(path, json=body, headers=KEY)
    assert (again.status_code, again.get_json()["id"]) == (202, first.get_json()["id"]), again.text


def test_an_answer_is_kept_before_its_upload_is_deleted(api: Api, services: Services, redis: Redis) -> None:
    """Whoever dies in between leaves an upload behind, not a request that nobody can repeat."""
    kept: list[object] = []

    class Watching(UploadStore):
        def delete(self, tenant: str, uploads: Iterable[str]) -> None:
            kept.extend(redis.hget(record, "job") for record in redis.scan_iter(f"{PREFIX}idempotency:*"))
            super().delete(tenant, uploads)

    incoming: Any = services.incoming
    made = api.post("/v1/uploads", json={"bytes": len(PHOTO)}).get_json()
    services.store.put(inbound_key("default", made["id"]), PHOTO)
    incoming.__class__ = Watching
    answer = api.post(f"{GALLERIES}/staff/recognitions", json={"image": made["reference"]}, headers=KEY)
    assert (answer.status_code, kept) == (202, ["1"])


def test_a_job_that_redis_took_without_saying_so_has_its_photos_when_the_repetition_finds_it(
    api: Api, services: Services, worker: FakeWorker, store: MemoryStore
) -> None:
    class Mute(JobStore):
        def submit(self, new: NewJob) -> Job:
            super().submit(new)
            raise QueueUnavailable("The queue cannot be reached (ConnectionError).")

    kept: Any = services.jobs
    kept.__class__ = Mute
    refused(send(api), 503, "queue_unavailable")
    kept.__class__ = JobStore
    again = send(api)
    job = worker.claim()
    assert (again.status_code, again.get_json()["id"]) == (202, job.id)
    assert [store.get(job.payload[name]) for name in ("image_a_key", "image_b_key")] == [PHOTO, PHOTO]


# --- what is kept ---


def test_a_secret_that_is_shown_once_is_not_kept(api: Api, redis: Redis) -> None:
    first, again = (api.post("/v1/keys", json={"role": "door"}, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    token = first.get_json()["token"]
    assert again.get_json() == {name: value for name, value in first.get_json().items() if name != "token"}
    for record in redis.scan_iter(f"{PREFIX}idempotency:*"):
        assert token[-20:] not in str(redis.hgetall(record))
    assert len(api.get("/v1/keys").get_json()["keys"]) == 2


def test_an_answer_too_large_to_keep_says_that_it_was_done(claims: Claims, redis: Redis, api: Api) -> None:
    del claims
    api.post(GALLERIES, json={"id": "new"}, headers=KEY)
    (record,) = redis.scan_iter(f"{PREFIX}idempotency:*")
    redis.hdel(record, "headers", "body")  # as keep_answer leaves it without a body
    refused(api.post(GALLERIES, json={"id": "new"}, headers=KEY), 409, "idempotency_answer_gone")


def test_ids_of_requests_without_a_key_differ(api: Api) -> None:
    made = {api.upload(COMPARE, image_a=PHOTO, image_b=PHOTO).get_json()["id"] for _ in range(3)}
    assert len(made) == 3
    assert all(len(each) == len(NewJob.new_id()) for each in made)
