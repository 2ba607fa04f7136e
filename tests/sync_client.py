"""`make client`: the synchronous client out of the asynchronous one, so that nothing is written twice.

`gateway/client/_async` is the source; `gateway/client/_sync` is made of it, committed, and tested to be fresh.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from unasync import Rule, unasync_files

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "gateway" / "client" / "_async"
MADE = ROOT / "gateway" / "client" / "_sync"
HEADER = "# Made of gateway/client/_async by `make client`: change it there.\n"
OTHERS = {
    "_async": "_sync",
    "async_sleep": "sleep",
    "aclosing": "closing",
    "aclose": "close",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
}


def make(target: Path) -> None:
    """Write the synchronous client into a folder, formatted as everything here."""
    sources = sorted(SOURCE.glob("*.py"))
    names = {name for path in sources for name in re.findall(r"\bAsync[A-Z]\w+", path.read_text())}
    replacements = {name: name.removeprefix("Async") for name in names} | OTHERS
    with tempfile.TemporaryDirectory(dir=ROOT / "gateway" / "client", prefix=".sync-") as scratch:
        folder = Path(scratch)
        unasync_files([str(path) for path in sources], [Rule(str(SOURCE), str(folder), replacements)])
        for path in sorted(folder.glob("*.py")):
            path.write_text(HEADER + path.read_text())
        for tidy in (["check", "--fix", "--unsafe-fixes", "--select", "C416,F401,I,UP028"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *tidy, "--quiet", folder], cwd=ROOT, check=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))


if __name__ == "__main__":
    make(MADE)
