from collections import defaultdict

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ml.face.gallery import Candidate, GalleryMatrix, fuse

DIMENSIONS = 128

Embedding = npt.NDArray[np.float32]

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def unit(rng: np.random.Generator, *shape: int) -> Embedding:
    vectors = rng.standard_normal((*shape, DIMENSIONS))
    units: Embedding = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return units


def brute_force(templates: dict[str, tuple[str, Embedding]], probe: Embedding) -> dict[str, float]:
    """Every person's score by the definition: (best cosine + cosine to the mean template) / 2."""
    of_person: defaultdict[str, list[Embedding]] = defaultdict(list)
    for person, embedding in templates.values():
        of_person[person].append(embedding)
    scores = {}
    for person, embeddings in of_person.items():
        mean = np.mean(embeddings, axis=0)
        cosine = float(probe @ mean / np.linalg.norm(mean))
        scores[person] = (max(float(probe @ e) for e in embeddings) + cosine) / 2
    return scores


def test_one_template_scores_its_cosine() -> None:
    gallery = GalleryMatrix()
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    gallery.put("f1", "ada", axes[0])
    gallery.put("f2", "bob", axes[1])
    probe = np.asarray(0.8 * axes[0] + 0.6 * axes[1], dtype=np.float32)
    ((first, second),) = gallery.search(probe[None], top_k=5)
    assert (first.person, second.person) == ("ada", "bob")
    assert first.score == pytest.approx(0.8)
    assert second.score == pytest.approx(0.6)


def test_two_templates_score_the_mean_of_best_and_mean_template() -> None:
    gallery = GalleryMatrix()
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    gallery.put("f1", "ada", axes[0])
    gallery.put("f2", "ada", axes[1])
    ((ada,),) = gallery.search(axes[:1], top_k=1)
    assert ada.score == pytest.approx((1 + 1 / np.sqrt(2)) / 2)
    assert fuse(axes[0], axes[:2]) == pytest.approx(ada.score)


def test_templates_that_cancel_out_have_a_finite_score() -> None:
    gallery = GalleryMatrix()
    axis = np.eye(DIMENSIONS, dtype=np.float32)[0]
    gallery.put("f1", "ada", axis)
    gallery.put("f2", "ada", -axis)
    ((ada,),) = gallery.search(axis[None], top_k=1)
    assert ada.score == pytest.approx(0.5)
    assert fuse(axis, np.stack([axis, -axis])) == pytest.approx(0.5)


def test_an_empty_gallery_has_no_candidates() -> None:
    gallery = GalleryMatrix()
    assert gallery.search(np.zeros((3, DIMENSIONS), np.float32), top_k=2) == [[], [], []]
    assert (len(gallery), gallery.persons) == (0, 0)


def test_no_probes_have_no_answers() -> None:
    gallery = GalleryMatrix()
    gallery.put("f1", "ada", np.eye(DIMENSIONS, dtype=np.float32)[0])
    assert gallery.search(np.empty((0, DIMENSIONS), np.float32), top_k=2) == []


def test_a_face_put_again_replaces_its_template_even_under_another_name() -> None:
    gallery = GalleryMatrix()
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    gallery.put("f1", "ada", axes[0])
    gallery.put("f1", "bob", axes[1])
    assert (len(gallery), gallery.persons) == (1, 1)
    assert gallery.search(axes[1:2], top_k=5) == [[Candidate("bob", 1.0)]]


def test_what_is_not_there_cannot_be_removed() -> None:
    gallery = GalleryMatrix()
    assert gallery.remove("f1") is False
    assert gallery.remove_person("ada") == 0


def test_a_template_of_another_size_than_the_first_is_refused() -> None:
    gallery = GalleryMatrix()
    gallery.put("f1", "ada", np.eye(DIMENSIONS, dtype=np.float32)[0])
    with pytest.raises(ValueError, match="128 numbers"):
        gallery.put("f2", "ada", np.zeros(512, np.float32))
    with pytest.raises(ValueError, match="128 numbers"):
        gallery.put("f2", "ada", np.zeros((1, DIMENSIONS), np.float32))
    assert len(gallery) == 1


