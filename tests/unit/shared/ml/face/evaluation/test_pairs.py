import numpy as np
import pytest

from shared.errors import InvalidField
from shared.ml.face.evaluation.pairs import FOLDS, Pairs, draw_pairs, read_pairs
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces

FACES = synthetic_faces(40, 3)


def drawn(seed: int = 0) -> Pairs:
    pairs = draw_pairs(FACES.labels, seed=seed)
    assert isinstance(pairs, Pairs)
    return pairs


def test_no_person_is_in_two_folds() -> None:
    pairs = drawn()
    folds_of: dict[int, set[int]] = {}
    for row, fold in [*zip(pairs.a, pairs.fold, strict=True), *zip(pairs.b, pairs.fold, strict=True)]:
        folds_of.setdefault(int(FACES.labels[row]), set()).add(int(fold))
    assert all(len(folds) == 1 for folds in folds_of.values())
    assert len(set(pairs.fold.tolist())) == FOLDS


def test_every_fold_is_balanced_and_says_the_truth() -> None:
    pairs = drawn()
    assert (pairs.same == (FACES.labels[pairs.a] == FACES.labels[pairs.b])).all()
    assert (pairs.a != pairs.b).all()
    for fold in range(FOLDS):
        assert pairs.same[pairs.fold == fold].mean() == 0.5


def test_a_seed_draws_the_same_pairs_and_another_draws_others() -> None:
    assert (drawn(1).a == drawn(1).a).all()
    assert (drawn(1).a[:50] != drawn(2).a[:50]).any()


def test_too_few_people_are_a_reason_not_an_error() -> None:
    assert draw_pairs(synthetic_faces(19, 3).labels, seed=0) == (
        "cannot be measured with 19 people of two photos and more, 19 in all: at least 10 and 20 are needed"
    )
    assert isinstance(draw_pairs(synthetic_faces(30, 1).labels, seed=0), str)


def test_a_pairs_file_with_folds_keeps_them() -> None:
    text = "2\t1\np000\t1\t2\np001\t1\tp002\t3\np003\t2\t3\np004\t1\tp005\t1\n"
    pairs = read_pairs(text, FACES)
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert pairs.same.tolist() == [True, False, True, False]
    assert [FACES.names[row] for row in (*pairs.a[:2], *pairs.b[:2])] == [
        "p000/p000_0001.jpg",
        "p001/p001_0001.jpg",
        "p000/p000_0002.jpg",
        "p002/p002_0003.jpg",
    ]


@pytest.mark.parametrize("header", ["", "2\n"])
def test_a_pairs_file_without_folds_is_dealt_out(header: str) -> None:
    pairs = read_pairs(f"{header}p000 1 2\n\np001 1 p002 3\n", FACES)
    assert pairs.fold.tolist() == [0, 1]


def test_names_with_spaces_need_tabs() -> None:
    faces = synthetic_faces(2, 1)
    spaced = type(faces)("m", "d", ("A B/A B_0001.jpg", "C/C_0001.jpg"), ("A B", "C"), faces.embeddings)
    assert len(read_pairs("A B\t1\tC\t1\n", spaced).a) == 1
    with pytest.raises(InvalidField, match="Line 1"):
        read_pairs("A B 1 C 1\n", spaced)


def test_a_pair_without_its_photo_is_left_out_by_name() -> None:
    pairs = read_pairs("p000\t1\t2\np000\t1\tnobody\t7\n", FACES)
    assert len(pairs.a) == 1
    assert [(left.file, left.reason) for left in pairs.left_out] == [("p000 1 nobody 7", "no usable face of nobody 7")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No pair"),
        ("10\t300\np000\t1\t2\n", "announces 10 x 600 pairs and has 1"),
        ("10\t0\np000\t1\t2\n", "announces 10 x 0 pairs"),
        ("p000\tone\ttwo\n", "Line 1"),
        ("nobody\t1\t2\n", "No pair"),
        ("\x00\x01", "Line 1"),
    ],
)
def test_another_format_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InvalidField, match=said):
        read_pairs(text, FACES)


def test_drawn_pairs_hold_no_pair_twice() -> None:
    pairs = drawn()
    assert len(np.unique(np.stack([pairs.a, pairs.b]), axis=1)[0]) == len(pairs.a)
