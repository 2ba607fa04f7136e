"""Whose photo it is: the subject, its rivals and those who are plainly beside it."""

import subprocess
import sys

import pytest

from shared.faces.subject import Box, Subject, chosen_face, find_subject

SIZE = (900, 600)
MIDDLE, LEFT, RIGHT = 450.0, 150.0, 750.0


def face(x: float, area: float = 10_000, y: float = 300) -> Box:
    """A square face by its middle."""
    side = area**0.5
    return (x - side / 2, y - side / 2, side, side)


def subject(*faces: Box, unusable: set[int] = frozenset()) -> Subject:  # type: ignore[assignment]
    assert list(faces) == sorted(faces, key=lambda box: -box[2] * box[3]), "the largest first, as detectors say"
    return find_subject(faces, lambda number: number not in unusable, size=SIZE)


def test_the_only_face_is_the_subject_and_is_not_even_measured() -> None:
    def never(_: int) -> bool:
        raise AssertionError("measuring takes time")

    assert find_subject([face(LEFT)], never, size=SIZE) == Subject(0)


@pytest.mark.parametrize(("left", "right"), [(10_000, 10_000), (10_000, 9_000), (10_000, 6_000)])
def test_two_people_side_by_side_of_like_size_are_rivals(left: float, right: float) -> None:
    assert subject(face(LEFT, left), face(RIGHT, right)).rivals == (1,)


def test_somebody_in_the_background_is_no_rival_wherever_they_stand() -> None:
    assert subject(face(LEFT), face(MIDDLE, 4_900)) == Subject(0, others=(1,))


def test_somebody_smaller_beside_a_subject_in_the_middle_is_no_rival() -> None:
    assert subject(face(MIDDLE), face(RIGHT, 7_900)) == Subject(0, others=(1,))


def test_somebody_beside_the_middle_who_is_as_large_is_a_rival() -> None:
    assert subject(face(MIDDLE), face(RIGHT, 8_100)).rivals == (1,)


def test_somebody_smaller_in_the_middle_too_is_a_rival() -> None:
    assert subject(face(MIDDLE - 50), face(MIDDLE + 60, 7_000)).rivals == (1,)


def test_somebody_smaller_in_the_middle_is_a_rival_of_a_subject_beside_it() -> None:
    assert subject(face(LEFT), face(MIDDLE, 7_000)).rivals == (1,)


def test_a_portraits_subject_is_in_the_middle_though_their_face_is_above_it() -> None:
    assert subject(face(MIDDLE, y=170), face(RIGHT, 7_000, y=170)) == Subject(0, others=(1,))


def test_a_face_that_cannot_be_compared_is_no_rival_and_no_other() -> None:
    assert subject(face(LEFT), face(RIGHT, 9_999), unusable={1}) == Subject(0)


def test_whoever_covers_their_face_is_still_the_subject_before_somebody_behind_them() -> None:
    assert subject(face(MIDDLE), face(RIGHT, 4_000), unusable={0}) == Subject(0, others=(1,))
    assert subject(face(LEFT), face(MIDDLE, 4_000), unusable={0}) == Subject(0, others=(1,))


def test_whoever_covers_their_face_is_not_taken_for_the_one_beside_them() -> None:
    assert subject(face(LEFT), face(RIGHT, 9_000), unusable={0}) == Subject(0, rivals=(1,))


def test_a_neighbour_whom_the_edge_cuts_in_two_is_not_the_subject() -> None:
    assert subject(face(890), face(MIDDLE, 9_500), unusable={0}) == Subject(1)


def test_a_neighbour_who_is_much_larger_is_the_subject_though_they_are_cut_in_two() -> None:
    assert subject(face(890), face(MIDDLE, 7_000), unusable={0}) == Subject(0, rivals=(1,))


def test_of_a_crowd_all_rivals_are_told() -> None:
    found = subject(face(LEFT), face(300, 9_500), face(RIGHT, 9_000), face(MIDDLE, 2_000), unusable={2})
    assert found == Subject(0, rivals=(1,), others=(3,))


# --- a box that says which one ---


def test_the_face_that_overlaps_a_box_most_is_chosen() -> None:
    assert chosen_face([face(LEFT), face(RIGHT)], (650, 200, 200, 200)) == 1


def test_a_box_beside_every_face_chooses_none() -> None:
    assert chosen_face([face(LEFT), face(RIGHT)], (400, 280, 40, 40)) is None


def test_a_box_that_only_touches_a_face_chooses_none() -> None:
    assert chosen_face([face(LEFT)], (195, 250, 100, 100)) is None


def test_nothing_is_chosen_where_there_is_no_face() -> None:
    assert chosen_face([], (0, 0, 10, 10)) is None


def test_the_rule_loads_no_numbers() -> None:
    code = "import sys, shared.faces.subject; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
