"""The OpenAPI 3.1 document, made from the routes' operations and the pydantic models they name."""

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from werkzeug.routing import Rule

from gateway.web import idempotency
from gateway.web.bodies import JSON, MULTIPART, Body, file_fields
from gateway.web.event_streams import EVENT_ID
from gateway.web.operations import Operation, operation_of
from gateway.web.problems import PROBLEM_TYPE, Problem
from gateway.web.responses import JobDocument
from shared.schemas import ID_PATTERN

Json = dict[str, Any]

PARAMETER = re.compile(r"{(\w+)}")
JOBS = "/v1/jobs"
FILES = ("image/", "*/*")  # media types of what gateway/web/downloads.py sends, whole, in part or not again
EXAMPLES = Path(__file__).with_name("examples.json")  # recorded: tests/e2e/record_examples.py

SECURITY = "ApiKey"
SECURITY_SCHEMES = {SECURITY: {"type": "http", "scheme": "bearer", "description": "An API key: `lk_{id}_{secret}`."}}
DESCRIPTION = """Face verification, face recognition and neural style transfer.

Every POST that works on a picture makes a job: the answer is 202 with its `Location`, or, with
`Prefer: wait=N`, 200 with the finished job if it is done within N seconds (at most 30)."""
PROBLEMS: Mapping[int, str] = {
    400: "The request cannot be understood (`malformed_body`, `invalid_prefer`, `invalid_idempotency_key`).",
    401: "The API key is missing or not valid.",
    403: "The API key lacks the scope.",
    404: "There is no such object.",
    409: "It conflicts with what is there.",
    413: "The body or an image is too large; the limit is in `detail`.",
    415: "The body or an image is of a type that is not accepted.",
    416: "The file has no such part as `Range` asks for.",
    422: "A field, an id or an image is not valid.",
    429: "Too many requests of this key, or attempts on a person: try again after `Retry-After` seconds.",
    500: "An unexpected error, logged under the request id.",
    503: "Nothing is wrong with the request: try again after `Retry-After` seconds.",
}
REQUEST_ID_HEADER = {"X-Request-Id": {"description": "names the request in the log", "schema": {"type": "string"}}}
ACCEPTED_HEADERS = {
    "Location": {"description": "the job", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds until it is worth asking", "schema": {"type": "integer"}},
}
SENT_ON_HEADERS = {"Location": {"description": "where the file is", "schema": {"type": "string"}}}
_WHY = {"WWW-Authenticate": {"description": "what is missing (RFC 6750)", "schema": {"type": "string"}}}
_AGAIN = {"Retry-After": {"description": "seconds until it is worth trying again", "schema": {"type": "integer"}}}
PROBLEM_HEADERS: Mapping[int, Json] = {401: _WHY, 403: _WHY, 429: _AGAIN, 503: _AGAIN}
PREFER: Json = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N`: seconds, at most 30, to wait for the result (RFC 7240)",
    "schema": {"type": "string", "examples": ["wait=10"]},
}
IDEMPOTENCY_KEY: Json = {
    "name": idempotency.HEADER,
    "in": "header",
    "description": "sent again with the same content within a day, the request is done once",
    "schema": {
        "type": "string",
        "pattern": f"^{idempotency.KEY.pattern}$",
        "examples": ["a8098c1a-f86e-11da-bd1a-00112444be1e"],
    },
}
LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "resume after this event",
    "schema": {"type": "string", "pattern": f"^{EVENT_ID}$"},
}
EVENT: Json = {  # of a stream; not the stream itself
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "for Last-Event-ID"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


def complete(app: APIFlask, spec: Json) -> Json:
    """Fill the outline that APIFlask made (paths, tags, summaries) with requests, answers and problems."""
    routes = dict(_routes(app, spec["paths"]))
    schemas = _schemas(routes.values())
    links = _Links(spec["paths"])
    examples = json.loads(EXAMPLES.read_text())
    for (path, method), described in routes.items():
        outline = spec["paths"][path][method]
        outline["parameters"] = [*_path_parameters(path), *_parameters(described, path)]
        outline["responses"] = _responses(described, path)
        if method == "post":
            outline["parameters"].append(IDEMPOTENCY_KEY)
            outline["responses"] = dict(sorted((_repeated() | outline["responses"]).items()))
        for status, model in described.answers.items():
            if method == "post" and (found := links.from_answer(path, model)):
                outline["responses"][str(status)]["links"] = found
        if described.public:
            outline["security"] = []
        if described.needed:
            named = " or ".join(f"`{scope}`" for scope in described.needed)
            outline["description"] = f"{outline.get('description', '')}\n\nScope: {named}.".strip()
        if described.body:
            outline["requestBody"] = _request_body(described.body, schemas, required=not described.body_optional)
        _exemplify(outline, examples.get(outline["operationId"], {}))
    spec["security"] = [{SECURITY: []}]
    spec["components"] = {
        "schemas": schemas,
        "securitySchemes": SECURITY_SCHEMES,
        "responses": {f"Problem{status}": _problem(status, text) for status, text in PROBLEMS.items()},
    }
    return spec


def _exemplify(outline: Json, example: Json) -> None:
    if "request" in example:
        outline["requestBody"]["content"][JSON]["example"] = example["request"]
    for status, answer in example.get("answers", {}).items():
        outline["responses"][status]["content"][JSON]["example"] = answer


class _Links:
    """What may be asked of an object that a POST has made: every operation that needs its id and no other."""

    def __init__(self, outlines: Json) -> None:
        self._operations = [
            (path, outline["operationId"]) for path, methods in outlines.items() for outline in methods.values()
        ]

    def from_answer(self, path: str, model: type[BaseModel] | str | None) -> Json:
        if not isinstance(model, type) or "id" not in model.model_fields:
            return {}
        parent = JOBS if model is JobDocument else path
        known = {name: f"$request.path.{name}" for name in PARAMETER.findall(parent)}
        found: Json = {}
        for other, operation in self._operations:
            names = PARAMETER.findall(other)
            if other.startswith(f"{parent}/{{") and len(names) == len(known) + 1:
                parameters = {**known, names[-1]: "$response.body#/id"}
                found[operation] = {"operationId": operation, "parameters": parameters}
        return found


def _routes(app: APIFlask, outlines: Json) -> Iterator[tuple[tuple[str, str], Operation]]:
    for rule in app.url_map.iter_rules():
        path, described = _path(rule), operation_of(app.view_functions[rule.endpoint])
        if described and path in outlines:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield (path, method.lower()), described


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:[^<:]+:)?([^>]+)>", r"{\1}", rule.rule)


def _schemas(operations: Any) -> Json:
    """Every model that an operation names, and every model in those, by its name."""
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for described in operations:
        if described.body:
            found[described.body, "validation"] = None
        for model in described.answers.values():
            if isinstance(model, type):
                found[model, "serialization"] = None
    _, document = models_json_schema(list(found), ref_template="#/components/schemas/{model}")
    return dict(sorted(document["$defs"].items()))


def _request_body(model: type[Body], schemas: Json, *, required: bool) -> Json:
    return {
        "required": required,
        "content": {
            MULTIPART: {"schema": _as_form(model, schemas)},
            JSON: {"schema": _ref(model)},
        },
    }


def _as_form(model: type[Body], schemas: Json) -> Json:
    """The same fields in a multipart body, where files are not base64."""
    schema, files = schemas[model.__name__], file_fields(model)
    properties = {
        name: _as_file(field) if name in files else _as_text(field) for name, field in schema["properties"].items()
    }
    return {**schema, "title": f"{schema['title']}Form", "properties": properties}


def _as_file(field: Json) -> Json:
    for option in field.get("anyOf", [field]):
        if option.get("type") == "array":
            described = {name: value for name, value in field.items() if name != "anyOf"}
            return {**option, **described, "items": {"type": "string", "format": "binary"}}
    return {"type": "string", "format": "binary", "description": _file_description(field)}


def _as_text(field: Json) -> Json:
    """A form has no null: what is not meant is left out."""
    options = [option for option in field.get("anyOf", ()) if option != {"type": "null"}]
    kept = {name: value for name, value in field.items() if name != "anyOf" and (name, value) != ("default", None)}
    match options:
        case []:
            return kept
        case [only]:
            return {**only, **kept}
        case _:
            return {"anyOf": options, **kept}


def _file_description(field: Json) -> str:
    """Of the file itself where the field may also be left out."""
    (file,) = [option for option in field.get("anyOf", [field]) if "contentEncoding" in option]
    return str(file["description"])


def _path_parameters(path: str) -> Iterator[Json]:
    for name in PARAMETER.findall(path):
        schema = {"type": "string", "pattern": ID_PATTERN}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _parameters(described: Operation, path: str) -> Iterator[Json]:
    if described.query:
        schema = described.query.model_json_schema()
        for name, field in schema["properties"].items():
            description = field.get("description", "")
            yield {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": description,
                "schema": _inlined(field, schema),
            }
    if described.waits:
        yield PREFER
    if path.endswith("/events"):
        yield LAST_EVENT_ID


def _inlined(field: Json, schema: Json) -> Json:
    """A field of a model without its reference to the model's own definitions."""
    name = field.get("$ref", "").rsplit("/", 1)[-1]
    return {**schema.get("$defs", {}).get(name, {}), **{key: value for key, value in field.items() if key != "$ref"}}


def _responses(described: Operation, path: str) -> Json:
    answers: Json = {str(status): _answer(status, model) for status, model in described.answers.items()}
    problems = {500, *described.problems}
    file = described.answers.get(200)
    if isinstance(file, str) and file.startswith(FILES):
        answers |= {"206": _answer(206, file), "304": _answer(304, None)}
        problems |= {416}
    if not described.public:
        problems |= {401, 429, 503}
    if described.needed:
        problems |= {403}
    if "{" in path:
        problems |= {404, 422}
    if described.body:
        problems |= {400, 413, 415, 422}
        if file_fields(described.body):
            problems |= {404, 409}  # an upload, or what a field names
    if described.query or path.endswith("/events"):
        problems |= {422}
    refs = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(problems)}
    return answers | refs


def _repeated() -> Json:
    """What may go wrong with an Idempotency-Key."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in (400, 409, 422)}


def _answer(status: int, model: type[BaseModel] | str | None) -> Json:
    headers = REQUEST_ID_HEADER | {202: ACCEPTED_HEADERS, 302: SENT_ON_HEADERS}.get(status, {})
    answer: Json = {"description": HTTPStatus(status).phrase, "headers": headers}
    match model:
        case None:
            pass
        case "text/event-stream":
            answer["content"] = {model: {"schema": EVENT}}
        case str(media_type):
            binary = {"type": "string", "format": "binary"} if media_type.startswith("image/") else {"type": "string"}
            answer["content"] = {media_type: {"schema": binary}}
        case _:
            answer["content"] = {JSON: {"schema": _ref(model)}}
    return answer


def _problem(status: int, description: str) -> Json:
    return {
        "description": description,
        "headers": REQUEST_ID_HEADER | PROBLEM_HEADERS.get(status, {}),
        "content": {PROBLEM_TYPE: {"schema": _ref(Problem)}},
    }


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
