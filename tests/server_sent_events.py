"""A reader of server-sent events as the specification has it (WHATWG HTML, 9.2.6): what is not whole is nothing."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Told:
    id: str
    event: str
    data: str


@dataclass
class EventReader:
    """Remembers over connections; `last_id` is what to reconnect with."""

    told: list[Told] = field(default_factory=list)
    last_id: str = ""

    def connection(self, received: bytes) -> None:
        """What one connection brought before it ended, wherever it was cut."""
        fields: dict[str, str] = {}
        *lines, _ = received.split(b"\n")
        for line in lines:
            if not line:
                self._dispatch(fields)
                fields = {}
            elif not line.startswith(b":"):
                name, _, value = line.decode().partition(":")
                fields[name] = value.removeprefix(" ")

    def _dispatch(self, fields: dict[str, str]) -> None:
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            self.told.append(Told(self.last_id, fields["event"], fields["data"]))
