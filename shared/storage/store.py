"""Object storage: the durable truth. `S3Store` (s3_store.py) speaks plain S3; `MemoryStore` is its double."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from shared.errors import ObjectNotFound

UPLOADS = "uploads/"
IMAGES = "images/"
REPORTS = "reports/"
BATCHES = "batches/"
INBOX = "inbox/"

MEMORY_URL = "http://memory.invalid/"  # nobody answers there


def upload_folder(tenant: str, job_id: str) -> str:
    """Where the pictures lie that were sent with a job, until it is finished."""
    return f"{UPLOADS}{tenant}/{job_id}/"


def inbound_key(tenant: str, upload: str) -> str:
    """Where a client puts a file that he will name in a later request."""
    return f"{UPLOADS}{tenant}/inbound/{upload}"


def image_key(tenant: str, job_id: str, media_type: str) -> str:
    """Where the picture that a job made lies: `images/{tenant}/{job}.{jpeg|png|webp}`."""
    return f"{IMAGES}{tenant}/{job_id}.{media_type.removeprefix('image/')}"


def report_key(tenant: str, job_id: str, name: str) -> str:
    """Where a file of the report that a job made lies."""
    return f"{REPORTS}{tenant}/{job_id}/{name}"


def preview_key(tenant: str, job_id: str, step: int) -> str:
    """Where the picture lies that shows how far a stylisation is."""
    return report_key(tenant, job_id, f"preview-{step:05d}.jpeg")


def batch_folder(tenant: str, batch_id: str) -> str:
    """Where what belongs to a batch lies, as long as its pictures are kept."""
    return f"{BATCHES}{tenant}/{batch_id}/"


def inbox_folder(tenant: str) -> str:
    """Where a tenant's operator may put pictures for batches; nothing here is ever deleted by us."""
    return f"{INBOX}{tenant}/"


@dataclass(frozen=True)
class ObjectStat:
    """`encoding` is what whoever put the object has said of it, such as gzip: nobody here decodes it."""

    size: int  # bytes, as they lie there
    encoding: str = ""


class ObjectStore(Protocol):
    """Bytes under keys, as they were put; each call is atomic and sees every write that was finished before it began.

    Every method raises StorageUnavailable when the store cannot be reached.
    """

    def prepare(self) -> None:
        """Create what the store needs to exist; safe to call at every start, from several processes."""
        ...

    def ping(self) -> None:
        """Return when the store is usable."""
        ...

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None: ...

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Create the object; False, changing nothing, when the key is taken. Of concurrent calls one wins."""
        ...

    def update(self, key: str, change: Callable[[bytes], bytes]) -> bytes:
        """Replace an object by what `change` makes of it; its new content.

        Concurrent updates of one key follow each other: `change` is called again when another came between.

        Raises:
            ObjectNotFound: there is none, or it was deleted meanwhile.
        """
        ...

    def get(self, key: str) -> bytes:
        """Raises ObjectNotFound."""
        ...

    def read(self, key: str, start: int, length: int) -> bytes:
        """So many bytes of an object, fewer at its end. Raises ObjectNotFound."""
        ...

    def stat(self, key: str) -> ObjectStat:
        """What is told of an object. Raises ObjectNotFound."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store. Raises ObjectNotFound."""
        ...

    def upload_url(self, key: str, size: int, seconds: int) -> str:
        """Where anybody may PUT this object, with so many bytes, for so long."""
        ...

    def download_url(self, key: str, seconds: int, *, media_type: str, name: str) -> str:
        """Where anybody may GET this object for so long, sent as of that type and under that file name."""
        ...

    def delete(self, key: str) -> None:
        """Deleting what is not there is not an error."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object below `prefix`; the number deleted."""
        ...

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """The keys below `prefix` that sort after `after`, in order."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """The names directly below `prefix` that hold objects of their own, in order; emptied ones may linger."""
        ...


class MemoryStore:
    """The same contract in a dictionary, for tests and trials; gone with the process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        pass

    def ping(self) -> None:
        pass

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:  # noqa: ARG002
        with self._lock:
            self._objects[key] = data

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = data
            return True

    def update(self, key: str, change: Callable[[bytes], bytes]) -> bytes:
        with self._lock:
            if key not in self._objects:
                raise ObjectNotFound(f"Nothing is stored under {key}.")
            self._objects[key] = change(self._objects[key])
            return self._objects[key]

    def get(self, key: str) -> bytes:
        with self._lock:
            if key not in self._objects:
                raise ObjectNotFound(f"Nothing is stored under {key}.")
            return self._objects[key]

    def read(self, key: str, start: int, length: int) -> bytes:
        return self.get(key)[start : start + length]

    def stat(self, key: str) -> ObjectStat:
        return ObjectStat(len(self.get(key)))

    def copy(self, source: str, target: str) -> None:
        self.put(target, self.get(source))

    def upload_url(self, key: str, size: int, seconds: int) -> str:
        return f"{MEMORY_URL}{key}?size={size}&expires={seconds}"

    def download_url(self, key: str, seconds: int, *, media_type: str, name: str) -> str:
        return f"{MEMORY_URL}{key}?{urlencode({'expires': seconds, 'type': media_type, 'name': name})}"

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(key, None)

    def delete_prefix(self, prefix: str) -> int:
        found = list(self.keys(prefix))
        for key in found:
            self.delete(key)
        return len(found)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        with self._lock:
            return iter(sorted(key for key in self._objects if key.startswith(prefix) and key > after))

    def folders(self, prefix: str) -> Iterator[str]:
        names = (key[len(prefix) :] for key in self.keys(prefix))
        return iter(sorted({name.split("/", 1)[0] for name in names if "/" in name}))
