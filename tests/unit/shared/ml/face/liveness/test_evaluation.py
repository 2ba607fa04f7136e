"""Error rates of passive liveness, from scores whose counts are known."""

import json
from collections.abc import Mapping, Sequence

import pytest
from scipy.stats import binomtest

from shared.errors import InvalidDataset, UnsupportedImage
from shared.ml.face.liveness.evaluation import LivenessReport, conclusion, evaluate, to_markdown
from shared.ml.face.liveness.passive import DEFAULT_PASSIVE
from shared.ml.face.people import FileProblem, Photo, PhotoCollection


def collection(scores: Mapping[str, Sequence[float | str]]) -> PhotoCollection:
    """A photo's bytes are its score, or the reason why it has none."""
    photos = [
        Photo(kind, f"{kind}/{number}.jpg", lambda value=value: json.dumps(value).encode())  # type: ignore[misc]
        for kind, values in scores.items()
        for number, value in enumerate(values)
    ]
    return PhotoCollection(tuple(photos), (FileProblem("notes.txt", "is not a picture"),))


def report(scores: Mapping[str, Sequence[float | str]]) -> LivenessReport:
    def score(data: bytes) -> float | str:
        value: float | str = json.loads(data)
        return value

    return evaluate(collection(scores), score, DEFAULT_PASSIVE)


MEASURED: Mapping[str, Sequence[float | str]] = {
    "bona_fide": [0.9] * 38 + [0.4, 0.2] + ["no face"],
    "print": [0.1] * 9 + [0.7],
    "replay": [0.5, 0.49, 0.6, "no face"],
}


def test_bpcer_counts_live_faces_below_the_threshold() -> None:
    bona_fide = report(MEASURED).bona_fide
    assert bona_fide.error is not None
    assert (bona_fide.error.errors, bona_fide.error.trials) == (2, 40)
    exact = binomtest(2, 40).proportion_ci(method="exact")
    assert (bona_fide.error.low, bona_fide.error.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_apcer_is_told_for_each_species_and_the_worst_is_named() -> None:
    found = report(MEASURED)
    rates = {one.name: (one.error.errors, one.error.trials) for one in found.attacks if one.error}
    assert rates == {"print": (1, 10), "replay": (2, 3)}  # at the threshold itself an attack passes
    assert found.worst is not None
    assert found.worst.name == "replay"
    assert "replay: APCER 66.67%" in conclusion(found)


def test_photos_without_an_answer_are_no_part_of_the_error_rates() -> None:
    found = report(MEASURED)
    silent = {one.name: (one.non_response.errors, one.non_response.trials) for one in (found.bona_fide, *found.attacks)}
    assert silent == {"bona_fide": (1, 41), "print": (0, 10), "replay": (1, 4)}


def test_files_left_out_are_listed_with_their_reasons() -> None:
    listed = [(one.file, one.reason) for one in report(MEASURED).left_out]
    assert listed == [
        ("notes.txt", "is not a picture"), ("bona_fide/40.jpg", "no face"), ("replay/3.jpg", "no face"),
    ]  # fmt: skip


def test_a_file_that_is_no_picture_is_left_out() -> None:
    def score(_: bytes) -> float | str:
        raise UnsupportedImage("The file is not a JPEG, PNG or WebP image.")

    found = evaluate(collection({"bona_fide": [1.0]}), score, DEFAULT_PASSIVE)
    assert found.bona_fide.error is None
    assert found.left_out[1].reason.startswith("The file is not")


def test_without_attacks_only_bpcer_is_told() -> None:
    found = report({"bona_fide": [0.9, 0.1]})
    assert found.worst is None
    assert "nothing is said about attacks" in to_markdown(found)


@pytest.mark.parametrize("scores", [{}, {"print": [0.1]}])
def test_without_bona_fide_presentations_it_says_what_to_do(scores: dict[str, list[float]]) -> None:
    with pytest.raises(InvalidDataset, match=f"bona_fide.*{'print' if scores else 'none'}"):
        report(scores)


def test_the_report_is_a_table_of_all_rates() -> None:
    text = to_markdown(report(MEASURED))
    assert "| bona\\_fide | 41 | BPCER 5.00% (0.61% to 16.92%) | BPNRR 2.44%" in text
    assert "| replay | 4 | APCER 66.67%" in text
    assert "- replay/3.jpg: no face" in text
