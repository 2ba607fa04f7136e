import json
from dataclasses import replace

import numpy as np
import pytest

from shared.errors import InsufficientData
from shared.ml.face.evaluation.evaluate import SHOWN, evaluate
from shared.ml.face.evaluation.files import files, summary
from shared.ml.face.evaluation.pairs import read_pairs
from shared.ml.face.evaluation.report import EvaluationReport
from shared.ml.face.face_set import FaceSet
from shared.ml.face.people import FileProblem
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces


def test_the_same_seed_gives_the_same_report_and_another_does_not() -> None:
    faces = synthetic_faces(40, 3, spread=1.5)
    assert evaluate(faces, seed=5) == evaluate(faces, seed=5)
    assert evaluate(faces, seed=5).identification != evaluate(faces, seed=6).identification


def test_the_report_survives_json() -> None:
    report = evaluate(synthetic_faces(40, 3), name="Zoë's")
    data = json.loads(report.model_dump_json())
    assert data["verification"]["tar_at_far"][0]["tar"]["value"] == 1.0
    assert data["data"] == {"name": "Zoë's", "files": 120, "faces": 120, "people": 40, "people_with_one_face": 0}


def test_a_person_with_one_face_counts_as_impostor_and_stranger() -> None:
    many, single = synthetic_faces(10, 2), synthetic_faces(30, 1, seed=1)
    faces = FaceSet(
        "m",
        "d",
        (*many.names, *(f"single-{name}" for name in single.names)),
        (*many.people, *(f"single-{person}" for person in single.people)),
        np.concatenate([many.embeddings, single.embeddings]),
    )
    report = evaluate(faces)
    assert report.data.people_with_one_face == 30
    assert report.verification.genuine_pairs == 10
    assert report.verification.impostor_pairs == 50 * 49 // 2 - 10
    assert report.identification[0].persons == 10


def test_the_worst_errors_show_no_photo_and_no_two_people_twice() -> None:
    report = evaluate(synthetic_faces(30, 4, spread=2))
    for errors in (report.closest_impostors, report.farthest_genuine):
        shown = [name for error in errors for name in (error.a, error.b)]
        assert len(errors) == SHOWN
        assert len(set(shown)) == len(shown)
    assert all(error.a.split("/")[0] != error.b.split("/")[0] for error in report.closest_impostors)
    assert all(error.a.split("/")[0] == error.b.split("/")[0] for error in report.farthest_genuine)


def test_one_person_is_not_enough_and_the_first_reason_is_named() -> None:
    faces = synthetic_faces(1, 5)
    with pytest.raises(InsufficientData, match=r"faces of 1 person; at least 2 are needed.*folder of his own"):
        evaluate(faces)
    refused = replace(faces, problems=(FileProblem("b/1.jpg", "no_face"),))
    with pytest.raises(InsufficientData, match=r"1 file was left out: b/1.jpg: no_face"):
        evaluate(refused)


def test_no_face_at_all_is_not_enough() -> None:
    with pytest.raises(InsufficientData, match="faces of 0 people"):
        evaluate(FaceSet("m", "d", (), (), np.empty((0, 8), np.float32)))


def test_a_pairs_file_replaces_the_drawn_pairs() -> None:
    faces = synthetic_faces(10, 2)
    report = evaluate(faces, pairs=read_pairs("p000 1 2\np001 1 p002 1\np003 1 2\np000 1 p009 9\n", faces))
    assert report.verification.folds is not None
    assert report.verification.folds.pairs == 3
    assert [left.file for left in report.left_out_pairs] == ["p000 1 p009 9"]


def odd() -> tuple[EvaluationReport, FaceSet]:
    """Names that Markdown, matplotlib's mathematics and its font have trouble with; one photo each."""
    names = ("$\\frac{/a|b.jpg", "日本語/*_#`<b>.jpg", "עברית/[x](y).jpg")
    faces = FaceSet(
        "m", "d", names, tuple(n.split("/")[0] for n in names), np.eye(3, dtype=np.float32),
        problems=(FileProblem("x|y/_.jpg", "no_face"),),
    )  # fmt: skip
    return evaluate(faces, name="a_b"), faces


def test_odd_names_and_too_little_data_still_make_three_files() -> None:
    report, faces = odd()
    written = files(report, faces)
    assert set(written) == {"report.json", "report.md", "report.png"}
    text = written["report.md"].decode()
    assert "| 0.000 | $\\frac{/a|b.jpg" not in text
    assert r"\$\\frac\{/a\|b.jpg" in text
    assert r"日本語/\*\_\#\`\<b\>.jpg" in text
    assert r"- x\|y/\_.jpg: no\_face" in text
    assert "Ten folds: cannot be measured with 0 people of two photos and more, 3 in all" in summary(report)


def test_the_summary_names_accuracy_and_data() -> None:
    said = summary(evaluate(synthetic_faces(40, 3)))
    assert "120 usable faces in 120 files, of 40 people" in said
    assert "100.00% ± 0.00%" in said
