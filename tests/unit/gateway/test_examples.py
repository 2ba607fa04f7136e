"""The recorded examples against the contract as it is: `make examples` records them anew."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from gateway.web.openapi import EXAMPLES
from tests.unit.gateway.web.test_openapi import lonely_app

JSON = "application/json"
SPEC = cast("dict[str, Any]", lonely_app().spec)
RECORDED: dict[str, Any] = json.loads(EXAMPLES.read_text())
OUTLINES = {outline["operationId"]: outline for methods in SPEC["paths"].values() for outline in methods.values()}


def examples() -> Iterator[tuple[str, str, Any, Any]]:
    """Operation, what of it, the example, its schema."""
    for operation, outline in OUTLINES.items():
        contents = {"request": outline.get("requestBody", {}), **outline["responses"]}
        for name, content in contents.items():
            described = content.get("content", {}).get(JSON, {})
            if "example" in described:
                yield operation, name, described["example"], described["schema"]


@pytest.mark.parametrize(("operation", "name", "example", "schema"), list(examples()))
def test_an_example_fits_its_schema(operation: str, name: str, example: Any, schema: Any) -> None:
    validator = Draft202012Validator({**schema, "components": SPEC["components"]})
    problems = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(example)]
    assert not problems, f"{operation} {name}: make examples"


@pytest.mark.parametrize("operation", OUTLINES)
def test_an_operation_shows_what_is_sent_and_what_is_answered(operation: str) -> None:
    outline = OUTLINES[operation]
    request = outline.get("requestBody", {}).get("content", {}).get(JSON)
    answers = [answer["content"][JSON] for answer in outline["responses"].values() if JSON in answer.get("content", {})]
    assert request is None or "example" in request, "make examples"
    assert not answers or any("example" in answer for answer in answers), "make examples"


def test_what_was_recorded_are_operations_of_the_contract() -> None:
    assert set(RECORDED) <= set(OUTLINES)


def test_no_example_shows_a_secret() -> None:
    text = EXAMPLES.read_text()
    assert "127.0.0.1" not in text
    for token in ("lk_", "whsec_"):
        for found in text.split(token)[1:]:
            assert found.split('"')[0].rstrip("=").endswith(("x" * 43, "A" * 32))
