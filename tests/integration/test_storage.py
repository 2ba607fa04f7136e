"""One contract, two stores: what MemoryStore promises in unit tests holds for a real S3 server."""

import gzip
import io
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.errors import ObjectNotFound, StorageUnavailable
from shared.settings import S3Settings
from shared.storage.object_file import open_object
from shared.storage.s3_store import S3Store
from shared.storage.store import MemoryStore, ObjectStat, ObjectStore


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    s3: S3Store = request.getfixturevalue("s3")
    yield s3
    s3.delete_prefix("t/")


def test_what_was_put_is_got(store: ObjectStore) -> None:
    store.put("t/a", b"one")
    store.put("t/a", b"two")
    assert store.get("t/a") == b"two"


def test_what_is_absent_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFound):
        store.get("t/absent")
    store.delete("t/absent")


def test_of_concurrent_creations_one_wins(store: ObjectStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.put_if_absent("t/once", b"%d" % n), range(8)))
    assert won.count(True) == 1
    assert store.get("t/once") == b"%d" % won.index(True)


def test_no_concurrent_update_is_lost(store: ObjectStore) -> None:
    store.put("t/count", b"0")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.update("t/count", lambda data: b"%d" % (int(data) + 1)), range(20)))
    assert store.get("t/count") == b"20"


def test_what_is_absent_cannot_be_updated(store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFound):
        store.update("t/absent", lambda data: data + b"x")
    assert list(store.keys("t/absent")) == []


def test_an_object_deleted_during_its_update_stays_deleted(store: ObjectStore) -> None:
    """The double holds its lock meanwhile, so only the server can be raced."""
    if isinstance(store, MemoryStore):
        return
    store.put("t/gone", b"1")

    def change(data: bytes) -> bytes:
        store.delete("t/gone")
        return data + b"2"

    with pytest.raises(ObjectNotFound):
        store.update("t/gone", change)


def test_keys_are_listed_in_order_and_after_a_key(store: ObjectStore) -> None:
    for key in ("t/b", "t/a", "t/sub/c", "u/x"):
        store.put(key, b"")
    assert list(store.keys("t/")) == ["t/a", "t/b", "t/sub/c"]
    assert list(store.keys("t/", "t/a")) == ["t/b", "t/sub/c"]
    store.delete("u/x")


def test_more_keys_than_one_page_are_all_listed(store: ObjectStore) -> None:
    names = [f"t/{number:04}" for number in range(1100)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.put(name, b""), names))
    assert list(store.keys("t/")) == names
    assert store.delete_prefix("t/") == 1100
    assert list(store.keys("t/")) == []


def test_parts_are_read(store: ObjectStore) -> None:
    store.put("t/a", b"0123456789")
    assert [store.read("t/a", start, length) for start, length in ((0, 3), (7, 9), (4, 0))] == [b"012", b"789", b""]
    with pytest.raises(ObjectNotFound):
        store.read("t/absent", 0, 1)


def test_sizes_are_told(store: ObjectStore) -> None:
    store.put("t/a", b"x" * 1234)
    store.put("t/empty", b"")
    assert (store.stat("t/a"), store.stat("t/empty")) == (ObjectStat(1234), ObjectStat(0))
    with pytest.raises(ObjectNotFound):
        store.stat("t/absent")


def test_copies_are_objects_of_their_own(store: ObjectStore) -> None:
    store.put("t/a", b"one")
    store.copy("t/a", "t/b")
    store.delete("t/a")
    assert store.get("t/b") == b"one"
    with pytest.raises(ObjectNotFound):
        store.copy("t/a", "t/c")
    assert list(store.keys("t/")) == ["t/b"]


def test_an_object_is_read_as_a_file(store: ObjectStore) -> None:
    """As zipfile reads one: from its end, here and there, and what lies before its beginning is an OSError."""
    store.put("t/a", bytes(range(256)) * 8192)
    with open_object(store, "t/a") as file:
        file.seek(-2, 2)
        assert file.read() == b"\xfe\xff"
        file.seek(1_000_001)
        assert file.read(2) == bytes([1_000_001 % 256, 1_000_002 % 256])
        assert file.seek(0, 2) == 2 * 2**20
        with pytest.raises(OSError, match="before"):
            file.seek(-(2**22), 2)
    with pytest.raises(ObjectNotFound):
        open_object(store, "t/absent")


