"""A report as the three files it is handed out in, and in two sentences."""

from shared.ml.face.evaluation.markdown import accuracy_line, data_line, to_markdown
from shared.ml.face.evaluation.page import draw_page
from shared.ml.face.evaluation.report import EvaluationReport
from shared.ml.face.face_set import FaceSet


def files(report: EvaluationReport, faces: FaceSet) -> dict[str, bytes]:
    """report.json, report.md and report.png, with the bytes of each."""
    return {
        "report.json": report.model_dump_json(indent=1).encode(),
        "report.md": to_markdown(report).encode(),
        "report.png": draw_page(report, faces),
    }


def summary(report: EvaluationReport) -> str:
    """The main figures: the data, and the accuracy or why there is none."""
    return f"{data_line(report)} 1:1 accuracy: {accuracy_line(report)}"
