"""`evaluate-liveness` on portraits: what it writes and says."""

import json
import os
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from shared.errors import InvalidDataset, WeightsCorrupt
from shared.ml.weights import MINIFASNET_V2
from workers.tools.evaluate_liveness import evaluate_liveness

ROOT = Path(__file__).parents[4]
WEIGHTS = Path(os.environ.get("LIKENESS_WEIGHTS_DIR", ROOT.parent / "shared" / "weights" / "minifasnet"))
PORTRAITS = ROOT / "tests" / "data" / "faces"

pytestmark = pytest.mark.usefixtures("weights_dir")
here = pytest.mark.skipif(
    not (WEIGHTS / MINIFASNET_V2.file_name).is_file(),
    reason="MiniFASNet's weights are not here (LIKENESS_WEIGHTS_DIR names their directory)",
)
app = typer.Typer()
app.command()(evaluate_liveness)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Live faces, and one portrait as an attack: it passes, as it is none."""
    root = tmp_path / "presentations"
    for kind, names in {"bona_fide": ["hopper.jpg", "biden.jpg"], "print": ["sunak.jpg"]}.items():
        (root / kind).mkdir(parents=True)
        for name in names:
            shutil.copy(PORTRAITS / name, root / kind)
    (root / "print" / "broken.jpg").write_bytes(b"no picture")
    return root


@here
def test_it_writes_a_report_and_lists_what_gave_no_answer(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(folder), "-o", str(tmp_path / "out"), "--weights-dir", str(WEIGHTS)])
    assert done.exit_code == 0, done.output
    assert "left out: print/broken.jpg: The file is text" in done.output
    assert "The attack that passes most often is print: APCER 100.00%" in done.output
    report = json.loads((tmp_path / "out" / "liveness.json").read_text())
    assert report["bona_fide"]["error"]["errors"] == 0
    assert "| print | 2 | APCER 100.00%" in (tmp_path / "out" / "liveness.md").read_text()


@here
def test_json_alone_where_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    options = ["-o", str(tmp_path / "out"), "--weights-dir", str(WEIGHTS), "--json"]
    done = CliRunner().invoke(app, [str(folder), *options])
    assert json.loads(done.stdout)["policy"] == "passive-half"


def test_a_directory_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(tmp_path / "none")])
    assert isinstance(done.exception, InvalidDataset)


def test_a_file_that_is_not_the_authors_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / MINIFASNET_V2.file_name).write_bytes(b"not it")
    done = CliRunner().invoke(app, [str(folder), "--weights-dir", str(tmp_path)])
    assert isinstance(done.exception, WeightsCorrupt)
