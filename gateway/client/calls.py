"""What is asked of the gateway, as values: the path, the query, the body. Sending is the transport's business."""

import json
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from gateway.client.errors import InvalidId

File = Path | bytes | IO[bytes]
"""A file to send: its path, its content, or something to read (from where it stands, at once)."""

Part = tuple[str, tuple[str | None, bytes]]
"""Of a form: field, file name if it is a file, content."""

CHUNK_BYTES = 2**18
NAMELESS = "file"
ID_FIELDS = frozenset({"person", "device", "liveness_session"})


@dataclass(frozen=True)
class Call:
    """One request.

    `parts` make a multipart form, `json` a JSON body. `timeout` is in seconds, None the client's. A download follows
    redirects. A patient call belongs to something that is waited for anyway: it is tried for as long as it has time.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    parts: Sequence[Part] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    download: bool = False
    patient: bool = False


def at(*parts: str) -> str:
    """A path below /v1; each part is one part of it, whatever it holds. Raises InvalidId."""
    return "/v1/" + "/".join(_part(checked_id(part)) for part in parts)


def checked_id(value: object) -> str:
    """Refuse what cannot be an id whatever the gateway says, so that a slip asks for nothing else.

    Raises:
        InvalidId
    """
    if not isinstance(value, str):
        raise InvalidId(f"An id is text, not {value!r}; nothing was sent.")
    if not value.strip():
        raise InvalidId("An id is missing: it is empty; nothing was sent.")
    if "/" in value:
        raise InvalidId(f"An id has no slash, as {value!r} has; nothing was sent.")
    return value


def _part(text: str) -> str:
    bare = text.lstrip(".")
    return "%2E" * (len(text) - len(bare)) + quote(bare, safe="")  # two dots would be the parent folder


@dataclass(frozen=True)
class Content:
    """A file that is about to be sent, as often as it takes."""

    name: str
    data: bytes | Path

    @classmethod
    def of(cls, file: File) -> "Content":
        """Open files are read here, for who knows whether they can be read twice."""
        match file:
            case Path():
                return cls(file.name, file)
            case bytes():
                return cls(NAMELESS, file)
            case _:
                read = getattr(file, "read", None)
                if read is None:  # whatever the types say, a name is what people try first
                    raise TypeError(
                        "A URL is not fetched: pass the bytes of the file."
                        if "://" in str(file)
                        else f"Name a file by a Path: Path({file!r})."
                    )
                return cls(Path(str(getattr(file, "name", NAMELESS))).name, read())

    @property
    def size(self) -> int:
        return self.data.stat().st_size if isinstance(self.data, Path) else len(self.data)

    @property
    def media_type(self) -> str | None:
        return mimetypes.guess_type(self.name)[0]

    def read(self) -> bytes:
        return self.data.read_bytes() if isinstance(self.data, Path) else self.data

    def chunks(self) -> Iterator[bytes]:
        """Piece by piece, from the start."""
        if isinstance(self.data, bytes):
            yield self.data
            return
        with self.data.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                yield chunk


def photos(given: File | Sequence[File]) -> dict[str, File | Sequence[File]]:
    """The field of one photo, or that of several frames."""
    several = isinstance(given, Sequence) and not isinstance(given, bytes)
    return {"images" if several else "image": given}


def placed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with the boxes among them as the API takes them."""
    return {
        name: _place(value) if name.startswith("box") and isinstance(value, Mapping) else value
        for name, value in fields.items()
    }


def _place(box: Mapping[str, float]) -> str:
    # whole thousandths: the API takes no exponents
    sides = (f"{box[side]:.3f}" for side in ("x", "y", "width", "height"))
    return ",".join(sides)


def texts(fields: Mapping[str, Any]) -> list[Part]:
    """Fields of a form; None is left out, a tuple repeats its field, lists and objects are JSON. Raises InvalidId."""
    for name in ID_FIELDS & fields.keys():
        if fields[name] is not None:
            checked_id(fields[name])
    pairs = ((name, one) for name, value in fields.items() for one in (value if isinstance(value, tuple) else (value,)))
    return [(name, (None, _text(value).encode())) for name, value in pairs if value is not None]


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool() | list() | dict():
            return json.dumps(value)
        case _:
            return str(value)
