"""An object of the store as a file: what is read of it is fetched, and nothing else.

An archive may be larger than the memory that a process should spend on it, and most readers of archives seek.
"""

import errno
import io
from typing import TYPE_CHECKING

from shared.storage.store import ObjectStore

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 2**20  # bytes that are fetched at least: neighbours are mostly read together


def open_object(store: ObjectStore, key: str) -> io.BufferedReader:
    """An object to read and seek in. Any call may raise StorageUnavailable, or ObjectNotFound when it has gone.

    Raises:
        ObjectNotFound
    """
    return io.BufferedReader(_Object(store, key), PIECE)


class _Object(io.RawIOBase):
    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self._key = key
        self._size = store.stat(key).size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a position before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        length = max(0, min(len(view), self._size - self._at))
        if length == 0:
            return 0
        data = self._store.read(self._key, self._at, length)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
