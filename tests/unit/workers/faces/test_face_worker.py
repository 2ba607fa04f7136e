"""What a face task answers, with the real detector and model: 1:1, two photos, 1:K; of one photo and of frames."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from PIL import Image
from redis import Redis

from shared.galleries.store import GalleryStore, Template
from shared.jobs import JobStore, NewJob
from shared.liveness_sessions import LivenessSessions
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.detector import FaceDetector
from shared.ml.face.verification import Verdict
from shared.ml.weights import YUNET, fetch
from shared.schemas import (
    ComparisonPayload,
    ComparisonResult,
    Decision,
    FaceChoice,
    JobType,
    LivenessRequirement,
    Message,
    Model,
    RecognitionPayload,
    RecognitionResult,
    VerificationPayload,
    VerificationResult,
)
from shared.settings import JobSettings
from shared.storage.store import MemoryStore
from tests.unit.workers.faces.test_photo_subjects import FACES, LIMITS, model
from workers.doorkeeper import Doorkeeper
from workers.face import FaceWorker
from workers.face_models import ServedModel
from workers.face_reader import Face, FaceReader
from workers.liveness import LivenessGuard
from workers.residents import ResidentGalleries
from workers.runner import Held

__all__ = ["model"]  # a fixture

Result = TypeVar("Result", VerificationResult, RecognitionResult, ComparisonResult)

POLICY, SEARCH = "verify-fmr-1e-4", "identify-fpir-1e-2"


@dataclass
class OneModel:
    """As workers.face_models.FaceModels, with one model."""

    served: ServedModel

    def of(self, tenant: str, wanted: Model) -> ServedModel:
        assert (tenant, wanted.digest) == ("t1", DEFAULT_MODEL.digest)
        return self.served


@dataclass
class Bench:
    worker: FaceWorker
    redis: Redis

    def held(self, payload: VerificationPayload | RecognitionPayload | ComparisonPayload, kind: JobType) -> Held:
        jobs = JobStore(self.redis, "likeness:", JobSettings(), lambda *_: None)
        job = jobs.claim(jobs.submit(NewJob("t1", kind, payload, id=NewJob.new_id())).id)
        assert job is not None
        return Held(jobs, job)

    def verify(self, *names: str, **fields: object) -> VerificationResult:
        photos = {"frame_keys": names} if len(names) > 1 else {"image_key": names[0]}
        asked = {"gallery": "door", "person": "obama", "policy": POLICY, **photos, **fields}
        payload = VerificationPayload.model_validate(asked)
        return of_type(VerificationResult, self.worker.verify(payload, self.held(payload, JobType.VERIFICATION))[0])

    def recognise(self, *names: str, **fields: object) -> RecognitionResult:
        photos = {"frame_keys": names} if len(names) > 1 else {"image_key": names[0]}
        payload = RecognitionPayload.model_validate(
            {"gallery": "door", "top_k": 2, "policy": SEARCH, **photos, **fields}
        )
        return of_type(RecognitionResult, self.worker.recognise(payload, self.held(payload, JobType.RECOGNITION))[0])

    def compare(self, a: str, b: str, **fields: object) -> ComparisonResult:
        card = {"name": DEFAULT_MODEL.name, "digest": DEFAULT_MODEL.digest}
        asked = {"image_a_key": a, "image_b_key": b, "model": card, "policy": POLICY, **fields}
        payload = ComparisonPayload.model_validate(asked)
        return of_type(ComparisonResult, self.worker.compare(payload, self.held(payload, JobType.COMPARISON))[0])


def of_type(kind: type[Result], result: Message) -> Result:
    assert isinstance(result, kind)
    return result


@pytest.fixture(scope="module")
def photos() -> MemoryStore:
    """The repository's portraits by their names, and `blank` without a face."""
    store = MemoryStore()
    for file in sorted(FACES.glob("*.*g")):
        store.put(file.name, file.read_bytes())
    buffer = io.BytesIO()
    Image.new("RGB", (200, 200), (90, 90, 90)).save(buffer, "PNG")
    store.put("blank", buffer.getvalue())
    return store


@pytest.fixture(scope="module")
def reader(photos: MemoryStore, weights_dir: Path) -> FaceReader:
    return FaceReader(photos, LIMITS, FaceDetector(fetch(YUNET, weights_dir)))


@pytest.fixture
def bench(reader: FaceReader, model: ServedModel, redis: Redis) -> Iterator[Bench]:
    """The gallery `door` with Obama's first and fourth photo, and Biden's."""
    galleries = GalleryStore(MemoryStore(), redis, "likeness:")
    galleries.create_gallery("t1", "door")
    for person, photo in (("obama", "obama-1.jpg"), ("obama", "obama-4.jpg"), ("biden", "biden.jpg")):
        face = reader.one_face(photo, [model])
        assert isinstance(face, Face)
        template = Template(
            person=person,
            face=photo,
            embedding=tuple(face.embedding.tolist()),
            model_digest=DEFAULT_MODEL.digest,
            quality=0.9,
            created_at=datetime.now(UTC),
            person_uid=galleries.ensure_person("t1", "door", person).uid,
        )
        galleries.put_template("t1", "door", template)
    with ThreadPoolExecutor(1) as executor:
        worker = FaceWorker(
            reader,
            OneModel(model),  # type: ignore[arg-type] # all that is asked of it
            ResidentGalleries(galleries, executor, device=torch.device("cpu"), capacity=1000),
            LivenessGuard(None, executor, LivenessSessions(redis, "likeness:")),
            galleries=galleries,
            doorkeeper=Doorkeeper(galleries),
        )
        yield Bench(worker, redis)


