"""Liveness in the worker: real detector and embedder on a portrait whose face is made to move."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from redis import Redis

from shared.errors import LivenessSessionNotFound
from shared.images import ImageLimits
from shared.jobs import JobStore, NewJob
from shared.liveness_sessions import LivenessSession, LivenessSessions
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.detector import DetectedFace, FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.liveness.actions import Action, Challenge
from shared.ml.face.liveness.passive import PassiveLiveness
from shared.ml.face.verification import Verdict
from shared.ml.weights import YUNET, Supply, fetch
from shared.queue import Queue
from shared.schemas import JobType, LivenessCheckPayload, LivenessCheckResult, LivenessState, Model, PassiveStatus
from shared.settings import JobSettings
from shared.storage.store import MemoryStore
from tests.unit.shared.ml.face.liveness.motion import ME, YOU, film, path, slanted
from workers.batching import MicroBatcher
from workers.face_models import Embedded, Embedding, ServedModel
from workers.face_reader import FaceReader
from workers.liveness import LivenessChecker, LivenessGuard
from workers.runner import Held

PREFIX = "likeness:"
MODEL = Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)
LIMITS = ImageLimits(max_bytes=10**7, max_pixels=10**7, max_side=5000, min_side=16)
ASKED = (Action.TURN_LEFT, Action.COME_CLOSER, Action.TURN_RIGHT)
PORTRAIT = Path(__file__).parents[2] / "data" / "faces" / "hopper.jpg"
Frames = list[bytes]
Pixels = npt.NDArray[np.uint8]


@dataclass
class OneModel:
    served: ServedModel

    def of(self, tenant: str, wanted: Model) -> ServedModel:
        assert (tenant, wanted) == ("t1", MODEL)
        return self.served


class Remembering(FaceDetector):
    """The real one, asked once for each picture: many tests see the same frames."""

    def __init__(self, model: Path) -> None:
        super().__init__(model)
        self._seen: dict[bytes, list[DetectedFace]] = {}

    def detect(self, image: Pixels, *, thorough: bool = False) -> list[DetectedFace]:
        key = image.tobytes()
        if key not in self._seen:
            self._seen[key] = super().detect(image, thorough=thorough)
        return self._seen[key]


@pytest.fixture(scope="module")
def detector(weights_dir: Path) -> FaceDetector:
    return Remembering(fetch(YUNET, weights_dir))


@pytest.fixture(scope="module")
def models(weights_dir: Path) -> Iterator[OneModel]:
    embedder = FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir)
    known: dict[bytes, Embedded] = {}

    def embed(faces: Sequence[tuple[Pixels, ...]]) -> list[Embedded]:
        keys = [crop.tobytes() for (crop,) in faces]
        new = {key: face for key, face in zip(keys, faces, strict=True) if key not in known}
        if new:
            made = embedder.embed(list(new.values()))
            known.update((key, Embedded(one, None)) for key, one in zip(new, made, strict=True))
        return [known[key] for key in keys]

    batcher: MicroBatcher[tuple[Pixels, ...], Embedded] = MicroBatcher(embed, max_size=8, max_wait=0.001)
    yield OneModel(ServedModel(embedder, DEFAULT_MODEL, batcher))
    batcher.close()


@pytest.fixture(scope="module")
def rendered(detector: FaceDetector) -> Callable[[Sequence[Action]], Frames]:
    """The portrait doing these actions, as JPEG files."""

    def render(actions: Sequence[Action]) -> Frames:
        whole = np.asarray(Image.open(PORTRAIT).convert("RGB"))
        scale = 150 / detector.detect(whole)[0].box[2]
        image = np.asarray(cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        face = detector.detect(image)[0]
        return [jpeg(frame) for frame in film(image, face, path(Challenge(tuple(actions))))]

    return render


@pytest.fixture(scope="module")
def recording(rendered: Callable[[Sequence[Action]], Frames]) -> Frames:
    return rendered(ASKED)


def jpeg(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture
def sessions(redis: Redis) -> LivenessSessions:
    return LivenessSessions(redis, PREFIX)


def held_job(redis: Redis) -> Held:
    jobs = JobStore(redis, PREFIX, JobSettings(), lambda *_: None)
    payload = LivenessCheckPayload(session="s", attempt="a", frame_keys=())
    jobs.submit(NewJob("t1", JobType.LIVENESS_CHECK, payload, id=NewJob.new_id()))
    (waiting,) = jobs.recent("t1", limit=1)
    job = jobs.claim(waiting.id)
    assert job is not None
    assert job.queue == Queue.FACE_INTERACTIVE
    return Held(jobs, job)


class Bench:
    """Everything behind one task, in memory but for Redis."""

    def __init__(
        self, redis: Redis, models: OneModel, detector: FaceDetector, passive: PassiveLiveness | None = None
    ) -> None:
        self.redis = redis
        self.sessions = LivenessSessions(redis, PREFIX)
        self.store = MemoryStore()
        self.guard = LivenessGuard(passive, ThreadPoolExecutor(1), self.sessions)
        reader = FaceReader(self.store, LIMITS, detector)
        self.checker = LivenessChecker(reader, models, self.sessions, self.guard)

    def check(self, frames: Frames, asked: Sequence[Action] = ASKED) -> tuple[LivenessCheckResult, LivenessSession]:
        session = self.sessions.create("t1", asked, MODEL)
        keys = tuple(f"uploads/{number:02d}" for number in range(len(frames)))
        for key, data in zip(keys, frames, strict=True):
            self.store.put(key, data)
        with self.sessions.taken("t1", session.id) as attempt:
            payload = LivenessCheckPayload(session=session.id, attempt=attempt, frame_keys=keys)
        result, model = self.checker.check(payload, held_job(self.redis))
        assert model == MODEL
        assert isinstance(result, LivenessCheckResult)
        return result, self.sessions.get("t1", session.id)


@pytest.fixture
def bench(redis: Redis, models: OneModel, detector: FaceDetector) -> Bench:
    return Bench(redis, models, detector)


def test_a_face_that_does_what_was_asked_is_live(bench: Bench, recording: Frames) -> None:
    result, session = bench.check(recording)
    assert (result.verdict, result.failure, result.reason) == (Verdict.LIVE, None, None)
    assert tuple(done.action for done in result.actions) == ASKED
    assert session.state is LivenessState.PASSED


@pytest.mark.parametrize("asked", [(Action.LOOK_UP, Action.TURN_LEFT, Action.COME_CLOSER)])
def test_looking_up_is_seen(
    bench: Bench, rendered: Callable[[Sequence[Action]], Frames], asked: Sequence[Action]
) -> None:
    result, _ = bench.check(rendered(asked), asked)
    assert result.verdict is Verdict.LIVE


def test_without_weights_passive_liveness_says_that_it_is_unavailable(bench: Bench, recording: Frames) -> None:
    result, _ = bench.check(recording)
    assert result.passive.status is PassiveStatus.UNAVAILABLE
    assert result.passive.score is None
    assert not bench.guard.available


def test_a_recording_sent_again_is_recognised_even_when_it_fits(bench: Bench, recording: Frames) -> None:
    bench.check(recording)
    result, session = bench.check(recording)
    assert (result.verdict, result.failure) == (Verdict.SPOOF_SUSPECTED, "replayed_frame")
    assert (session.state, session.failure) == (LivenessState.FAILED, "replayed_frame")


def test_a_recording_of_another_order_fails(bench: Bench, recording: Frames) -> None:
    result, session = bench.check(recording, (Action.TURN_RIGHT, Action.COME_CLOSER, Action.TURN_LEFT))
    assert (result.verdict, result.failure) == (Verdict.SPOOF_SUSPECTED, "wrong_action")
    assert result.reason
    assert session.state is LivenessState.FAILED


def test_frames_in_another_order_fail(bench: Bench, recording: Frames) -> None:
    result, _ = bench.check(recording[:3] + recording[:2:-1])
    assert result.verdict is Verdict.SPOOF_SUSPECTED


def test_one_still_photo_many_times_fails(bench: Bench, recording: Frames) -> None:
    result, _ = bench.check([recording[0]] * 20)
    assert (result.verdict, result.failure, result.frame) == (Verdict.SPOOF_SUSPECTED, "repeated_frame", 1)


def test_a_still_photo_through_a_camera_fails(bench: Bench) -> None:
    """Every frame has its own noise; nothing moves."""
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    noise = np.random.default_rng(2)
    frames = [jpeg((image + noise.normal(0, 3, image.shape)).clip(0, 255).astype(np.uint8)) for _ in range(12)]
    result, _ = bench.check(frames)
    assert (result.verdict, result.failure) == (Verdict.SPOOF_SUSPECTED, "missing_action")


def test_a_photo_that_is_turned_before_the_camera_fails(bench: Bench) -> None:
    """Foreshortened about its upright axis and back, brought closer, turned the other way."""
    image = np.asarray(Image.open(PORTRAIT).convert("RGB").resize((256, 300)))
    height, width = image.shape[:2]
    frames: Frames = []
    for pose in path(Challenge(ASKED)):
        narrow, noise = np.cos(np.radians(pose.yaw)), np.random.default_rng(len(frames))
        matrix = np.array([[narrow, 0, width / 2 * (1 - narrow)], [0, 1, 0]]) * pose.zoom
        matrix[:, 2] += np.array([width, height]) / 2 * (1 - pose.zoom)
        turned = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        frames.append(jpeg((turned + noise.normal(0, 3, image.shape)).clip(0, 255).astype(np.uint8)))
    result, _ = bench.check(frames)
    assert result.verdict is Verdict.SPOOF_SUSPECTED
    assert Action.TURN_LEFT not in {done.action for done in result.actions}


@pytest.mark.parametrize("asked", [ASKED, (Action.LOOK_UP, Action.TURN_RIGHT, Action.COME_CLOSER)])
def test_a_print_held_at_a_slant_fails(bench: Bench, asked: Sequence[Action]) -> None:
    """In perspective, which no affine map is: only roughly do yaw and pitch stay."""
    image = np.asarray(Image.open(PORTRAIT).convert("RGB").resize((256, 300)))
    noise = np.random.default_rng(3)
    held = [slanted(image, pose) + noise.normal(0, 3, image.shape) for pose in path(Challenge(tuple(asked)))]
    result, _ = bench.check([jpeg(frame.clip(0, 255).astype(np.uint8)) for frame in held], asked)
    assert result.verdict is Verdict.SPOOF_SUSPECTED
    assert result.failure in {"missing_action", "wrong_action"}


def test_another_persons_face_in_between_fails(bench: Bench, recording: Frames, detector: FaceDetector) -> None:
    """At the same place in the picture: neither position nor size betrays it."""
    other = np.asarray(Image.open(PORTRAIT.with_name("macron-2014.jpg")).convert("RGB"))
    mine = np.asarray(Image.open(io.BytesIO(recording[10])))
    x, y, w, h = detector.detect(mine)[0].box
    u, v, a, b = detector.detect(other)[0].box
    matrix = np.array([[w / a, 0, x - u * w / a], [0, h / b, y - v * h / b]])
    swapped = cv2.warpAffine(other, matrix, (mine.shape[1], mine.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    result, _ = bench.check([*recording[:10], jpeg(np.asarray(swapped, np.uint8)), *recording[11:]])
    assert (result.verdict, result.failure, result.frame) == (Verdict.SPOOF_SUSPECTED, "another_face", 10)


def test_a_frame_without_a_face_is_told(bench: Bench, recording: Frames) -> None:
    empty = jpeg(np.full((200, 200, 3), 128, np.uint8))
    result, session = bench.check([*recording[:6], empty, *recording[6:]])
    assert (result.verdict, result.frame) == (Verdict.NO_FACE, 6)
    assert (session.state, session.failure) == (LivenessState.FAILED, "no_face")


def test_two_people_are_told(bench: Bench, recording: Frames) -> None:
    two = jpeg(np.hstack([np.asarray(Image.open(io.BytesIO(recording[0])))] * 2))
    result, _ = bench.check([two, *recording])
    assert (result.verdict, result.frame) == (Verdict.MULTIPLE_FACES, 0)


def test_a_session_that_ended_while_its_frames_waited_is_gone(bench: Bench) -> None:
    with pytest.raises(LivenessSessionNotFound):
        bench.checker.check(LivenessCheckPayload(session="none", attempt="a", frame_keys=()), held_job(bench.redis))


# --- what a request that names a session gets ---


def test_a_passed_session_counts_once_and_for_its_own_face(
    bench: Bench, recording: Frames, models: OneModel, detector: FaceDetector
) -> None:
    result, _ = bench.check(recording)
    image = np.asarray(Image.open(io.BytesIO(recording[0])))
    face = detector.detect(image)[0]
    network = models.served.network
    (embedding,) = network.embed([network.align(image, face.landmarks)])
    job = held_job(bench.redis)
    assert bench.guard.active(job, result.session, embedding, DEFAULT_MODEL) is None
    assert bench.guard.active(job, result.session, embedding, DEFAULT_MODEL) is None  # the job is done again
    assert "used before" in str(bench.guard.active(held_job(bench.redis), result.session, embedding, DEFAULT_MODEL))


@pytest.mark.parametrize(("face", "word"), [(YOU, "another face"), (ME, None)])
def test_another_face_cannot_use_a_session(bench: Bench, face: Embedding, word: str | None) -> None:
    session = bench.sessions.create("t1", ASKED, MODEL)
    with bench.sessions.taken("t1", session.id) as attempt:
        bench.sessions.passed(session.id, attempt, ME.tolist())
    said = bench.guard.active(held_job(bench.redis), session.id, face, DEFAULT_MODEL)
    assert (said is None) if word is None else (word in str(said))


def test_a_session_of_another_model_proves_nothing(bench: Bench) -> None:
    session = bench.sessions.create("t1", ASKED, Model(name="other", digest="other"))
    with bench.sessions.taken("t1", session.id) as attempt:
        bench.sessions.passed(session.id, attempt, ME.tolist())
    assert "another model" in str(bench.guard.active(held_job(bench.redis), session.id, ME, DEFAULT_MODEL))


def test_a_worker_starts_without_weights_and_says_so(sessions: LivenessSessions, tmp_path: Path) -> None:
    guard = LivenessGuard.load(
        sessions, ThreadPoolExecutor(1), device=torch.device("cpu"), cache_dir=tmp_path, supply=Supply()
    )
    assert guard.passive(np.zeros((50, 50, 3), np.uint8), (10, 10, 20, 20)).status is PassiveStatus.UNAVAILABLE


# --- with the networks, where their weights are ---


@pytest.fixture(scope="module")
def passive(tmp_path_factory: pytest.TempPathFactory) -> PassiveLiveness:
    beside = Path(__file__).parents[3].parent / "shared" / "weights" / "minifasnet"
    folder = Path(os.environ.get("LIKENESS_WEIGHTS_DIR", beside))
    if not list(folder.glob("*MiniFASNet*.pth")):
        pytest.skip("MiniFASNet's weights are not here (LIKENESS_WEIGHTS_DIR names their directory)")
    cache = tmp_path_factory.mktemp("weights")
    return PassiveLiveness.from_weights(torch.device("cpu"), cache_dir=cache, supply=Supply(local_dir=folder))


def test_the_first_frames_are_also_judged_by_themselves(
    redis: Redis, models: OneModel, detector: FaceDetector, passive: PassiveLiveness, recording: Frames
) -> None:
    bench = Bench(redis, models, detector, passive)
    result, session = bench.check(recording)
    assert result.passive.policy == "passive-half"
    live = result.passive.status is PassiveStatus.LIVE
    assert live is (result.passive.score is not None and result.passive.score >= 0.5)
    assert result.verdict is (Verdict.LIVE if live else Verdict.SPOOF_SUSPECTED)
    assert result.failure == (None if live else "passive")
    assert session.state is (LivenessState.PASSED if live else LivenessState.FAILED)
