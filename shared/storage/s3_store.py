"""The object store over plain S3, which MinIO, SeaweedFS and others speak."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, CopySource, Filter
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from minio.helpers import DictType
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from urllib3.exceptions import HTTPError

from shared.errors import ObjectNotFound, StorageUnavailable
from shared.settings import S3Settings
from shared.storage.s3_signing import presigned_put
from shared.storage.store import BATCHES, IMAGES, REPORTS, UPLOADS, ObjectStat

MOST_UPDATES = 20  # of one object that others change at the same time

READ_S = 30  # for an answer
# A busy store takes its time to write a large object down, and sending it again makes it busier.
LARGE_BYTES = 4 * 2**20
LARGE_READ_S = 90

_T = TypeVar("_T")


class S3Store:
    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._http = _pool(READ_S, retries=3)
        self._client = _client(settings, self._http)
        self._patient = _client(settings, _pool(LARGE_READ_S, retries=1))
        self._public = _client(settings.of_clients, self._http)  # signs for the name clients know; never asked itself
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

    def read(self, key: str, start: int, length: int) -> bytes:
        return self._read(key, start, length)[0] if length else b""

    def stat(self, key: str) -> ObjectStat:
        found = self._call(key, lambda: self._client.stat_object(self._bucket, key))
        return ObjectStat(int(found.size or 0), str((found.metadata or {}).get("Content-Encoding") or ""))

    def copy(self, source: str, target: str) -> None:
        found = CopySource(self._bucket, source)
        self._call(source, lambda: self._patient.copy_object(self._bucket, target, found))

    def upload_url(self, key: str, size: int, seconds: int) -> str:
        return presigned_put(self._settings.of_clients, key, size, seconds)

    def download_url(self, key: str, seconds: int, *, media_type: str, name: str) -> str:
        disposition = f'inline; filename="{name}"'
        shown: DictType = {"response-content-type": media_type, "response-content-disposition": disposition}
        expires = timedelta(seconds=seconds)
        return self._public.get_presigned_url("GET", self._bucket, key, expires, response_headers=shown)

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
        listed = self._client.list_objects(self._bucket, prefix=prefix, recursive=True, start_after=after or None)
        # A thousand at a time, as they are asked for: who wants a page does not list a million.
        while (item := self._call(prefix, lambda: next(listed, None))) is not None:
            yield str(item.object_name)

    def folders(self, prefix: str) -> Iterator[str]:
        listed = self._call(prefix, lambda: list(self._client.list_objects(self._bucket, prefix=prefix)))
        return iter(sorted(str(item.object_name)[len(prefix) :].rstrip("/") for item in listed if item.is_dir))

    def _read(self, key: str, start: int = 0, length: int = 0) -> tuple[bytes, str]:
        """The object, or so many bytes of it, and its entity tag."""

        def read() -> tuple[bytes, str]:
            response = self._client.get_object(self._bucket, key, offset=start, length=length)
            try:
                # a client's object may claim to be packed, again and again: a thousand bytes become a gigabyte
                return bytes(response.read(decode_content=False)), str(response.headers.get("ETag", ""))
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
                sent_again = response.retries is not None and bool(response.retries.history)
                return sent_again and self._holds(key, data)
            if response.status >= 300:
                raise StorageUnavailable(f"The object store answered {response.status} to a conditional PUT.")
            return True

        return self._call(key, conditional_put)

    def _holds(self, key: str, data: bytes) -> bool:
        """Whether what stands in a write's way is the write itself: it was done, and only its answer was lost."""
        try:
            return self._read(key)[0] == data
        except ObjectNotFound:
            return False

    def _call(self, key: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except S3Error as error:
            if error.code in {"NoSuchKey", "NoSuchObject"}:
                raise ObjectNotFound(f"Nothing is stored under {key}.") from None
            raise StorageUnavailable(f"The object store refused the request: {error.code}.") from error
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise StorageUnavailable(f"The object store cannot be reached ({type(error).__name__}).") from error


class _WholeOrNot(urllib3.PoolManager):
    """Sends a checksum with what it writes, so that the server takes all of it or nothing.

    SeaweedFS makes an empty object of a PUT whose client died between headers and body, unless it can tell.
    """

    def urlopen(  # type: ignore[override]  # its parent overrides it so, too
        self, method: str, url: str, redirect: bool = True, **given: Any
    ) -> urllib3.BaseHTTPResponse:
        body = given.get("body")
        if method == "PUT" and isinstance(body, bytes):
            checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            given["headers"] = {**(given.get("headers") or {}), "Content-MD5": checksum}
        return super().urlopen(method, url, redirect, **given)


def _pool(read: float, *, retries: int) -> urllib3.PoolManager:
    """The SDK's own pool waits five minutes for a dead server; a turnstile cannot."""
    return _WholeOrNot(
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
