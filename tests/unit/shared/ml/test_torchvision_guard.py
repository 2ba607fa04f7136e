"""The guard makes torchvision's models and transforms importable, and is the only way to them."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]

USE = """
import torch
from shared.ml.torchvision_guard import models, transforms
assert models.vgg16(weights=None, init_weights=False).features[0].weight.shape == (64, 3, 3, 3)
assert transforms.functional.resize(torch.zeros(1, 3, 8, 8), [4, 4], antialias=True).shape == (1, 3, 4, 4)
"""
TORCHVISION = re.compile(r"^\s*(from|import)\s+torchvision\b", re.MULTILINE)


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_models_and_transforms_work_in_a_fresh_process() -> None:
    done = run(USE)
    assert done.returncode == 0, done.stderr


def test_nothing_else_imports_torchvision() -> None:
    sources = [path for folder in ("shared", "workers", "gateway") for path in (ROOT / folder).rglob("*.py")]
    importing = [str(path.relative_to(ROOT)) for path in sources if TORCHVISION.search(path.read_text("utf-8"))]
    assert importing == ["shared/ml/torchvision_guard.py"]
