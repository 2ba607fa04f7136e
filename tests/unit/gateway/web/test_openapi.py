"""The OpenAPI document: valid, complete, and true of every route."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from apiflask import APIFlask
from openapi_spec_validator import validate
from pydantic import SecretStr

from gateway.app import create_app
from gateway.web.operations import operation_of
from gateway.wsgi import assemble
from shared.queue import connect
from shared.settings import RedisSettings, S3Settings, Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import MATCH, PHOTO, Api, FakeWorker


@cache
def lonely_app() -> APIFlask:
    """The application with nothing behind it: enough to say what its routes are, before any fixture runs."""
    settings = Settings(
        redis=RedisSettings(url=SecretStr("redis://127.0.0.1:1/0")),
        s3=S3Settings(endpoint="unused:1", access_key="key", secret_key=SecretStr("not-a-placeholder")),
    )
    return create_app(settings, assemble(settings, MemoryStore(), connect(settings.redis), lambda *_: None))


@cache
def spec() -> dict[str, Any]:
    document = lonely_app().test_client().get("/openapi.json").get_json()
    assert isinstance(document, dict)
    return document


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec()["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


PUBLIC = {"/healthz", "/readyz"}
ROUTES = [(method, path) for method, path, _ in operations()]
PROTECTED = [(method, path) for method, path in ROUTES if path not in PUBLIC]


def test_the_document_is_valid_openapi_31() -> None:
    assert spec()["openapi"].startswith("3.1.")
    validate(spec())


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_key_every_route_is_401(method: str, path: str) -> None:
    url = re.sub(r"{\w+}", "anything", path)
    answer = lonely_app().test_client().open(url, method=method)
    assert answer.status_code == 401
    assert answer.get_json(force=True)["code"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route not in PROTECTED])
def test_public_routes_are_said_to_be(method: str, path: str) -> None:
    assert spec()["paths"][path][method.lower()]["security"] == []


def test_every_route_of_the_application_is_in_the_document() -> None:
    """Beside the pages for people."""
    app = lonely_app()
    rules = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/docs", "/console")) and rule.rule not in {"/", "/openapi.json"}
    }
    assert rules == set(ROUTES)
    assert all(
        operation_of(app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules() if "v1" in rule.rule
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_operation_says_what_it_does_and_what_may_go_wrong(method: str, path: str) -> None:
    described = spec()["paths"][path][method.lower()]
    assert described["summary"].endswith(".")
    assert described["operationId"]
    responses = described["responses"]
    assert any(status.startswith("2") for status in responses)
    expected = {"500"} | ({"401", "503"} if path not in PUBLIC else set()) | ({"404", "422"} if "{" in path else set())
    assert expected <= set(responses)


BODIES = [(method, path) for method, path, described in operations() if "requestBody" in described]


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_is_described_as_form_and_as_json_with_the_same_fields(method: str, path: str) -> None:
    content = spec()["paths"][path][method.lower()]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    model, form = spec()["components"]["schemas"][name], content["multipart/form-data"]["schema"]
    assert set(model["properties"]) == set(form["properties"])
    assert model["additionalProperties"] is form["additionalProperties"] is False


def test_every_body_that_carries_pictures_says_so() -> None:
    form = spec()["paths"]["/v1/stylizations"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    files = {name for name, field in form["properties"].items() if field.get("format") == "binary"}
    repeated = {name for name, field in form["properties"].items() if field.get("items", {}).get("format") == "binary"}
    assert (files, repeated) == ({"content", "keep", "init_image"}, {"style", "style_masks"})
    json_schema = spec()["components"]["schemas"]["Comparison"]
    assert json_schema["properties"]["image_a"]["contentEncoding"] == "base64"
    assert set(json_schema["required"]) == {"image_a", "image_b"}


def test_ranges_and_choices_are_those_of_the_code() -> None:
    schemas = spec()["components"]["schemas"]
    top_k = schemas["Recognition"]["properties"]["top_k"]
    assert (top_k["minimum"], top_k["maximum"], top_k["default"]) == (1, 100, 5)
    assert schemas["StyleMode"]["enum"] == ["fast", "fine"]
    assert "verify-fmr-1e-4" in schemas["Verification"]["properties"]["policy"]["examples"]
    layers = schemas["Stylization"]["properties"]["style_layers"]["anyOf"][0]
    assert {"conv1_1", "conv5_3"} <= set(layers["propertyNames"]["enum"])


@pytest.mark.parametrize("path", ["/v1/comparisons", "/v1/stylizations", "/v1/galleries/{gallery}/recognitions"])
def test_a_post_that_makes_a_job_describes_waiting(path: str) -> None:
    described = spec()["paths"][path]["post"]
    assert "Prefer" in [parameter["name"] for parameter in described["parameters"]]
    assert {"200", "202"} <= set(described["responses"])
    assert {"Location", "Retry-After"} <= set(described["responses"]["202"]["headers"])


def test_a_job_as_answered_fits_its_schema(api: Api, worker: FakeWorker, staff: str) -> None:
    from jsonschema import Draft202012Validator

    schema = {"$ref": "#/components/schemas/JobDocument", "components": spec()["components"]}
    validator = Draft202012Validator(schema)
    path = f"/v1/galleries/{staff}/verifications"
    queued = api.upload(path, {"person": "ada"}, image=PHOTO).get_json()
    worker.succeed(MATCH)
    done = api.get(f"/v1/jobs/{queued['id']}").get_json()
    for job in (queued, done):
        validator.validate(job)


def test_problems_are_described_once() -> None:
    for response in spec()["components"]["responses"].values():
        content = response["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_whoever_is_to_come_again_is_told_where_it_says_when() -> None:
    answers = spec()["components"]["responses"]
    assert {name for name, answer in answers.items() if "Retry-After" in answer["headers"]} == {
        "Problem429",
        "Problem503",
    }
    assert "WWW-Authenticate" in answers["Problem401"]["headers"]


def test_what_is_sent_in_part_says_so(api: Api) -> None:
    """Every answer to a `Range` or `If-None-Match` is in the document."""
    said = spec()["paths"]["/v1/styles/{style}/image"]["get"]["responses"]
    picture = "/v1/styles/poppies/image"
    tag = api.get(picture).headers["ETag"]
    for name, value, status in (
        ("Range", "bytes=0-9", 206),
        ("Range", "bytes=99999999-", 416),
        ("If-None-Match", tag, 304),
    ):
        assert api.get(picture, headers={name: value}).status_code == status
        assert str(status) in said
    assert {"206", "302", "304", "416"} <= set(spec()["paths"]["/v1/jobs/{job}/image"]["get"]["responses"])
