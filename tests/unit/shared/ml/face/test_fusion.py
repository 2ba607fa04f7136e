from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from shared.ml.face import recipe
from shared.ml.face.alignment import TEMPLATE, align
from shared.ml.face.detector import FaceDetector
from shared.ml.face.dlib_resnet import TEMPLATE as DLIB_TEMPLATE
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.fusion import FusedEmbedder
from shared.ml.face.model import Aligned
from shared.ml.weights import DLIB_RESNET, SFACE

Image = npt.NDArray[np.uint8]
Read = Callable[[str], Image]

PHOTOS = ("obama-1.jpg", "obama-3.jpg", "macron-2014.jpg", "macron-2025.jpg", "biden.jpg", "sunak.jpg", "hopper.jpg")
PEOPLE = [name.split("-")[0].split(".")[0] for name in PHOTOS]


@pytest.fixture(scope="module")
def fused(weights_dir: Path) -> FusedEmbedder:
    return FusedEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir, dtype=torch.float32)


@pytest.fixture(scope="module")
def faces(detector: FaceDetector, fused: FusedEmbedder, portrait: Read) -> list[Aligned]:
    images = [portrait(name) for name in PHOTOS]
    return [fused.align(image, detector.detect(image)[0].landmarks) for image in images]


def test_a_face_is_aligned_for_each_network(fused: FusedEmbedder) -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    landmarks = TEMPLATE + 30
    small, large = fused.align(image, landmarks)
    assert (small.shape, large.shape) == ((112, 112, 3), (150, 150, 3))
    np.testing.assert_array_equal(small, align(image, landmarks))
    np.testing.assert_array_equal(large, align(image, landmarks, template=DLIB_TEMPLATE, size=150))


def test_embeddings_are_unit_vectors_of_which_each_network_fills_its_part(
    fused: FusedEmbedder, faces: list[Aligned]
) -> None:
    embeddings = fused.embed(faces)
    assert embeddings.shape == (len(faces), fused.dimensions)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    share = 1 / np.sqrt(1 + recipe.DLIB_WEIGHT**2)
    np.testing.assert_allclose(np.linalg.norm(embeddings[:, :128], axis=1), share, atol=1e-6)


def test_the_score_is_the_weighted_mean_of_the_networks_scores(
    fused: FusedEmbedder, faces: list[Aligned], weights_dir: Path
) -> None:
    plain = FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir, dtype=torch.float32)
    crops = [face[0] for face in faces]
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    both = plain.embed([(crop,) for crop in crops]) + plain.embed([(crop,) for crop in mirrored])
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    embeddings = fused.embed(faces)
    dlib = embeddings[:, 128:] / np.linalg.norm(embeddings[:, 128:], axis=1, keepdims=True)
    weight = recipe.DLIB_WEIGHT**2
    expected = (both @ both.T + weight * dlib @ dlib.T) / (1 + weight)
    np.testing.assert_allclose(embeddings @ embeddings.T, expected, atol=1e-5)


def test_people_are_told_apart(fused: FusedEmbedder, faces: list[Aligned]) -> None:
    scores = fused.embed(faces) @ fused.embed(faces).T
    genuine = [scores[i, j] for i, j in combinations(range(len(faces)), 2) if PEOPLE[i] == PEOPLE[j]]
    impostor = [scores[i, j] for i, j in combinations(range(len(faces)), 2) if PEOPLE[i] != PEOPLE[j]]
    assert len(genuine) == 2
    assert min(genuine) > max(impostor) + 0.1


@pytest.mark.parametrize("size", [1, 3, 4, 5, 9])
def test_a_face_gets_its_embedding_in_any_batch(fused: FusedEmbedder, faces: list[Aligned], size: int) -> None:
    together = fused.embed([faces[i % len(faces)] for i in range(size)])
    for i in {0, size - 1}:
        assert together[i] @ fused.embed([faces[i % len(faces)]])[0] > 0.9999


def test_half_precision_changes_a_score_little(fused: FusedEmbedder, faces: list[Aligned], weights_dir: Path) -> None:
    half = FusedEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir, dtype=torch.bfloat16)
    exact, fast = fused.embed(faces), half.embed(faces)
    assert np.abs(exact @ exact.T - fast @ fast.T).max() < 0.015


def test_the_digest_is_its_own_and_sixteen_hexadecimal_digits(fused: FusedEmbedder) -> None:
    assert fused.name == "accurate"
    assert len(fused.digest) == len(SFACE.digest) == 16
    assert int(fused.digest, 16)
    assert fused.digest not in {SFACE.digest, DLIB_RESNET.digest}
