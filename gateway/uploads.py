"""Files on their way in: checked here, kept under `uploads/{tenant}/{job}/` until the job is done."""

import io
import os
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from shared import images
from shared.errors import InvalidArchive, InvalidImage, Unavailable
from shared.images import ImageLimits
from shared.settings import LimitSettings
from shared.storage import ObjectStore, upload_folder


class Uploads:
    def __init__(self, store: ObjectStore, limits: LimitSettings) -> None:
        self._store = store
        self._limits = limits.images
        # A few KB of PNG may decode to 150 MB: no more at a time than there are cores to decode them.
        self._decoding = threading.BoundedSemaphore(os.cpu_count() or 1)

    def check(self, pictures: Mapping[str, bytes]) -> dict[str, tuple[int, int]]:
        """The width and height of each picture, in px.

        Raises:
            EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: naming the field.
        """
        sizes = {}
        for field, data in pictures.items():
            with self.decoding(field) as limits:
                sizes[field] = images.check(data, limits)
        return sizes

    @contextmanager
    def decoding(self, field: str) -> Iterator[ImageLimits]:
        """Decode a picture in the body, by these limits; what is wrong with it is said of the field."""
        try:
            with self._decoding:
                yield self._limits
        except InvalidImage as error:
            raise type(error)(f"`{field}`: {error}") from None

    def archive(self, data: bytes | None, holding: str = "a folder of photos per person") -> dict[str, bytes]:
        """An optional ZIP as the files of a job. What is in it is read by the worker, never unpacked to a disk.

        Raises:
            InvalidArchive: it is no ZIP.
        """
        if data is None:
            return {}
        if not zipfile.is_zipfile(io.BytesIO(data)):
            raise InvalidArchive(f"`archive` is not a ZIP file: send one with {holding}.")
        return {"archive": data}

    @contextmanager
    def kept(self, tenant: str, job_id: str, pictures: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
        """Store checked files for a job: field -> object key. Deleted again when the body raises."""
        keys = {field: f"{upload_folder(tenant, job_id)}{field}" for field in pictures}
        try:
            for field, data in pictures.items():
                self._store.put(keys[field], data)
            yield keys
        except BaseException:
            self.discard(tenant, job_id)
            raise

    def discard(self, tenant: str, job_id: str) -> None:
        """Delete a job's pictures as far as the store can be reached; its expiry rule takes the rest."""
        with suppress(Unavailable):
            self._store.delete_prefix(upload_folder(tenant, job_id))