def test_a_zip_file_is_unpacked_where_it_lies(store: ObjectStore) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.bin", bytes([number]) * 100_000)
    store.put("t/a.zip", packed.getvalue())
    with open_object(store, "t/a.zip") as file, zipfile.ZipFile(file) as archive, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: archive.read(f"{number}.bin"), range(50)))
    assert found == [bytes([number]) * 100_000 for number in range(50)]


# --- URLs for clients, which only a server can honour ---


def test_a_client_puts_a_file_by_its_url_and_no_other(s3: S3Store) -> None:
    url, data = s3.upload_url("t/up + ä", 3_000_000, 60), b"x" * 3_000_000
    for other in (data + b"x", data[1:], b""):
        assert httpx.put(url, content=other).status_code == 403, "it is for one size"
    assert httpx.put(url.replace("t/up", "t/other"), content=data).status_code == 403
    assert httpx.get(url).status_code == 403, "it is for one method"
    assert list(s3.keys("t/")) == []
    assert httpx.put(url, content=data, headers={"Content-Type": "application/zip"}).status_code == 200
    assert s3.stat("t/up + ä").size == 3_000_000
    s3.delete_prefix("t/")


def test_what_claims_to_be_packed_is_read_as_it_lies_there(s3: S3Store) -> None:
    """Twice, a bomb of 1.8 KB would be a gigabyte in the gateway's memory."""
    packed = gzip.compress(gzip.compress(bytes(100_000_000)))
    url = s3.upload_url("t/bomb", len(packed), 60)
    assert httpx.put(url, content=packed, headers={"Content-Encoding": "gzip, gzip"}).status_code == 200
    assert s3.stat("t/bomb") == ObjectStat(len(packed), "gzip, gzip")
    assert s3.get("t/bomb") == packed
    assert s3.read("t/bomb", 0, 100) == packed[:100]
    with open_object(s3, "t/bomb") as file:
        assert file.read() == packed
    s3.copy("t/bomb", "t/copy")
    assert s3.get("t/copy") == packed
    s3.delete_prefix("t/")


def test_a_url_to_put_a_file_copies_no_other(s3: S3Store, s3_settings: S3Settings) -> None:
    s3.put("t/secret", b"x" * 10)
    source = {"x-amz-copy-source": f"/{s3_settings.bucket}/t/secret"}
    for body in (b"y" * 10, b""):
        assert httpx.put(s3.upload_url("t/up", len(body), 60), content=body, headers=source).status_code == 403
    assert list(s3.keys("t/")) == ["t/secret"]
    s3.delete_prefix("t/")


def test_a_client_gets_a_file_as_what_it_is(s3: S3Store) -> None:
    s3.put("t/down", b"picture")
    answer = httpx.get(s3.download_url("t/down", 60, media_type="image/png", name="a.png"))
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="a.png"'
    s3.delete_prefix("t/")


def test_a_url_is_signed_for_the_name_that_clients_know_without_asking_there(s3_settings: S3Settings) -> None:
    public = f"files.example:{free_ports(1)[0]}"
    s3 = S3Store(s3_settings.model_copy(update={"public_endpoint": public, "public_secure": True}))
    assert s3.upload_url("t/up", 1, 60).startswith(f"https://{public}/{s3_settings.bucket}/t/up?")
    s3.ping()


def test_a_url_is_over_after_its_time(s3: S3Store) -> None:
    s3.put("t/down", b"x")
    download = s3.download_url("t/down", 1, media_type="image/png", name="a.png")
    upload = s3.upload_url("t/up", 1, 1)
    time.sleep(2.1)
    assert (httpx.get(download).status_code, httpx.put(upload, content=b"x").status_code) == (403, 403)
    s3.delete_prefix("t/")


def test_folders_are_the_names_directly_below(store: ObjectStore) -> None:
    for key in ("f/b/1", "f/a/2", "f/file"):
        store.put(key, b"")
    assert list(store.folders("f/")) == ["a", "b"]


def test_an_unreachable_store_says_so_within_seconds(s3_settings: S3Settings) -> None:
    elsewhere = s3_settings.model_copy(update={"endpoint": f"127.0.0.1:{free_ports(1)[0]}"})
    with pytest.raises(StorageUnavailable):
        S3Store(elsewhere).get("t/a")


def test_preparing_twice_is_harmless(s3: S3Store) -> None:
    s3.prepare()
    s3.ping()


def test_a_missing_bucket_is_not_ready(s3_settings: S3Settings) -> None:
    elsewhere = S3Store(s3_settings.model_copy(update={"bucket": "absent"}))
    with pytest.raises(StorageUnavailable, match="absent"):
        elsewhere.ping()
