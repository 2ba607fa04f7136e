"""Several frames are one probe: what is left out, what refuses them all, and that no frame is another try."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from shared.ml.face.catalogue import DEFAULT_MODEL, ModelCard
from shared.ml.face.gallery import fuse
from shared.ml.face.liveness.passive import Crops
from shared.ml.face.verification import Verdict
from shared.schemas import FaceBox, FaceView, PassiveStatus, Quality
from workers.face_models import Embedding
from workers.face_reader import Face, Refusal
from workers.faces.frames import DIFFERENT, Probe, other_faces, probe_of
from workers.liveness_rule import Judgement

BOX = FaceBox(x=1, y=2, width=30, height=40)
BLURRED = Refusal(Verdict.LOW_QUALITY, "Hold the camera still.", FaceView(box=BOX, quality=Quality(score=0.2)))
SEVERAL = Refusal(Verdict.MULTIPLE_FACES, "Two faces.", faces=(FaceView(box=BOX, quality=Quality(score=0.9)),) * 2)
LEAST = DEFAULT_MODEL.curve.threshold(1e-3)


def unit(values: Sequence[float] | npt.NDArray[np.float32]) -> Embedding:
    vector = np.asarray(values, np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def at(cosine: float) -> Embedding:
    """A vector of this cosine to (1, 0)."""
    return unit([cosine, (1 - cosine**2) ** 0.5])


def face(embedding: Embedding, quality: float = 0.8, others: tuple[FaceBox, ...] = ()) -> Face:
    pixels = np.zeros((112, 112, 3), np.uint8)
    crops: Crops = (pixels, pixels)
    return Face(FaceView(box=BOX, quality=Quality(score=quality)), (embedding,), crops, pixels, others)


def probe(faces: Sequence[Face | Refusal], alive: Mapping[int, Judgement] | None = None) -> Probe:
    answers = {id(faces[number]): judgement for number, judgement in (alive or {}).items()}

    def judge(judged: Face, _: ModelCard) -> Judgement:
        return answers.get(id(judged), Judgement())

    return probe_of(faces, judge, DEFAULT_MODEL)


def test_the_probe_of_one_photo_is_its_face() -> None:
    found = probe([face(at(0.3))])
    np.testing.assert_array_equal(found.embedding, at(0.3))
    assert (found.verdict, found.warnings) == (None, [])


def test_the_probe_of_several_is_their_mean_and_the_best_one_is_shown() -> None:
    found = probe([face(at(1.0), 0.6), face(at(0.8), 0.9)])
    assert found.embedding == pytest.approx((at(1.0) + at(0.8)) / 2)
    assert found.view is not None
    assert found.view.quality.score == 0.9


@given(
    of_numpy.arrays(np.float32, (5, 8), elements=st.floats(-1, 1, width=32)).filter(
        lambda a: bool((np.linalg.norm(a, axis=1) > 0.1).all())
    ),
    of_numpy.arrays(np.float32, (3, 8), elements=st.floats(-1, 1, width=32)).filter(
        lambda a: bool((np.linalg.norm(a, axis=1) > 0.1).all()) and float(np.linalg.norm(a.sum(axis=0))) > 0.1
    ),
)
def test_a_persons_score_is_never_more_than_the_mean_of_the_frames_scores(
    frames: npt.NDArray[np.float32],
    templates: npt.NDArray[np.float32],
) -> None:
    each = [unit(frame) for frame in frames]
    known = np.stack([unit(template) for template in templates])
    mean = np.stack(each).mean(axis=0, dtype=np.float32)
    assert fuse(mean, known) <= np.mean([fuse(one, known) for one in each]) + 1e-5


def test_frames_without_a_good_face_are_left_out_as_long_as_one_is_good() -> None:
    found = probe([BLURRED, face(at(0.5)), SEVERAL])
    np.testing.assert_array_equal(found.embedding, at(0.5))
    assert [frame.refused and frame.refused[0] for frame in found.frames] == [
        Verdict.LOW_QUALITY,
        None,
        Verdict.MULTIPLE_FACES,
    ]


def test_when_no_frame_is_good_the_first_one_says_why() -> None:
    found = probe([SEVERAL, BLURRED])
    assert (found.verdict, found.embedding) == (Verdict.MULTIPLE_FACES, None)
    assert found.reason == "None of the 2 frames can be used. The first one: Two faces."
    assert len(found.faces) == 2


def test_a_photo_that_is_refused_says_why_by_itself() -> None:
    found = probe([BLURRED])
    assert (found.verdict, found.reason, found.view) == (Verdict.LOW_QUALITY, BLURRED.reason, BLURRED.view)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_frames_of_different_people_are_refused_wherever_the_stranger_is(number: int) -> None:
    faces = [face(at(1.0)), face(at(0.95)), face(at(0.9))]
    faces[number] = face(at(-0.5))
    found = probe(faces)
    assert (found.verdict, found.reason, found.embedding) == (Verdict.MULTIPLE_FACES, DIFFERENT, None)


def test_every_two_frames_must_be_alike_not_only_neighbours() -> None:
    half = (LEAST + 1) / 2  # each next to the other is alike, the ends are not
    first, last = at(half), unit([half, -((1 - half**2) ** 0.5)])
    assert float(first @ last) < LEAST < float(first @ at(1.0))
    assert probe([face(first), face(at(1.0)), face(last)]).verdict is Verdict.MULTIPLE_FACES


def test_one_frame_that_is_not_alive_refuses_all_for_it_is_no_second_try() -> None:
    spoof = Judgement(PassiveStatus.SPOOF_SUSPECTED, Verdict.SPOOF_SUSPECTED, "It looks like a picture.")
    live = Judgement(PassiveStatus.LIVE)
    found = probe([face(at(1.0)), face(at(0.9)), face(at(0.95))], {0: live, 1: spoof, 2: live})
    assert (found.verdict, found.reason, found.embedding) == (spoof.verdict, spoof.reason, None)
    assert found.liveness is PassiveStatus.SPOOF_SUSPECTED


def test_a_report_on_frames_is_that_of_the_worst_one() -> None:
    report = {0: Judgement(PassiveStatus.LIVE), 1: Judgement(PassiveStatus.SPOOF_SUSPECTED)}
    found = probe([face(at(1.0)), face(at(0.9))], report)
    assert found.liveness is PassiveStatus.SPOOF_SUSPECTED
    assert found.embedding is not None


def test_a_refused_frame_is_not_asked_whether_it_lives() -> None:
    def judge(_: Face, __: ModelCard) -> Judgement:
        raise AssertionError("there is no face to judge")

    assert probe_of([BLURRED], judge, DEFAULT_MODEL).liveness is None


def test_further_faces_are_a_warning_with_their_boxes() -> None:
    (warning,) = other_faces(face(at(1.0), others=(BOX,)))
    assert (warning.code, warning.boxes) == ("other_faces", [BOX])
    assert other_faces(face(at(1.0))) == other_faces(SEVERAL) == []


def test_a_warning_says_in_which_frame_they_are() -> None:
    (warning,) = probe([face(at(1.0)), face(at(0.9), others=(BOX,))]).warnings
    assert warning.detail.startswith("Frame 1: ")
