"""The contract as it was last agreed to: a change of it shows in review as a change of docs/openapi.json.

`make openapi` writes that file anew.
"""

import json
from pathlib import Path

from tests.unit.gateway.web.test_openapi import lonely_app

AGREED = Path(__file__).parents[4] / "docs" / "openapi.json"


def made() -> str:
    return json.dumps(lonely_app().spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_document_is_the_one_that_was_agreed_to() -> None:
    changed = made() != AGREED.read_text()
    assert not changed, "The contract has changed. If that is meant: make openapi, and look at the difference."


if __name__ == "__main__":
    AGREED.write_text(made())
