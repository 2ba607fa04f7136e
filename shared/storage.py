"""Object storage: the durable truth. `S3Store` speaks plain S3; `MemoryStore` is its double for tests."""

import io
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Protocol, TypeVar

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from urllib3.exceptions import HTTPError

from shared.errors import ObjectNotFound, StorageUnavailable
from shared.settings import S3Settings

UPLOADS = "uploads/"
IMAGES = "images/"
REPORTS = "reports/"
BATCHES = "batches/"
INBOX = "inbox/"
MOST_UPDATES = 20  # of one object that others change at the same time

READ_S = 30  # for an answer
# A busy store takes its time to write a large object down, and sending it again makes it busier.
LARGE_BYTES = 4 * 2**20
LARGE_READ_S = 90

_T = TypeVar("_T")


def upload_folder(tenant: str, job_id: str) -> str:
    """Where the pictures lie that were sent with a job, until it is finished."""
    return f"{UPLOADS}{tenant}/{job_id}/"


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


class ObjectStore(Protocol):
    """Bytes under keys; each call is atomic and sees every write that was finished before it began.

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


class S3Store:
    def __init__(self, settings: S3Settings) -> None:
        self._http = _pool(READ_S, retries=3)
        self._client = _client(settings, self._http)
        self._patient = _client(settings, _pool(LARGE_READ_S, retries=1))
        self._bucket = settings.bucket
        self._image_days = settings.image_days

    def prepare(self) -> None:
        """Create the bucket and its expiry rules."""

        def create() -> None:
            if not self._client.bucket_exists(self._bucket):
                try:
                    self._client.make_bucket(self._bucket)
                except S3Error as error:
                    if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                        raise
            rules = [
                Rule(
                    ENABLED,
                    rule_filter=Filter(prefix=prefix),
                    rule_id=prefix,
                    expiration=Expiration(days=days),
                )
                for prefix, days in (
                    (UPLOADS, 1),
                    (IMAGES, self._image_days),
                    (REPORTS, 1),
                    (BATCHES, self._image_days),
                )
            ]
            self._client.set_bucket_lifecycle(self._bucket, LifecycleConfig(rules))

        self._call("", create)

    def ping(self) -> None:
        if not self._call("", lambda: self._client.bucket_exists(self._bucket)):
            raise StorageUnavailable(f"The bucket {self._bucket!r} does not exist; restart the gateway to create it.")

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        client = self._patient if len(data) > LARGE_BYTES else self._client
        self._call(
            key,
            lambda: client.put_object(self._bucket, key, io.BytesIO(data), len(data), content_type=content_type),
        )

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self._put_if(key, data, {"If-None-Match": "*"})

    def update(self, key: str, change: Callable[[bytes], bytes]) -> bytes:
        for _ in range(MOST_UPDATES):
            former, etag = self._read(key)
            changed = change(former)
            if changed == former or self._put_if(key, changed, {"If-Match": etag}):
                return changed
        raise StorageUnavailable("The object is changed by too many at once; try again.")

    def get(self, key: str) -> bytes:
        return self._read(key)[0]

    def delete(self, key: str) -> None:
        self._call(key, lambda: self._client.remove_object(self._bucket, key))

    def delete_prefix(self, prefix: str) -> int:
        found = list(self.keys(prefix))

        def remove() -> None:
            for error in self._client.remove_objects(self._bucket, [DeleteObject(key) for key in found]):
                raise StorageUnavailable(f"An object could not be deleted: {error.code}.")

        self._call(prefix, remove)
        return len(found)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        return iter(
            self._call(
                prefix,
                lambda: [
                    str(item.object_name)
                    for item in self._client.list_objects(
                        self._bucket, prefix=prefix, recursive=True, start_after=after or None
                    )
                ],
            )
        )

    def folders(self, prefix: str) -> Iterator[str]:
        listed = self._call(prefix, lambda: list(self._client.list_objects(self._bucket, prefix=prefix)))
        return iter(sorted(str(item.object_name)[len(prefix) :].rstrip("/") for item in listed if item.is_dir))

    def _read(self, key: str) -> tuple[bytes, str]:
        """The object and its entity tag."""

        def read() -> tuple[bytes, str]:
            response = self._client.get_object(self._bucket, key)
            try:
                return bytes(response.read()), str(response.headers.get("ETag", ""))
            finally:
                response.close()
                response.release_conn()

        return self._call(key, read)

    def _put_if(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        """Whether the condition held; minio 7.2's put_object takes none, a presigned PUT with the header does."""

        def conditional_put() -> bool:
            url = self._client.get_presigned_url("PUT", self._bucket, key, expires=timedelta(minutes=1))
            response = self._http.request("PUT", url, body=data, headers=condition)
            if response.status in {404, 412}:  # 404: nothing is there to match
                return False
            if response.status >= 300:
                raise StorageUnavailable(f"The object store answered {response.status} to a conditional PUT.")
            return True

        return self._call(key, conditional_put)

    def _call(self, key: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except S3Error as error:
            if error.code in {"NoSuchKey", "NoSuchObject"}:
                raise ObjectNotFound(f"Nothing is stored under {key}.") from None
            raise StorageUnavailable(f"The object store refused the request: {error.code}.") from error
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise StorageUnavailable(f"The object store cannot be reached ({type(error).__name__}).") from error


def _pool(read: float, *, retries: int) -> urllib3.PoolManager:
    """The SDK's own pool waits five minutes for a dead server; a turnstile cannot."""
    return urllib3.PoolManager(
        maxsize=64,
        timeout=urllib3.Timeout(connect=3, read=read),
        retries=urllib3.Retry(total=retries, backoff_factor=0.1, status_forcelist=[500, 502, 503, 504]),
    )


def _client(settings: S3Settings, http: urllib3.PoolManager) -> Minio:
    return Minio(
        settings.endpoint,
        access_key=settings.access_key,
        secret_key=settings.secret_key.get_secret_value(),
        secure=settings.secure,
        region=settings.region,
        http_client=http,
    )


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
