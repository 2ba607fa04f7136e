"""Files on their way in: checked here, kept under `uploads/{tenant}/{job}/` until the job is done."""

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

from gateway.errors import UploadIncomplete
from gateway.web.memory_budget import MemoryBudget
from gateway.web.references import File, StoredFile
from shared import images
from shared.errors import InvalidArchive, InvalidImage, ObjectNotFound, Unavailable
from shared.images import ImageLimits
from shared.processors import processors
from shared.settings import LimitSettings
from shared.storage.object_file import open_object
from shared.storage.store import ObjectStore, upload_folder

READERS = 8  # of an archive's members at a time
LARGEST_AT_ONCE = 4  # of batches whose body is as large as one may be


class Uploads:
    def __init__(self, store: ObjectStore, limits: LimitSettings) -> None:
        self._store = store
        self._limits = limits
        # A few KB of PNG may decode to 200 MB: no more at a time than there are processors to decode them.
        self._decoding = threading.BoundedSemaphore(processors())
        self.budget = MemoryBudget(LARGEST_AT_ONCE * limits.batch_bytes)

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
                yield self._limits.images
        except InvalidImage as error:
            raise type(error)(f"`{field}`: {error}") from None

    def archive(self, file: File | None, holding: str = "a folder of photos per person") -> dict[str, File]:
        """An optional ZIP as the files of a job. What is in it is read by the worker, never unpacked to a disk.

        Raises:
            InvalidArchive: it is no ZIP.
        """
        if file is None:
            return {}
        with self.opened(file) as opened:
            if not zipfile.is_zipfile(opened):
                raise InvalidArchive(f"`archive` is not a ZIP file: send one with {holding}.")
        return {"archive": file}

    @contextmanager
    def opened_archive(self, file: File | None) -> Iterator[tuple[BinaryIO | None, int]]:
        """An optional ZIP to read in, and how many bytes it may unpack to: as many as it may have itself."""
        limits = self._limits
        match file:
            case None:
                yield None, limits.batch_bytes
            case bytes():
                yield io.BytesIO(file), limits.batch_bytes
            case StoredFile():
                with self.budget.spend(min(file.size, READERS * limits.image_bytes)), self.opened(file) as opened:
                    yield opened, limits.upload_bytes

    def opened(self, file: File) -> io.BytesIO | io.BufferedReader:
        """A file to read and seek in, wherever it is."""
        return io.BytesIO(file) if isinstance(file, bytes) else open_object(self._store, file.key)

    @contextmanager
    def kept(
        self, tenant: str, job_id: str, files: Mapping[str, File], *, also_after: tuple[type[Exception], ...] = ()
    ) -> Iterator[dict[str, str]]:
        """Store checked files for a job: field -> object key. Deleted again when the body raises, unless `also_after`
        names what it raises.
        """
        keys = {field: f"{upload_folder(tenant, job_id)}{field}" for field in files}
        try:
            for field, file in files.items():
                if isinstance(file, bytes):
                    self._store.put(keys[field], file)
                else:
                    self._hand_over(file, keys[field], field)
            yield keys
        except also_after:
            raise
        except BaseException:
            self.discard(tenant, job_id)
            raise

    def _hand_over(self, file: StoredFile, key: str, field: str) -> None:
        """Copy an upload, which nobody can replace from then on.

        Raises:
            UploadIncomplete: it was replaced or deleted since it was looked at.
        """
        try:
            self._store.copy(file.key, key)
        except ObjectNotFound:
            raise UploadIncomplete(f"`{field}`: the upload was used or deleted meanwhile.") from None
        if self._store.stat(key).size != file.size:
            raise UploadIncomplete(f"`{field}`: the upload was replaced meanwhile. Send it again.")

    def discard(self, tenant: str, job_id: str) -> None:
        """Delete a job's pictures as far as the store can be reached; its expiry rule takes the rest."""
        with suppress(Unavailable):
            self._store.delete_prefix(upload_folder(tenant, job_id))
