"""docs/api.md names every call and every error code, and none that is not there."""

import re
from pathlib import Path

from gateway import errors as gateway_errors  # noqa: F401 - its classes belong to the tree
from shared.errors import Conflict, InvalidInput, LikenessError, NotFound, Unavailable
from tests.unit.gateway.web.test_openapi import spec

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
UNLISTED = {"/openapi.json"}


def test_every_call_is_there_and_no_other() -> None:
    documented = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s?`]+)", PAGE))
    served = {
        (method.upper(), path)
        for path, methods in spec()["paths"].items()
        for method in methods
        if path not in UNLISTED
    }
    assert {call for call in documented if call[1] not in {"/openapi.json", "/docs"}} == served


def test_every_code_that_a_client_can_meet_is_there() -> None:
    def codes(error: type[LikenessError]) -> set[str]:
        return {error.code}.union(*(codes(child) for child in error.__subclasses__()))

    abstract = {InvalidInput.code, NotFound.code, Conflict.code, Unavailable.code}
    offline = {"invalid_dataset", "invalid_checkpoint"}
    met = set.union(*map(codes, (InvalidInput, NotFound, Conflict, Unavailable))) - abstract - offline
    assert sorted(code for code in met if f"`{code}`" not in PAGE) == []
