"""The examples of the README and of guides, run as they stand beside a stack."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.embedded.stack import Stack

ROOT = Path(__file__).parents[2]


class Guide:
    """Runs the code blocks of a page in a folder that looks like a checkout with `make up` under way."""

    def __init__(self, page: str, running: Stack, folder: Path) -> None:
        if shutil.which("curl") is None and "CI" not in os.environ:
            pytest.skip("curl is not installed")
        self._text = (ROOT / page).read_text()
        self._folder = folder
        (folder / ".likeness").symlink_to(running.home)
        (folder / "tests").symlink_to(ROOT / "tests")
        (folder / ".venv").symlink_to(sys.prefix)

    def shell(self) -> str:
        """What the bash blocks say, all in one shell."""
        return self._run("bash", "-c", "set -e\n" + "\necho\n".join(self._blocks("bash")))

    def python(self) -> str:
        """What the Python blocks say, all in one process."""
        return self._run(sys.executable, "-c", "\n".join(self._blocks("python")))

    def _blocks(self, language: str) -> list[str]:
        return re.findall(rf"```{language}\n(.*?)```", self._text, flags=re.DOTALL)

    def _run(self, *command: str) -> str:
        ours = str(Path(sys.executable).parent)
        others = [one for one in os.environ["PATH"].split(os.pathsep) if one != ours]
        # a page that says where the commands are must be right
        path = os.pathsep.join(others if "export PATH=" in self._text else [ours, *others])
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "LIKENESS_DEVICE": "cpu"}
        done = subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
