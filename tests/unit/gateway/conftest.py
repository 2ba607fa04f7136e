"""The gateway over a MemoryStore and a real Redis; what a worker would do is done by the test."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from apiflask import APIFlask
from PIL import Image
from pydantic import SecretStr
from redis import Redis
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from gateway.app import create_app, equip, routed_app
from gateway.auth import Scope
from gateway.context import Services
from gateway.wsgi import assemble
from shared import styles
from shared.galleries.store import GalleryStore, Template
from shared.jobs import JobStore
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.verification import Verdict
from shared.queue import Queue, Task
from shared.schemas import (
    Candidate,
    FaceBox,
    FaceView,
    Job,
    Message,
    Model,
    Quality,
    RecognisedFace,
    RecognitionResult,
    StyleMode,
    StylizationResult,
    StylizedImage,
    VerificationResult,
)
from shared.settings import AuthSettings, LimitSettings, RateSettings, RedisSettings, S3Settings, Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.served import Running, start

PREFIX = "test:"
MODEL = Model(name="sface", digest="d1")
BOX = FaceBox(x=1, y=2, width=30, height=40)
QUALITY = Quality(score=0.9)
MATCH = VerificationResult(
    verdict=Verdict.MATCH,
    policy="verify-fmr-1e-4",
    threshold=0.42,
    score=0.7,
    person="ada",
    face=FaceView(box=BOX, quality=QUALITY),
)
RECOGNISED = RecognitionResult(
    verdict=Verdict.RECOGNISED,
    person="ada",
    policy="identify-fpir-1e-2",
    threshold=0.47,
    persons=2,
    faces=[
        RecognisedFace(
            verdict=Verdict.RECOGNISED,
            box=BOX,
            quality=QUALITY,
            person="ada",
            score=0.8,
            candidates=[Candidate(person="ada", score=0.8), Candidate(person="bob", score=0.2)],
        )
    ],
)


def picture(image_format: str = "PNG", size: tuple[int, int] = (120, 80)) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, image_format)
    return buffer.getvalue()


PHOTO = picture("JPEG")


def stylised(job: Job, media_type: str = "image/png") -> StylizationResult:
    """What a style worker commits; it knows nothing of URLs."""
    image = StylizedImage(url="", media_type=media_type, width=8, height=8, bytes=3, sha256="ab" * 32)
    return StylizationResult(image=image, mode=StyleMode(job.payload["mode"]), seconds=0.5)


@dataclass
class Api:
    """The HTTP API as one key sees it."""

    app: APIFlask
    token: str

    def __call__(self, method: str, path: str, **arguments: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **arguments.pop("headers", {})}
        # Buffered: read to its end and closed, as a server does.
        client = self.app.test_client()
        return client.open(path, method=method, headers=headers, buffered=True, **arguments)

    def get(self, path: str, **arguments: Any) -> TestResponse:
        return self("GET", path, **arguments)

    def put(self, path: str, **arguments: Any) -> TestResponse:
        return self("PUT", path, **arguments)

    def delete(self, path: str, **arguments: Any) -> TestResponse:
        return self("DELETE", path, **arguments)

    def post(self, path: str, **arguments: Any) -> TestResponse:
        return self("POST", path, **arguments)

    def upload(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        **files: bytes,
    ) -> TestResponse:
        """POST a multipart body."""
        parts = {name: FileStorage(io.BytesIO(data), f"{name}.jpg") for name, data in files.items()}
        boundary, body = encode_multipart({**(fields or {}), **parts})
        kind = f"multipart/form-data; boundary={boundary}"
        return self.post(path, data=body, content_type=kind, headers=headers or {})


@dataclass
class FakeWorker:
    """Takes the published jobs as a worker would."""

    jobs: JobStore
    published: list[tuple[Task, str, Queue]] = field(default_factory=list)

    def publish(self, task: Task, job_id: str, queue: Queue) -> None:
        self.published.append((task, job_id, queue))

    def claim(self) -> Job:
        job = self.jobs.claim(self.published.pop(0)[1])
        assert job is not None
        return job

    def succeed(self, result: Message | Callable[[Job], Message]) -> Job:
        job = self.claim()
        assert self.jobs.succeed(job, result(job) if callable(result) else result, MODEL)
        return job


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings(
        redis=RedisSettings(url=SecretStr(redis_url), key_prefix=PREFIX),
        s3=S3Settings(endpoint="unused:1", access_key="key", secret_key=SecretStr("not-a-placeholder")),
        auth=AuthSettings(cache_seconds=0),
        limits=LimitSettings(body_bytes=2_000_000, image_bytes=1_000_000),
    )


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    styles.seed(made)
    return made


@pytest.fixture
def worker(redis: Redis, settings: Settings) -> FakeWorker:
    published: list[tuple[Task, str, Queue]] = []
    jobs = JobStore(redis, PREFIX, settings.jobs, lambda *message: published.append(message))
    return FakeWorker(jobs, published)


@pytest.fixture
def galleries(store: MemoryStore, redis: Redis) -> GalleryStore:
    return GalleryStore(store, redis, PREFIX)


@pytest.fixture
def services(settings: Settings, store: MemoryStore, redis: Redis, worker: FakeWorker) -> Services:
    return assemble(settings, store, redis, worker.publish)


@pytest.fixture(scope="session")
def routed() -> APIFlask:
    """Made once: the routes take a tenth of a second to compile."""
    return routed_app()


@pytest.fixture
def app(routed: APIFlask, settings: Settings, services: Services) -> APIFlask:
    """Whoever changes more of it than what it is equipped with makes one of their own."""
    equip(routed, settings, services)
    return routed


MakeApi = Callable[..., Api]


@pytest.fixture
def make_api(app: APIFlask, services: Services) -> MakeApi:
    """The API by a new key: `make_api(tenant, scopes)`."""

    def make(tenant: str = "default", scopes: set[Scope] | None = None) -> Api:
        token = services.keys.create(tenant, set(Scope) if scopes is None else scopes)
        assert token is not None
        return Api(app, token)

    return make


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """A key that may do everything."""
    return make_api()


@pytest.fixture
def staff(galleries: GalleryStore) -> str:
    """A gallery with one person, ada, who has one face, f1."""
    galleries.create_gallery("default", "staff")
    person = galleries.ensure_person("default", "staff", "ada")
    template = Template(
        person=person.id,
        face="f1",
        embedding=(1.0, 0.0),
        model_digest=DEFAULT_MODEL.digest,
        quality=0.9,
        created_at=person.created_at,
    )
    galleries.put_template("default", "staff", template)
    return "staff"


MakeLimited = Callable[..., Api]


def refused(answer: TestResponse, status: int, code: str) -> int:
    """The seconds to wait."""
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code), answer.text
    return int(answer.headers["Retry-After"])


@pytest.fixture
def limited(settings: Settings, store: MemoryStore, redis: Redis, worker: FakeWorker, staff: str) -> MakeLimited:
    """The API with some rates of its own."""
    assert staff

    def make(**rates: float) -> Api:
        changed = settings.model_copy(update={"rates": RateSettings.model_validate(rates)})
        services = assemble(changed, store, redis, worker.publish)
        return Api(create_app(changed, services), services.keys.create("default", Scope) or "")

    return make


@pytest.fixture(scope="module")
def server(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("server"), redis_url)
    yield running
    running.process.terminate()
    assert running.process.wait(10) == 0