@pytest.mark.parametrize("device", DEVICES)
def test_the_first_template_decides_how_long_they_are_and_an_empty_gallery_forgets_it(device: str) -> None:
    gallery = GalleryMatrix(torch.device(device))
    for dimensions in (128, 256, 3):
        axes = np.eye(dimensions, dtype=np.float32)
        gallery.put("f1", "ada", axes[0])
        gallery.put("f2", "bob", axes[1])
        assert gallery.search(axes[1:2], top_k=1) == [[Candidate("bob", 1.0)]]
        assert gallery.remove("f1")
        assert gallery.remove("f2")


def test_a_template_put_is_a_copy() -> None:
    gallery = GalleryMatrix()
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    template = axes[0].copy()
    gallery.put("f1", "ada", template)
    template[:] = 0
    assert gallery.search(axes[:1], top_k=1) == [[Candidate("ada", 1.0)]]


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 40), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("remove_person"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("search"), st.integers(1, 12), st.just(0)),
    ),
    max_size=60,
)


@pytest.mark.parametrize("device", DEVICES)
@settings(deadline=None)
@given(changes=CHANGES, seed=st.integers(0, 2**16))
def test_a_search_finds_what_brute_force_finds_through_any_changes(
    device: str, changes: list[tuple[str, int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    gallery = GalleryMatrix(torch.device(device))
    kept: dict[str, tuple[str, Embedding]] = {}
    for kind, number, other in [*changes, ("search", 10, 0)]:
        match kind:
            case "put":
                embedding = unit(rng)
                gallery.put(f"face {number}", f"person {other}", embedding)
                kept[f"face {number}"] = (f"person {other}", embedding)
            case "remove":
                assert gallery.remove(f"face {number}") == (kept.pop(f"face {number}", None) is not None)
            case "remove_person":
                gone = [face for face, (person, _) in kept.items() if person == f"person {number}"]
                assert gallery.remove_person(f"person {number}") == len(gone)
                for face in gone:
                    del kept[face]
            case _:
                check(gallery, kept, unit(rng, 2), top_k=number, tolerance=1e-5 if device == "cpu" else 3e-3)


def check(
    gallery: GalleryMatrix,
    kept: dict[str, tuple[str, Embedding]],
    probes: Embedding,
    *,
    top_k: int,
    tolerance: float,
) -> None:
    assert len(gallery) == len(kept)
    assert gallery.persons == len({person for person, _ in kept.values()})
    for probe, found in zip(probes, gallery.search(probes, top_k), strict=True):
        expected = brute_force(kept, probe)
        assert len(found) == min(top_k, len(expected))
        best = sorted(expected.values(), reverse=True)
        for rank, candidate in enumerate(found):
            assert candidate.score == pytest.approx(expected[candidate.person], abs=tolerance)
            assert candidate.score == pytest.approx(best[rank], abs=tolerance)


def test_it_grows_and_searches_in_parts_without_losing_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.ml.face.gallery._SCORES_AT_ONCE", 5000)  # 3 probes at a time
    monkeypatch.setattr("shared.ml.face.gallery._PEOPLE_AT_ONCE", 100)
    rng = np.random.default_rng(0)
    templates = unit(rng, 1500)
    gallery = GalleryMatrix()
    for i, template in enumerate(templates):
        gallery.put(f"face {i}", f"person {i // 2}", template)
    assert (len(gallery), gallery.persons) == (1500, 750)
    found = gallery.search(templates[:50], top_k=1)
    assert [candidates[0].person for candidates in found] == [f"person {i // 2}" for i in range(50)]
    for i in (0, 37):
        assert found[i][0].score == pytest.approx(fuse(templates[i], templates[i // 2 * 2 : i // 2 * 2 + 2]))
