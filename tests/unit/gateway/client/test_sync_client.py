"""The synchronous client is what the asynchronous one makes it."""

from pathlib import Path

from tests.sync_client import MADE, make


def test_the_synchronous_client_is_fresh(tmp_path: Path) -> None:
    make(tmp_path / "made")
    made = {path.name: path.read_text() for path in (tmp_path / "made").glob("*.py")}
    kept = {path.name: path.read_text() for path in MADE.glob("*.py")}
    assert kept == made, "run `make client`"


def test_nothing_asynchronous_is_left_in_it() -> None:
    words = {word for path in MADE.glob("*.py") for word in path.read_text().split()}
    assert not words & {"async", "await"}
