from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.model import Aligned, Doubts
from shared.ml.face.quality.reliability import REFUSED
from shared.ml.face.sface import SFace
from shared.ml.face.verification import DEFAULT_VERIFICATION, Verdict, verification_profile, verify
from shared.ml.weights import SFACE
from tests import spoiling

Image = npt.NDArray[np.uint8]
Read = Callable[[str], Image]

PEOPLE = {
    "ardern": ["ardern-2018.jpg", "ardern-2022.jpg"],
    "macron": ["macron-2014.jpg", "macron-2025.jpg"],
    "obama": ["obama-1.jpg", "obama-2.jpg", "obama-3.jpg", "obama-4.jpg"],
    "biden": ["biden.jpg"],
    "collins": ["collins.png"],
    "hopper": ["hopper.jpg"],
    "sunak": ["sunak.jpg"],
}


@pytest.fixture(scope="module")
def crops(detector: FaceDetector, embedder: FaceEmbedder, portrait: Read) -> list[tuple[str, Aligned]]:
    """Person and aligned face of every sample portrait."""
    faces = []
    for person, names in PEOPLE.items():
        for name in names:
            image = portrait(name)
            faces.append((person, embedder.align(image, detector.detect(image)[0].landmarks)))
    return faces


def test_sample_portraits_get_the_right_verdicts(embedder: FaceEmbedder, crops: list[tuple[str, Aligned]]) -> None:
    profile = verification_profile(DEFAULT_VERIFICATION)
    embeddings = embedder.embed([crop for _, crop in crops])
    people = [person for person, _ in crops]
    genuine: list[float] = []
    impostor: list[float] = []
    for i, j in combinations(range(len(people)), 2):
        score = float(embeddings[i] @ embeddings[j])
        same = people[i] == people[j]
        assert verify(score, profile) == (Verdict.MATCH if same else Verdict.NO_MATCH)
        (genuine if same else impostor).append(score)
    assert min(genuine) > 0.58
    assert max(genuine) < 0.87
    assert max(impostor) < 0.30


def test_embeddings_are_unit_vectors_in_float32(embedder: FaceEmbedder, crops: list[tuple[str, Aligned]]) -> None:
    embeddings = embedder.embed([crop for _, crop in crops])
    assert embeddings.shape == (len(crops), 128)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


def test_the_stages_hand_on_bytes_then_the_device_then_the_host(
    embedder: FaceEmbedder, crops: list[tuple[str, Aligned]]
) -> None:
    (pixels,) = embedder.prepare([crop for _, crop in crops])
    assert (pixels.shape, pixels.dtype) == ((len(crops), 3, 112, 112), torch.uint8)
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    raw = embedder.forward((pixels,))
    assert (raw.shape, raw.device.type) == ((len(crops), 129), "cpu")
    np.testing.assert_array_equal(embedder.finish(raw), embedder.embed([crop for _, crop in crops]))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 32])
def test_a_face_gets_its_embedding_in_any_batch(
    embedder: FaceEmbedder, crops: list[tuple[str, Aligned]], size: int
) -> None:
    batch = [crops[i % len(crops)][1] for i in range(size)]
    together = embedder.embed(batch)
    for i in {0, size // 2, size - 1}:
        assert together[i] @ embedder.embed([batch[i]])[0] > 0.999


def test_half_precision_changes_a_score_little(
    embedder: FaceEmbedder, crops: list[tuple[str, Aligned]], weights_dir: Path
) -> None:
    exact = FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir, dtype=torch.float32).embed(
        [crop for _, crop in crops]
    )
    fast = embedder.embed([crop for _, crop in crops])
    assert (exact * fast).sum(axis=1).min() > 0.998
    assert np.abs(exact @ exact.T - fast @ fast.T).max() < 0.02


def test_doubt_is_small_of_portraits_grows_with_noise_and_changes_little_in_half_precision(
    embedder: FaceEmbedder, crops: list[tuple[str, Aligned]], weights_dir: Path
) -> None:
    half = FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir, dtype=torch.bfloat16)
    random = np.random.default_rng(0)
    faces = [crop for _, crop in crops]
    noisy = [tuple(spoiling.noise(crop, 40, random) for crop in face) for face in faces]

    def doubts(model: FaceEmbedder, given: list[Aligned]) -> Doubts:
        found = model.doubts(model.forward(model.prepare(given)))
        assert found is not None
        return found

    assert doubts(embedder, faces).max() < REFUSED < doubts(embedder, noisy).min()
    assert np.abs(doubts(embedder, faces) - doubts(half, faces)).max() < 0.5


def test_trained_weights_know_no_doubt(crops: list[tuple[str, Aligned]]) -> None:
    trained = replace(SFACE, name="mine", sha256="0" * 64)
    model = FaceEmbedder(SFace(), device=torch.device("cpu"), weights=trained)
    assert model.doubts(model.forward(model.prepare([crops[0][1]]))) is None


def test_the_model_is_named_by_its_file(embedder: FaceEmbedder) -> None:
    assert (embedder.name, embedder.digest) == (SFACE.name, SFACE.digest)
