"""Reading a request into one frozen pydantic model, from multipart/form-data or from JSON.

The model is the only description of a request: names, types and ranges are checked from it here, and
gateway/web/openapi.py documents it from the same model. Nothing is accepted and ignored: unknown, repeated and
mistyped fields are refused by name.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Annotated, Any, NoReturn, TypeVar

from flask import Request, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from gateway.errors import InvalidBase64, InvalidId, MalformedBody, UnsupportedMediaType
from gateway.web import idempotency
from gateway.web.expectations import expectation, id_advice, located
from gateway.web.inline_files import NOT_BASE64, named_place
from gateway.web.memory_budget import reckon_body
from gateway.web.references import REFERENCE, File, in_memory, in_memory_or_store
from shared.errors import InvalidField, InvalidInput
from shared.images.formats import ACCEPTED
from shared.schemas import ID_PATTERN, ID_RULE, Id

JSON = "application/json"
MULTIPART = "multipart/form-data"
BYTE_ORDER_MARK = "\ufeff".encode()  # some systems write one before any text (RFC 8259, 8.1: may be ignored)
NOT_JSON = "The body is not valid JSON."
MOST_SENTENCES = 10
MOST_VALUES = 50_000  # of JSON: each takes some hundred bytes of memory, and a kilobyte when it is wrong


class Body(BaseModel):
    """Base of every request model."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Part:
    """Marks a field that is not plain text in a multipart body."""

    read: Callable[[str, str], Any] | None = None  # (name, text) -> value; None: the part is a file
    many: bool = False  # several under one name, in their order


def _json_text(example: str) -> Callable[[str, str], Any]:
    def read(name: str, text: str) -> Any:
        try:
            return parse_json(text)
        except MalformedBody:
            raise InvalidField(f"`{name}` must be JSON text, for example {example}.") from None

    return read


def _as_sent(_: str, text: str) -> str:
    return text


def _several(value: Any) -> Any:
    """A list, of one where the value is not in a list, empty for null."""
    match value:
        case None:
            return ()
        case list():
            return tuple(value)
        case tuple():
            return value
        case _:
            return (value,)


FILE = Part()
FILES = Part(many=True)
JSON_TEXT = Part(_json_text('{"conv4_2": 1}'))
JSON_LIST = Part(_json_text("[0.7, 0.3]"))
JSON_OBJECT = Part(_json_text('{"groups": ["staff"]}'))
TEXTS = Part(_as_sent, many=True)
OR_REFERENCE = "or the text upload:{id} of an upload"
IMAGE_SCHEMA = {
    "type": "string",
    "contentEncoding": "base64",
    "contentMediaType": "image/*",
    "description": f"{ACCEPTED}: a file part, or base64 in JSON (a data URL is understood), {OR_REFERENCE}",
}
_Image = Annotated[bytes, BeforeValidator(in_memory(lambda limits: limits.image_bytes)), WithJsonSchema(IMAGE_SCHEMA)]
ImageFile = Annotated[_Image, FILE]
OptionalImageFile = Annotated[_Image | None, FILE]
ImageFiles = Annotated[tuple[_Image, ...], FILES]
AnyImageFiles = Annotated[
    tuple[_Image, ...], BeforeValidator(_several, json_schema_input_type=_Image | tuple[_Image, ...]), FILES
]  # none, one or several
AnyIds = Annotated[tuple[Id, ...], BeforeValidator(_several, json_schema_input_type=Id | tuple[Id, ...]), TEXTS]


def _file(media_type: str, description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": media_type,
            "description": f"{description}: a file part, or base64 in JSON, {OR_REFERENCE}",
        }
    )


