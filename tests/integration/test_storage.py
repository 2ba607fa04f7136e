"""One contract, two stores: what MemoryStore promises in unit tests holds for a real S3 server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.embedded.ports import free_ports
from shared.errors import ObjectNotFound, StorageUnavailable
from shared.settings import S3Settings
from shared.storage import MemoryStore, ObjectStore, S3Store


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
