"""The value of a file field where it is text: base64, or `upload:{id}`, a file in the object store (POST /v1/uploads).

A small file is read here, whole; an archive stays where it is until somebody reads what he needs of it.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import g, request
from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from gateway.context import caller, context, services
from gateway.errors import UploadDamaged, UploadEncoded, UploadIncomplete, UploadNotFound, UploadTooLarge
from gateway.upload_store import Announcement
from gateway.web.inline_files import decode_base64
from gateway.web.memory_budget import reckon
from shared.errors import ObjectNotFound
from shared.schemas import ID_PATTERN
from shared.settings import LimitSettings
from shared.storage.object_file import PIECE, open_object

REFERENCE = "upload:"
NO_FILE = "no_file"
PLAIN = frozenset({"", "identity"})  # encodings that change nothing

Limit = Callable[[LimitSettings], int]


@dataclass(frozen=True)
class StoredFile:
    """A file in the object store, of so many bytes."""

    key: str
    size: int


File = bytes | StoredFile


def in_memory(limit: Limit) -> Callable[[Any, ValidationInfo], Any]:
    """Makes bytes of text; bytes of a file pass."""

    def read(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        if value.startswith(REFERENCE):
            return fetch(value, info.field_name or "", limit(context().settings.limits))
        return decode_base64(value)

    return read


def in_memory_or_store(limit: Limit) -> Callable[[Any, ValidationInfo], File]:
    """Makes bytes or a `StoredFile` of text; nothing but text and bytes passes."""

    def read(value: Any, info: ValidationInfo) -> File:
        match value:
            case bytes():
                return value
            case str() if value.startswith(REFERENCE):
                return refer(value, info.field_name or "", limit(context().settings.limits))
            case str():
                return decode_base64(value)
            case _:
                raise PydanticCustomError(NO_FILE, "it is no file")

    return read


def fetch(reference: str, field: str, most: int) -> bytes:
    """A file of at most so many bytes. All that a request names has to fit where its body would have to.

    Raises:
        UploadNotFound, UploadIncomplete, UploadEncoded, UploadTooLarge, UploadDamaged: naming the field.
        GatewayBusy
    """
    announced = _announced(reference, field, most)
    g.fetched_bytes = g.get("fetched_bytes", 0) + announced.bytes
    if g.fetched_bytes > (limit := request.max_content_length or most):
        raise UploadTooLarge(f"`{field}`: the files that one request names may have {limit:,} bytes together.")
    reckon(announced.bytes)
    data = services().store.read(announced.key, 0, announced.bytes)
    _check_sum(announced, field, hashlib.sha256(data).hexdigest)
    return data


def refer(reference: str, field: str, most: int) -> StoredFile:
    """A file of at most so many bytes, which is not read unless there is a checksum to compare.

    Raises:
        UploadNotFound, UploadIncomplete, UploadEncoded, UploadTooLarge, UploadDamaged: naming the field.
    """
    announced = _announced(reference, field, most)
    _check_sum(announced, field, lambda: _sha256(announced.key))
    return StoredFile(announced.key, announced.bytes)


def reader(reference: str, field: str, most: int) -> Callable[[], bytes]:
    """How a file is read when its turn comes, outside of the request too. It is looked up now; whatever is wrong
    with it is raised when it is read.
    """
    try:
        found = refer(reference, field, most)
    except (UploadNotFound, UploadIncomplete, UploadEncoded, UploadTooLarge, UploadDamaged) as error:
        wrong = error  # the name of an exception ends with its clause

        def refuse() -> bytes:
            raise wrong

        return refuse
    store = services().store

    def read() -> bytes:
        try:
            return store.get(found.key)
        except ObjectNotFound:
            raise UploadNotFound(f"`{field}`: the upload was used or deleted meanwhile.") from None

    return read


def _announced(reference: str, field: str, most: int) -> Announcement:
    """The caller's own upload, which is all there. It counts as used when the request succeeds."""
    upload, tenant = reference.removeprefix(REFERENCE), caller().tenant
    try:
        if not re.fullmatch(ID_PATTERN, upload):
            raise UploadNotFound("A reference is `upload:` and the id that POST /v1/uploads answered.")
        announced = services().incoming.find(tenant, upload)
    except UploadNotFound as error:
        raise UploadNotFound(f"`{field}`: {error}") from None
    try:
        found = services().store.stat(announced.key)
    except ObjectNotFound:
        raise UploadIncomplete(f"`{field}`: nothing is there yet. PUT the file to the upload's `url` first.") from None
    size = found.size
    if found.encoding not in PLAIN:
        services().incoming.delete(tenant, [upload])
        raise UploadEncoded(
            f"`{field}`: the file was sent with a `Content-Encoding`, which is not undone here; deleted. PUT it as it "
            "is, without that header."
        )
    if size > announced.bytes:
        services().incoming.delete(tenant, [upload])
        raise UploadTooLarge(f"`{field}`: {size:,} bytes were sent where {announced.bytes:,} were announced; deleted.")
    if size < announced.bytes:
        raise UploadIncomplete(f"`{field}`: {size:,} of the {announced.bytes:,} bytes announced are there.")
    if size > most:
        raise UploadTooLarge(f"`{field}`: the upload has {size:,} bytes; at most {most:,} are accepted here.")
    g.setdefault("used_uploads", set()).add(upload)
    return announced


def _check_sum(announced: Announcement, field: str, of_file: Callable[[], str]) -> None:
    if announced.sha256 is not None and of_file() != announced.sha256:
        raise UploadDamaged(f"`{field}`: the file is not the one whose `sha256` was announced. Send it again.")


def _sha256(key: str) -> str:
    digest = hashlib.sha256()
    with open_object(services().store, key) as file:
        while piece := file.read(4 * PIECE):
            digest.update(piece)
    return digest.hexdigest()
