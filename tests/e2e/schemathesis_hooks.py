"""What schemathesis sends where a schema cannot say it: real pictures and archives, and no hour-long work."""

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import schemathesis
from PIL import Image

FACES = Path(__file__).parents[1] / "data" / "faces"
LARGEST = 96  # px


def _photo() -> bytes:
    first = sorted(FACES.rglob("*.jpg"))[0]
    buffer = io.BytesIO()
    with Image.open(first) as photo:
        photo.thumbnail((LARGEST, LARGEST))
        photo.convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def _archive(photo: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ada/one.jpg", photo)
    return buffer.getvalue()


PHOTO = _photo()
FILES = {"archive": _archive(PHOTO), "manifest": b'{"person": "ada", "image": "ada/one.jpg"}\n'}
PICTURES = {"image", "image_a", "image_b", "content", "style", "images", "frames", "init_image", "keep", "style_masks"}
CALM: dict[str, Any] = {"mode": "fast", "size": 64}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Fill in what a file or a picture should be, wherever the generated value is of the right kind."""
    if not isinstance(body, dict):
        return body
    filled = {name: _filled(name, value) for name, value in body.items()}
    if "stylizations" in context.operation.path or "batches" in context.operation.path:
        filled |= {name: value for name, value in CALM.items() if name in filled}
    return filled


@schemathesis.hook
def map_headers(_: Any, headers: Any) -> Any:
    """Nobody waits: the workers' own tests look at results."""
    if headers and "Prefer" in headers:
        headers["Prefer"] = "wait=0"
    return headers


def _filled(name: str, value: Any) -> Any:
    content = PHOTO if name in PICTURES else FILES.get(name)
    if content is None:
        return value
    match value:
        case str():
            return base64.b64encode(content).decode()
        case bytes():
            return content
        case list():
            return [_filled(name, one) for one in value]
        case _:
            return value
