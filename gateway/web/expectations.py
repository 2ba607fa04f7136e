"""What a field may hold, in words, told from its JSON schema: the text of every "must be" in a refusal."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.schemas import ID_PATTERN, ID_RULE
from shared.schemas.texts import SEEN, text_rule

Schema = Mapping[str, Any]

PERSONS = frozenset({"person", "from"})  # fields and parameters that take the id of a person
NO_PERSONS_ID = "An e-mail address, a number or a name with other characters goes into `name` or `external_id`."
OTHERS = {"array": "a list", "object": "a JSON object"}


def expectation(schema: Schema, definitions: Schema) -> str:
    """For example "an integer from 1 to 100" or "one of fast, fine"."""
    schema = _resolve(schema, definitions)
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    match schema.get("type"):
        case "integer" | "number" as kind:
            return f"{'an integer' if kind == 'integer' else 'a finite number'}{_range(schema)}"
        case "boolean":
            return "true or false"
        case "string":
            return _text(schema)
        case kind:
            return str(schema.get("description") or OTHERS.get(str(kind), "valid"))


def located(schema: Schema, place: Sequence[str | int]) -> tuple[str, Schema, Schema]:
    """Where in a body something is wrong: the field's name (`access.devices.front.groups`), its schema, its parent's.

    That is the innermost field with a name of its own: what is wrong in a list of texts is the list. A field that
    does not exist is named too; its schema is empty.
    """
    definitions = schema.get("$defs", {})
    inside, parent, field = schema, schema, schema
    names: list[str] = []
    between: list[str] = []  # keys of an object whose members have no fixed names
    for step in place:
        inside = _resolve(inside, definitions)
        if isinstance(step, int):
            inside = inside.get("items", {})
        elif "properties" in inside:
            parent, field = inside, inside["properties"].get(step, {})
            names, between, inside = [*names, *between, step[:64]], [], field
        else:
            inside, between = _any_member(inside), [*between, step[:64]]
    return ".".join(names), field, parent


def _any_member(schema: Schema) -> Schema:
    """Of an object whose members have no fixed names: what each of them is."""
    named = schema.get("patternProperties", {})
    more = next(iter(named.values()), schema.get("additionalProperties"))
    return more if isinstance(more, Mapping) else {}


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    """Follow `$ref`, and look through "or null" at what is meant; what is said of a field holds, not of its type."""
    own = {"description": schema["description"]} if "description" in schema else {}
    if "anyOf" in schema:
        meant = [option for option in schema["anyOf"] if option.get("type") != "null"]
        schema = {**schema, **_resolve(meant[0], definitions), **own}
    if "$ref" in schema:
        schema = {**schema, **definitions.get(schema["$ref"].rsplit("/", 1)[-1], {}), **own}
    return schema


def id_advice(field: str) -> str:
    """What else to do with a text that is no id, where there is a place for it."""
    return f" {NO_PERSONS_ID}" if field.rpartition(".")[2] in PERSONS else ""


def _text(schema: Schema) -> str:
    if schema.get("pattern") == ID_PATTERN:
        return ID_RULE
    if schema.get("pattern") == SEEN:
        return text_rule(schema["maxLength"])
    if "contentEncoding" in schema:
        kind = "an image file" if schema["contentMediaType"] == "image/*" else "a file"
        return f"{kind} (base64 in JSON)"
    if "minLength" in schema and "pattern" not in schema:  # then any text of that length will do
        return f"text{_length(schema)}"
    return str(schema.get("description") or f"text{_length(schema)}")


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if (above := schema.get("exclusiveMinimum")) is not None:
        return f" above {above:,}" + (f" and at most {high:,}" if high is not None else "")
    match low, high:
        case None, None:
            return ""
        case _, None:
            return f" of at least {low:,}"
        case None, _:
            return f" of at most {high:,}"
        case _:
            return f" from {low:,} to {high:,}"


def _length(schema: Schema) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    return f" of {low:,} to {high:,} characters" if high is not None else ""