# A body has its own limit: what is read into memory may be no larger than a body that carries it.
_InMemory = BeforeValidator(in_memory(lambda limits: max(limits.body_bytes, limits.batch_bytes)))
_Anywhere = PlainValidator(in_memory_or_store(lambda limits: limits.upload_bytes))
_Archive = Annotated[File, _Anywhere, _file("application/zip", "a ZIP with a folder of photos per person")]
ArchiveFile = Annotated[_Archive, FILE]
OptionalArchiveFile = Annotated[_Archive | None, FILE]
_Pictures = Annotated[File, _Anywhere, _file("application/zip", "a ZIP of pictures")]
PicturesFile = Annotated[_Pictures, FILE]
OptionalPicturesFile = Annotated[_Pictures | None, FILE]
_Lines = Annotated[bytes, _InMemory, _file("application/jsonl", "JSON lines")]
OptionalLinesFile = Annotated[_Lines | None, FILE]
_Pairs = Annotated[
    bytes, _InMemory, _file("text/plain", "pairs to judge in the ten folds, as LFW's pairs.txt has them")
]
OptionalPairsFile = Annotated[_Pairs | None, FILE]
ManifestFile = Annotated[bytes, _InMemory, _file("application/json", "the model's manifest.json"), FILE]
LogFile = Annotated[bytes, _InMemory, _file("application/x-ndjson", "an erasure log, JSON lines"), FILE]
_Export = Annotated[File, _Anywhere, _file("application/x-ndjson", "a gallery's export, also packed with gzip")]
ExportFile = Annotated[_Export, FILE]
WeightsFile = Annotated[bytes, _InMemory, _file("application/octet-stream", "the model's model.safetensors"), FILE]

T = TypeVar("T", bound=Body)


def file_fields(model: type[Body]) -> set[str]:
    """The fields that are files."""
    return {name for name, field in model.model_fields.items() if FILE in field.metadata or FILES in field.metadata}


def read_body(model: type[T], *, optional: bool = False) -> T:
    """The request's body as a `model`.

    Args:
        model: what the body must be.
        optional: take no body at all for one without fields.

    Raises:
        MalformedBody, UnsupportedMediaType, InvalidField, InvalidId, InvalidBase64, GatewayBusy
    """
    reckon_body()
    try:
        match request.mimetype:
            case "multipart/form-data":
                _read_form()
                idempotency.begin(lambda: idempotency.of_form(request.form, request.files))
                return _validate(model, lambda: model.model_validate(_multipart(model, request)))
            case "application/json":
                raw = _raw_body()
                idempotency.begin(lambda: idempotency.of_json(parse_json(raw)))
                return read_json(model, raw)
            case "" if optional and not _raw_body():
                idempotency.begin(str)
                return model()
            case other:
                raise UnsupportedMediaType(
                    f"The body must be {MULTIPART} or {JSON}, not {other or 'without a Content-Type'}."
                )
    except (ClientDisconnected, OSError):
        raise MalformedBody("The body ended before it was complete.") from None


def read_json(model: type[T], raw: bytes) -> T:
    """JSON text that lies inside a body as a `model`, judged as a body is.

    Raises:
        MalformedBody, InvalidField, InvalidId, InvalidBase64
    """
    parse_json(raw)  # pydantic's own parser does not notice repeated members
    return _validate(model, lambda: model.model_validate_json(raw, strict=True))


def read_query(model: type[T]) -> T:
    """The query string as a `model`. Raises InvalidField."""
    _refuse_repeated(request.args, once=set(model.model_fields))
    return _validate(model, lambda: model.model_validate(request.args.to_dict()))


def _read_form() -> None:
    """Parse the form, which the request keeps."""
    try:
        request.form  # noqa: B018
    except ValueError:
        raise MalformedBody("The form is not complete, or its parts do not follow the boundary it names.") from None


def _raw_body() -> bytes:
    data = request.get_data(cache=False)
    # A body without a length is cut at the limit by Werkzeug; one that goes on is refused instead.
    cut = request.content_length is None and request.environ.get("wsgi.input_terminated")
    if cut and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return data.removeprefix(BYTE_ORDER_MARK)


