"""Where in a body something is wrong, in the words of the one who sent it."""

import pytest
from pydantic import ValidationError

from gateway.galleries import NewGallery
from gateway.visualisations import Visualisation
from gateway.web.bodies import Body
from gateway.web.expectations import expectation, located

HOURS = {"days": ["mon"], "from": "08:00", "to": "18:00"}


def refused(model: type[Body], sent: object) -> tuple[str, str]:
    """The field's name, and what it may hold."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(sent)
    schema = model.model_json_schema()
    name, field, _ = located(schema, caught.value.errors()[0]["loc"])
    return name, expectation(field, schema["$defs"])


def test_a_field_of_the_body() -> None:
    assert refused(NewGallery, {"id": "g", "templates_per_person": 99}) == (
        "templates_per_person",
        "an integer from 1 to 50",
    )


def test_what_is_wrong_in_a_list_of_values_is_the_list() -> None:
    name, allowed = refused(Visualisation, {"archive": b"", "layer": "conv1_1", "units": (3, -1)})
    assert name == "units"
    assert allowed.startswith("a JSON list of up to 24 numbers")


def test_what_is_said_of_the_field_holds_not_of_its_type() -> None:
    name, allowed = refused(NewGallery, {"id": "g", "access": 5})
    assert name == "access"
    assert allowed.startswith("an object with the access rules to change")


def test_a_field_of_an_object_in_a_list_is_called_by_its_own_name() -> None:
    sent = {"id": "g", "access": {"opening_hours": [HOURS, {**HOURS, "to": "25:00"}]}}
    name, allowed = refused(NewGallery, sent)
    assert name == "access.opening_hours.to"
    assert allowed.startswith("a time of day from 00:00 to 23:59")


def test_a_member_of_an_object_without_fixed_names_is_called_by_its_key() -> None:
    sent = {"id": "g", "access": {"devices": {"gate": {"groups": 3}}}}
    assert refused(NewGallery, sent)[0] == "access.devices.gate.groups"
    assert refused(NewGallery, {"id": "g", "access": {"devices": {"gate": 3}}})[0] == "access.devices"


def test_what_does_not_exist_is_named_among_what_does() -> None:
    schema = NewGallery.model_json_schema()
    name, field, parent = located(schema, ("access", "devices", "gate", "colour"))
    assert (name, field) == ("access.devices.gate.colour", {})
    assert set(parent["properties"]) == {"groups", "opening_hours"}
    assert located(schema, ("x" * 100,))[0] == "x" * 64
