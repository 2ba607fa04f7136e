"""The examples of docs/faces.md run as they stand."""

from pathlib import Path

from shared.embedded.stack import Stack
from tests.e2e.guide import Guide


def test_the_examples_of_the_guide_to_faces_run(running: Stack, tmp_path: Path) -> None:
    guide = Guide("docs/faces.md", running, tmp_path)
    told = guide.shell()
    for expected in (
        '"landmarks"',
        '"lookalike"',
        "already_enrolled",
        '"identity_conflict"',
        "threshold",
        "Report: evaluation-door",
        "accurate",
        '"match"',
        "open",
    ):
        assert expected in told
    for report in ("evaluation", "evaluation-door"):
        assert (tmp_path / report / "report.png").read_bytes().startswith(b"\x89PNG")

    told = guide.python()
    assert "lookalike" in told
    assert "cannot be promised" in told
    assert "training needs" in told
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
