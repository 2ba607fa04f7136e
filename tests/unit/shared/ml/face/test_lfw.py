"""The whole pipeline on photos it was not made for: Labeled Faces in the Wild, where they are at hand.

The photos are for evaluation and development only and not part of the project; `LIKENESS_LFW_DIR` names their
directory (`<person>/<person>_NNNN.jpg`, 250 x 250).
"""

import os
import random
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.model import Aligned
from shared.ml.face.quality import FaceQuality, assess
from shared.ml.face.refinement import refine
from shared.ml.face.verification import Verdict, verification_profile, verify

ROOT = Path(__file__).parents[5]
FOLDER = Path(os.environ.get("LIKENESS_LFW_DIR", ROOT.parent / "shared" / "data" / "faces" / "lfw-dev"))
GENUINE = 750
PEOPLE = 160

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="LFW's photos are not here (LIKENESS_LFW_DIR names their directory)"
)


@dataclass(frozen=True, eq=False)
class Photo:
    person: str
    quality: FaceQuality
    embedding: npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def photos(detector: FaceDetector, embedder: FaceEmbedder) -> list[Photo]:
    """Up to six photos each of people drawn with a fixed seed."""
    people = sorted(folder for folder in FOLDER.iterdir() if len(list(folder.glob("*.jpg"))) >= 4)
    chosen = random.Random(0).sample(people, min(PEOPLE, len(people)))
    seen: list[tuple[str, FaceQuality, Aligned]] = []
    for folder in chosen:
        for path in sorted(folder.glob("*.jpg"))[:6]:
            image = np.asarray(cv2.imread(str(path)), dtype=np.uint8)[..., ::-1].copy()
            faces = detector.detect(image)
            assert faces, f"no face in {path.name}"
            # LFW centres the person a photo is named after; bystanders may be larger
            middle = np.array(image.shape[1::-1]) / 2
            face = min(faces, key=lambda f: float(np.linalg.norm(f.landmarks.mean(axis=0) - middle)))
            face = refine(detector.look, image, face)
            aligned = embedder.align(image, face.landmarks)
            seen.append((folder.name, assess(face, aligned[0], frame=image.shape[:2]), aligned))
    embeddings = embedder.embed([aligned for _, _, aligned in seen])
    return [Photo(person, quality, e) for (person, quality, _), e in zip(seen, embeddings, strict=True)]


@pytest.fixture(scope="module")
def scores(photos: list[Photo]) -> tuple[list[float], list[float]]:
    """Cosines of as many genuine as impostor pairs, drawn with a fixed seed."""
    pairs = list(combinations(photos, 2))
    genuine = [(a, b) for a, b in pairs if a.person == b.person]
    impostor = [(a, b) for a, b in pairs if a.person != b.person]
    rng = random.Random(1)
    return (
        [float(a.embedding @ b.embedding) for a, b in rng.sample(genuine, GENUINE)],
        [float(a.embedding @ b.embedding) for a, b in rng.sample(impostor, GENUINE)],
    )


def test_1500_pairs_are_told_apart_at_a_profiles_threshold(scores: tuple[list[float], list[float]]) -> None:
    genuine, impostor = scores
    profile = verification_profile("verify-fmr-1e-3")
    right = sum(verify(score, profile) is Verdict.MATCH for score in genuine)
    right += sum(verify(score, profile) is Verdict.NO_MATCH for score in impostor)
    assert right / (2 * GENUINE) >= 0.99


def test_the_default_profile_lets_no_impostor_pass(scores: tuple[list[float], list[float]]) -> None:
    _, impostor = scores
    profile = verification_profile("verify-fmr-1e-4")
    assert sum(verify(score, profile) is Verdict.MATCH for score in impostor) <= 1


def test_nearly_all_photos_are_good_enough(photos: list[Photo]) -> None:
    """99.3 % of the development part are; the rest are profiles. One photo is 0.1 % here."""
    assert np.mean([photo.quality.passed for photo in photos]) >= 0.985
