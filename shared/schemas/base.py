"""What every message is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ID_RULE = "1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit"
Id = Annotated[str, Field(pattern=ID_PATTERN, description=ID_RULE)]


class Message(BaseModel):
    """Frozen, flat JSON; unknown members are refused. What cannot be read may name people, and errors are logged."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Model(Message):
    name: str
    digest: str
