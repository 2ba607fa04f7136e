"""The examples of docs/style.md run as they stand."""

from pathlib import Path

from shared.embedded.stack import Stack
from tests.e2e.guide import Guide


def test_the_examples_of_the_guide_to_styles_run(running: Stack, tmp_path: Path) -> None:
    told = Guide("docs/style.md", running, tmp_path).shell()
    assert told.count('"status":"succeeded"') == 4, told
    assert "event: progress" in told
    assert '"preview":"/v1/jobs/' in told
    assert "event: succeeded" in told
    assert '"memory_bytes"' in told