# --- verification ---


def test_one_photo_is_verified_and_says_which_face_matched(bench: Bench) -> None:
    result = bench.verify("obama-2.jpg")
    assert (result.verdict, result.decision) == (Verdict.MATCH, Decision.GRANTED)
    assert result.matched_face in {"obama-1.jpg", "obama-4.jpg"}
    assert (result.frames, result.faces, result.warnings) == ([], [], [])
    assert bench.verify("obama-4.jpg").matched_face == "obama-4.jpg"


def test_several_frames_have_one_verdict_and_each_its_own(bench: Bench) -> None:
    result = bench.verify("obama-2.jpg", "blank", "obama-3.jpg")
    assert (result.verdict, result.decision) == (Verdict.MATCH, Decision.GRANTED)
    assert [frame.verdict for frame in result.frames] == [Verdict.MATCH, Verdict.NO_FACE, Verdict.MATCH]
    scores = [frame.score for frame in result.frames if frame.score is not None]
    assert result.score is not None
    assert result.score <= np.mean(scores) + 1e-5


def test_frames_of_somebody_else_are_no_match(bench: Bench) -> None:
    result = bench.verify("macron-2014.jpg", "macron-2025.jpg")
    assert (result.verdict, result.decision) == (Verdict.NO_MATCH, Decision.DENIED)


def test_frames_of_different_people_say_of_nobody_whether_it_is_they(bench: Bench) -> None:
    result = bench.verify("obama-2.jpg", "biden.jpg")
    assert (result.verdict, result.score, result.matched_face) == (Verdict.MULTIPLE_FACES, None, None)
    assert [(frame.verdict, frame.score) for frame in result.frames] == [(Verdict.MULTIPLE_FACES, None)] * 2
    assert result.decision is Decision.DENIED


def test_frames_keep_the_liveness_rule(bench: Bench) -> None:
    result = bench.verify("obama-2.jpg", "obama-3.jpg", liveness=LivenessRequirement.PASSIVE)
    assert (result.verdict, result.score) == (Verdict.LIVENESS_UNAVAILABLE, None)
    assert all(frame.score is None for frame in result.frames)


def test_a_group_is_refused_with_its_faces_and_one_can_be_chosen(bench: Bench) -> None:
    refused = bench.verify("group.jpg")
    assert (refused.verdict, len(refused.faces)) == (Verdict.MULTIPLE_FACES, 6)
    verdicts = [bench.verify("group.jpg", choice=FaceChoice(face=number).model_dump()).verdict for number in range(6)]
    assert verdicts.count(Verdict.MATCH) == 1
    box = refused.faces[verdicts.index(Verdict.MATCH)].box
    assert bench.verify("group.jpg", choice=FaceChoice(box=box).model_dump()).verdict is Verdict.MATCH


# --- comparison ---


def test_a_comparison_says_whose_faces_there_are_in_which_photo(bench: Bench) -> None:
    result = bench.compare("obama-1.jpg", "group.jpg")
    assert (result.verdict, len(result.faces_a), len(result.faces_b)) == (Verdict.MULTIPLE_FACES, 0, 6)
    assert (result.reason or "").startswith("image_b: 6 faces are in the photo")
    chosen = [
        bench.compare("obama-1.jpg", "group.jpg", choice_b={"box": view.box.model_dump()}).verdict
        for view in result.faces_b
    ]
    assert chosen.count(Verdict.MATCH) == 1


# --- recognition ---


def test_the_largest_faces_of_a_group_are_searched_and_all_are_counted(bench: Bench) -> None:
    result = bench.recognise("group.jpg", max_faces=6)
    assert (len(result.faces), result.faces_found) == (6, 6)
    assert [face.person for face in result.faces].count("obama") == 1
    few = bench.recognise("group.jpg", max_faces=2)
    assert (len(few.faces), few.faces_found) == (2, 6)


def test_frames_are_recognised_as_one_person(bench: Bench) -> None:
    result = bench.recognise("obama-2.jpg", "obama-3.jpg", "blank")
    assert (result.verdict, result.person, result.decision) == (Verdict.RECOGNISED, "obama", Decision.GRANTED)
    assert (len(result.faces), result.faces_found) == (1, None)
    assert [frame.person for frame in result.frames] == ["obama", "obama", None]


def test_frames_without_a_face_are_no_face_and_no_entry(bench: Bench) -> None:
    result = bench.recognise("blank", "blank")
    assert (result.verdict, result.faces, result.decision) == (Verdict.NO_FACE, [], Decision.DENIED)


def test_frames_of_different_people_are_recognised_as_nobody(bench: Bench) -> None:
    result = bench.recognise("obama-2.jpg", "biden.jpg")
    assert (result.verdict, result.person) == (Verdict.MULTIPLE_FACES, None)
    assert "different people" in (result.reason or "")
    assert [frame.person for frame in result.frames] == [None, None]
