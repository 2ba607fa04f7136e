"""Event streams over real sockets: cut anywhere, trimmed, crowded, left by clients without a word."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from redis import Redis

from gateway.app import create_app
from gateway.context import Services
from shared.batches.records import BatchStore
from shared.jobs import JobStore, NewJob
from shared.queue import connect
from shared.schemas import ComparisonPayload, Job, JobError, JobType, Model, Progress
from shared.settings import JobSettings, RedisSettings, Settings
from shared.storage.store import MemoryStore
from tests.integration.batch_work import item
from tests.server_sent_events import EventReader
from tests.unit.gateway.conftest import PREFIX, Api
from tests.unit.gateway.served import Running

PAYLOAD = ComparisonPayload(image_a_key="a", image_b_key="b", model=Model(name="m", digest="d"), policy="p")
FAULT = JobError(code="fault", detail="broke")


@pytest.fixture
def live(redis_url: str) -> Iterator[Redis]:
    """The server's own Redis, as it is."""
    client = connect(RedisSettings.model_validate({"url": redis_url}))
    yield client
    client.close()


@pytest.fixture
def jobs(live: Redis) -> JobStore:
    return JobStore(live, PREFIX, JobSettings(lease_seconds=600), lambda *_: None)


def begin(jobs: JobStore) -> Job:
    job = jobs.claim(jobs.submit(NewJob("default", JobType.COMPARISON, PAYLOAD)).id)
    assert job is not None
    return job


def report(jobs: JobStore, job: Job, done: int, stage: str = "painting") -> None:
    jobs.beat(job, Progress(done=done, total=1000, stage=stage))


class Client:
    """Speaks HTTP over a bare socket, so that it can stop anywhere. The server ends its answers by closing."""

    def __init__(self, server: Running, path: str) -> None:
        self.address = urlsplit(server.url)
        self.request = f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {server.token}\r\n"

    def open(self, last_id: str = "", receive_buffer: int | None = None) -> socket.socket:
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(10)
        connection.connect((self.address.hostname, self.address.port))
        resumed = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        connection.sendall(f"{self.request}{resumed}\r\n".encode())
        return connection

    def read(self, last_id: str = "", most: int | None = None) -> tuple[int, bytes]:
        """Status and body; with `most` the connection is cut after so many bytes of the body."""
        with self.open(last_id) as connection, connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            while answer.readline() not in {b"\r\n", b""}:
                pass
            return status, answer.read(-1 if most is None else most)


def test_a_connection_that_is_cut_after_any_byte_is_resumed_without_a_gap_or_a_repeat(
    server: Running, jobs: JobStore
) -> None:
    job = begin(jobs)
    for done in range(4):
        report(jobs, job, done)
    jobs.fail(job, FAULT)
    client = Client(server, f"/v1/jobs/{job.id}/events")
    _, whole = client.read()
    story = EventReader()
    story.connection(whole)
    assert [told.event for told in story.told] == ["queued", "running", *["progress"] * 4, "failed"]
    for cut in range(len(whole)):
        reader = EventReader()
        reader.connection(client.read(most=cut)[1])
        status, rest = client.read(reader.last_id)
        reader.connection(rest)
        assert reader.told == story.told, cut
        assert status == (204 if len(story.told) == 0 else 200)


def test_a_stream_that_is_cut_all_the_time_while_it_grows_tells_everything_once(
    server: Running, jobs: JobStore
) -> None:
    job = begin(jobs)

    def work() -> None:
        for done in range(300):
            report(jobs, job, done)
            time.sleep(0.005)
        jobs.fail(job, FAULT)

    worker = threading.Thread(target=work)
    worker.start()
    client, reader, connections = Client(server, f"/v1/jobs/{job.id}/events"), EventReader(), 0
    while not reader.told or reader.told[-1].event != "failed":
        connections += 1
        reader.connection(client.read(reader.last_id, most=1 + connections * 37 % 701)[1])
    worker.join()
    assert connections > 50
    assert [told.event for told in reader.told] == ["queued", "running", *["progress"] * 300, "failed"]
    assert [json.loads(told.data)["done"] for told in reader.told[2:-1]] == list(range(300))


def test_after_the_oldest_events_are_removed_a_client_goes_on_with_the_oldest_that_is_left(
    server: Running, jobs: JobStore, live: Redis
) -> None:
    job = begin(jobs)
    for done in range(3000):
        report(jobs, job, done)
    client, reader = Client(server, f"/v1/jobs/{job.id}/events"), EventReader()
    first_id = f"{int(job.created_at * 1000)}-0"
    jobs.fail(job, FAULT)
    kept = int(str(live.xlen(f"{PREFIX}events:{job.id}")))
    assert 2000 <= kept < 3002
    reader.connection(client.read(first_id)[1])
    assert len(reader.told) == kept
    assert reader.told[-1].event == "failed"
    counted = [json.loads(told.data)["done"] for told in reader.told[:-1]]
    assert counted == list(range(counted[0], 3000))  # of what is left nothing is missing


