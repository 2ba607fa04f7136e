"""The client knows every path of the API."""

import ast
import re
from collections.abc import Iterator

from tests.sync_client import SOURCE
from tests.unit.gateway.conftest import Api


def paths() -> Iterator[str]:
    """What `at(...)` makes, with `{}` for each id."""
    for file in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "at":
                for parts in choices(node.args):
                    yield "/v1/" + "/".join(parts)


def choices(arguments: list[ast.expr]) -> Iterator[list[str]]:
    """The parts of a path; one that is chosen by a condition gives two."""
    if not arguments:
        yield []
        return
    first, *rest = arguments
    options = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
    for option in options:
        part = str(option.value) if isinstance(option, ast.Constant) else "{}"
        for more in choices(rest):
            yield [part, *more]


def test_every_path_of_the_api_is_known(api: Api) -> None:
    document = api.get("/openapi.json").get_json()
    wanted = {re.sub(r"{\w+}", "{}", path) for path in document["paths"] if path.startswith("/v1/")}
    # links of answers lead there: they are followed, not made
    linked = {"/v1/jobs/{}/report/{}", "/v1/jobs/{}/previews/{}", "/v1/batches/{}/images/{}"}
    events = {"/v1/jobs/{}/events", "/v1/batches/{}/events"}
    assert wanted - set(paths()) - linked - events == set()
    assert set(paths()) - wanted == set()