def _multipart(model: type[Body], incoming: Request) -> dict[str, Any]:
    form, files = incoming.form, incoming.files
    parts = {name: part for name, field in model.model_fields.items() for part in _marks(field.metadata)}
    once = {name for name in model.model_fields if not (name in parts and parts[name].many)}
    _refuse_repeated(form, files, once=once)  # of a field that there is not, that is what is told
    values: dict[str, Any] = {}
    for name, texts in form.lists():
        part = parts.get(name)
        if part in {FILE, FILES}:
            for text in texts:
                _check_reference(name, text)
            values[name] = texts if part is FILES else texts[0]
            continue
        read = [part.read(name, text) if part and part.read else text for text in texts]
        values[name] = read if part and part.many else read[0]
    for name, sent in files.lists():
        if name in model.model_fields and parts.get(name) not in {FILE, FILES}:
            raise InvalidField(f"`{name}` must be text, not a file part.")
        # a browser sends a nameless empty part for a file that was not chosen
        found = [data for file in sent if (data := file.read()) or file.filename]
        if found:
            values[name] = found if parts.get(name) is FILES else found[0]
    return values


def _check_reference(name: str, text: str) -> None:
    """The text of a form's field whose value is a file. Raises InvalidField."""
    if text.startswith(REFERENCE):
        return
    if place := named_place(text):
        raise InvalidField(f"`{name}` {place} (With curl: -F {name}=@photo.jpg)")
    raise InvalidField(
        f"`{name}` must be a file part (with a filename) or upload:{{id}}, not other text. Base64 goes into JSON."
    )


def _marks(metadata: Iterable[Any]) -> Iterable[Part]:
    return (mark for mark in metadata if isinstance(mark, Part))


def _refuse_repeated(*fields: MultiDict[str, Any], once: Collection[str]) -> None:
    seen: set[str] = set()
    for found in fields:
        for name, values in found.lists():
            if (len(values) > 1 and name in once) or name in seen:
                raise InvalidField(f"`{name}` is given more than once.")
            seen.add(name)


def parse_json(raw: str | bytes) -> Any:
    """What JSON text says: no member is repeated, every number is finite. Raises MalformedBody, InvalidField."""
    text = raw.encode(errors="replace") if isinstance(raw, str) else raw
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise MalformedBody(f"The JSON has more than {MOST_VALUES:,} values.")

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                told = name[:64].encode(errors="replace").decode()  # half a surrogate could not be told
                raise InvalidField(f"`{told}` is given more than once.")
            found[name] = value
        return found

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    try:
        return json.loads(raw, object_pairs_hook=members, parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise MalformedBody(NOT_JSON) from None


def _validate(model: type[Body], validate: Callable[[], T]) -> T:
    try:
        return validate()
    except ValidationError as error:
        raise _refusal(model, error) from None


def _refusal(model: type[Body], error: ValidationError) -> InvalidInput:
    """One error that names every wrong field and what it may hold; never what was sent."""
    problems = error.errors(include_url=False, include_input=False)
    schema = _schema_of(model)
    sentences = dict.fromkeys(_sentence(schema, problem) for problem in problems)  # each once, in their order
    detail = " ".join(islice(sentences, MOST_SENTENCES))
    first = problems[0]
    match first["type"]:
        case "json_invalid":
            return MalformedBody(NOT_JSON)
        case "invalid_base64":
            return InvalidBase64(detail)
        case "string_pattern_mismatch" if first.get("ctx", {}).get("pattern") == ID_PATTERN:
            return InvalidId(detail)
        case _:
            return InvalidField(detail)


@cache
def _schema_of(model: type[Body]) -> Mapping[str, Any]:
    """Making it takes longer than all else that a refusal does."""
    return model.model_json_schema()


def _sentence(schema: Mapping[str, Any], problem: ErrorDetails) -> str:
    if not problem["loc"]:
        return "The body must be a JSON object."
    name, field, parent = located(schema, problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"There is no field `{name}`; the fields are: {', '.join(parent.get('properties', {})) or 'none'}."
    allowed = expectation(field, schema.get("$defs", {}))
    if problem["type"] == "missing":
        return f"`{name}` is missing; it must be {allowed}."
    if problem["type"] == NOT_BASE64:
        return f"`{name}` {problem['msg']}"
    is_no_id = problem["type"] == "string_pattern_mismatch" and allowed == ID_RULE
    return f"`{name}` must be {allowed}.{id_advice(name) if is_no_id else ''}"