def test_the_head_of_a_stream_is_enough_for_a_client_that_knows_nothing(server: Running, jobs: JobStore) -> None:
    job = begin(jobs)
    _, beginning = Client(server, f"/v1/jobs/{job.id}/events").read(most=80)
    assert beginning.startswith(b"retry: 2000\n\nevent: queued\ndata: {}\nid: ")
    jobs.fail(job, FAULT)


# --- threads ---


def finished(server: Running) -> int:
    """How many streams are over, by the log."""
    return sum(line.get("route") == "/v1/jobs/<id:job>/events" for line in server.lines())


def wait_for(count: int, server: Running, seconds: float) -> None:
    until = time.monotonic() + seconds
    while finished(server) < count:
        assert time.monotonic() < until, finished(server)
        time.sleep(0.1)


def test_clients_that_vanish_free_their_threads(server: Running, jobs: JobStore) -> None:
    job = begin(jobs)
    before = finished(server)
    client = Client(server, f"/v1/jobs/{job.id}/events")
    open_ones = [client.open() for _ in range(7)]  # the server has eight threads
    for connection in open_ones:
        connection.recv(10)
        connection.close()
    wait_for(before + 7, server, 10)
    assert httpx.get(f"{server.url}/healthz", timeout=5).status_code == 200
    jobs.fail(job, FAULT)


def test_a_client_that_reads_nothing_is_given_up(server: Running, jobs: JobStore) -> None:
    job = begin(jobs)
    for done in range(1500):
        report(jobs, job, done, stage="x" * 10_000)  # more than the buffers between the two hold
    before = finished(server)
    with Client(server, f"/v1/jobs/{job.id}/events").open(receive_buffer=4096):
        wait_for(before + 1, server, 45)
    jobs.fail(job, FAULT)


def test_streams_leave_room_for_everything_else(settings: Settings, services: Services, api: Api) -> None:
    limits = settings.limits.model_copy(update={"event_streams": 1})
    narrow = create_app(settings.model_copy(update={"limits": limits}), services)
    job = services.jobs.submit(NewJob("default", JobType.COMPARISON, PAYLOAD))
    client, headers = narrow.test_client(), {"Authorization": f"Bearer {api.token}"}
    path = f"/v1/jobs/{job.id}/events"
    first = client.get(path, headers=headers)
    refused = client.get(path, headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (503, "too_many_streams")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get(f"/v1/jobs/{job.id}", headers=headers).status_code == 200
    first.close()
    head = client.head(path, headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    head.close()
    second = client.get(path, headers=headers)
    assert second.status_code == 200
    second.close()


class LostConnection:
    def setsockopt(self, *_: object) -> None:
        raise OSError


def test_a_client_that_is_gone_before_the_first_event_takes_no_seat(
    settings: Settings, services: Services, api: Api
) -> None:
    limits = settings.limits.model_copy(update={"event_streams": 1})
    client = create_app(settings.model_copy(update={"limits": limits}), services).test_client()
    job = services.jobs.submit(NewJob("default", JobType.COMPARISON, PAYLOAD))
    path, headers = f"/v1/jobs/{job.id}/events", {"Authorization": f"Bearer {api.token}"}
    lost = {"gunicorn.socket": LostConnection()}
    assert client.get(path, headers=headers, environ_overrides=lost).status_code == 500
    after = client.get(path, headers=headers)
    assert after.status_code == 200
    after.close()


def test_a_stream_ends_when_its_key_is_revoked(services: Services, api: Api) -> None:
    job = services.jobs.submit(NewJob("default", JobType.COMPARISON, PAYLOAD))
    key = services.keys.authenticate(f"Bearer {api.token}")
    threading.Timer(0.5, lambda: services.keys.delete(key.id)).start()
    began = time.monotonic()
    text = api.get(f"/v1/jobs/{job.id}/events").text
    assert "event: queued" in text
    assert time.monotonic() - began < 10


# --- batches ---


def test_a_batch_is_followed_from_its_beginning_to_its_outcome(api: Api, store: MemoryStore, redis: Redis) -> None:
    batches = BatchStore(redis, PREFIX, store, retention_seconds=3600)
    batch = batches.create("default", "b1", [item(0), item(1)])
    path = f"/v1/batches/{batch.id}/events"
    batches.cancel("default", batch.id)
    assert batches.finish(batches.get("default", batch.id))
    answer = api.get(path)
    assert answer.mimetype == "text/event-stream"
    reader = EventReader()
    reader.connection(answer.data)
    assert [told.event for told in reader.told] == ["queued", "cancelling", "cancelled"]
    assert json.loads(reader.told[-1].data) == {
        "total": 2, "queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 2,
    }  # fmt: skip
    for seen in range(1, 3):
        rest = EventReader(reader.told[:seen], reader.told[seen - 1].id)
        rest.connection(api.get(path, headers={"Last-Event-ID": rest.last_id}).data)
        assert rest.told == reader.told
    assert api.get(path, headers={"Last-Event-ID": reader.last_id}).status_code == 204
    assert api.get(path, headers={"Last-Event-ID": "x"}).status_code == 422
    assert api.get("/v1/batches/none/events").status_code == 404
