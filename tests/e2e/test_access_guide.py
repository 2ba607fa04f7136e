"""The examples of docs/access-control.md run as they stand."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.embedded.stack import Stack
from tests.e2e.guide import ROOT, Guide

PAGE = "docs/access-control.md"


def documents(text: str) -> Iterator[Any]:
    """The JSON objects that commands printed one after the other."""
    decoder = json.JSONDecoder()
    while (start := text.find("{")) >= 0:
        found, end = decoder.raw_decode(text[start:])
        yield found
        text = text[start + end :]


def test_the_examples_of_the_guide_to_access_control_run(running: Stack, tmp_path: Path) -> None:
    told = list(documents(Guide(PAGE, running, tmp_path).shell()))
    results = [document["result"] for document in told if document.get("result")]
    decided = [result["denial"] or result["decision"] for result in results if result.get("decision")]
    promised = re.findall(r"# ([a-z_]+)$", (ROOT / PAGE).read_text(), flags=re.MULTILINE)
    assert promised[0] == "granted"
    assert decided == promised
    calibration = told[-1]["result"]["calibration"]
    assert (calibration["source"], calibration["feedback"]["out_of_reach"]) == ("model", 1)
