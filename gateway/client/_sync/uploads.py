# Made of gateway/client/_async by `make client`: change it there.
"""Files on their way: small ones within their request, large ones straight to the object store."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import httpx

from gateway.client._sync.transport import Transport
from gateway.client.calls import Call, Content, File, Part, at, texts
from gateway.client.errors import ApiError, ConnectionFailed

LARGE_BYTES = 4 * 2**20
NOT_OFFERED = {404, 405, 501}
STORE_TIMEOUT = httpx.Timeout(60, connect=5)


class Upload(TypedDict):
    """Room for a file: send it to `url`, then name `reference` in the place of the file."""

    id: str
    reference: str
    method: str
    url: str
    headers: dict[str, str]
    expires_at: str


class Uploads:
    """`store` reaches the object store, and knows no API key."""

    def __init__(self, transport: Transport, store: httpx.Client) -> None:
        self._transport = transport
        self._store = store

    def create(self, size: int, media_type: str | None = None) -> Upload:
        """Room for a file of `size` bytes."""
        wanted: dict[str, Any] = {"bytes": size}
        if media_type:
            wanted["media_type"] = media_type
        made: Upload = self._transport.json(Call("POST", at("uploads"), json=wanted))
        return made

    def put(self, file: File) -> str:
        """Send a file to the object store; the reference that any file field of a POST takes in its place."""
        content = Content.of(file)
        room = self.create(content.size, content.media_type)
        headers = {**room["headers"], "Content-Length": str(content.size)}
        try:
            answer = self._store.request(
                room["method"], room["url"], content=_chunks(content), headers=headers, timeout=STORE_TIMEOUT
            )
        except httpx.TransportError as error:
            raise ConnectionFailed(
                f"The object store does not answer ({str(error) or type(error).__name__})."
            ) from error
        if not answer.is_success:
            raise ApiError(
                answer.status_code, {"code": "upload_failed", "detail": "The object store refused the file."}
            )
        return room["reference"]

    def delete(self, upload: str) -> None:
        """Give up a file that was uploaded."""
        self._transport.json(Call("DELETE", at("uploads", upload)))

    def form(self, files: Mapping[str, File | Sequence[File] | None], fields: Mapping[str, Any]) -> list[Part]:
        """The parts of a form; a field with several files is repeated, in order."""
        parts = texts(fields)
        for name, given in files.items():
            for file in given if isinstance(given, Sequence) and not isinstance(given, bytes | str) else [given]:
                if file is not None:
                    parts.append((name, self._part(Content.of(file))))
        return parts

    def _part(self, content: Content) -> tuple[str | None, bytes]:
        # a call that is repeated by the caller's own key must have the same content, and each upload has another name
        by_store = content.size > LARGE_BYTES and self._transport.idempotency_key is None
        if by_store and (reference := self._reference(content)):
            return None, reference.encode()
        return content.name, content.read()

    def _reference(self, content: Content) -> str | None:
        """None where the gateway or the network does not let us reach the object store."""
        try:
            return self.put(content.data)
        except ConnectionFailed:
            return None
        except ApiError as error:
            if error.status not in NOT_OFFERED:
                raise
            return None


def _chunks(content: Content) -> Iterator[bytes]:
    yield from content.chunks()
