"""What every message has in common."""

import pytest
from pydantic import ValidationError

from shared.schemas import Person


def test_a_record_that_cannot_be_read_is_not_told_with_its_content() -> None:
    """The error goes to the log, which names nobody."""
    for damaged in ('{"id": "ada", "name": "Ada Lovelace"', '{"id": "ada", "naem": "Ada Lovelace"}'):
        with pytest.raises(ValidationError) as raised:
            Person.model_validate_json(damaged)
        assert "Ada" not in str(raised.value)
        assert "ada" not in repr(raised.value)
