"""Galleries against a real S3 server and a real Redis."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from shared.errors import FaceNotFound, GalleryExists, GalleryNotFound, PersonNotFound
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.persons import PersonQuery, Removed
from shared.galleries.store import GalleryStore, Template
from shared.schemas import Person
from shared.storage.s3_store import S3Store

TENANT = "acme"


@pytest.fixture
def gallery() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def galleries(s3: S3Store, redis: Redis, gallery: str) -> GalleryStore:
    store = GalleryStore(s3, redis, "likeness:")
    store.create_gallery(TENANT, gallery)
    return store


def template(person: str, face: str) -> Template:
    return Template(
        person=person,
        face=face,
        embedding=(0.6, 0.8),
        model_digest="digest",
        quality=0.9,
        created_at=datetime.now(UTC),
    )


def test_a_template_survives_the_round_trip_to_float32(galleries: GalleryStore, gallery: str) -> None:
    galleries.ensure_person(TENANT, gallery, "ada")
    galleries.put_template(TENANT, gallery, template("ada", "f1"))
    (read,) = galleries.person_templates(TENANT, gallery, "ada", "digest")
    assert read.embedding == pytest.approx((0.6, 0.8), abs=1e-7)
    assert list(galleries.all_templates(TENANT, gallery, "digest")) == [read]


def test_a_gallery_is_created_once(galleries: GalleryStore, gallery: str) -> None:
    with pytest.raises(GalleryExists):
        galleries.create_gallery(TENANT, gallery)


def test_another_tenant_has_galleries_of_his_own(galleries: GalleryStore, gallery: str) -> None:
    with pytest.raises(GalleryNotFound):
        galleries.get_gallery("other", gallery)
    assert gallery in [found.id for found in galleries.galleries(TENANT)]
    assert gallery not in [found.id for found in galleries.galleries("other")]


def test_concurrent_enrolments_make_one_person(galleries: GalleryStore, gallery: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        people = list(pool.map(lambda _: galleries.ensure_person(TENANT, gallery, "ada"), range(8)))
    assert len({person.uid for person in people}) == 1


def test_a_person_created_again_is_another(galleries: GalleryStore, gallery: str) -> None:
    first = galleries.ensure_person(TENANT, gallery, "ada")
    galleries.remove_person(TENANT, gallery, "ada", first.uid, before=datetime.now(UTC))
    assert galleries.ensure_person(TENANT, gallery, "ada").uid != first.uid


def test_deleting_a_person_leaves_nothing_of_him(galleries: GalleryStore, gallery: str, s3: S3Store) -> None:
    uid = galleries.ensure_person(TENANT, gallery, "ada").uid
    galleries.ensure_person(TENANT, gallery, "adam")
    marked = {"external_id": "HR/4711 ä", "expires_at": datetime.now(UTC) + timedelta(days=1)}
    galleries.update_person(TENANT, gallery, "ada", lambda ada: ada.model_copy(update=marked))
    for face in ("f1", "f2"):
        galleries.put_template(TENANT, gallery, template("ada", face))
    galleries.put_template(TENANT, gallery, template("adam", "f3"))
    assert galleries.remove_person(TENANT, gallery, "ada", uid, before=datetime.now(UTC)) == Removed(True, 2)
    assert [key for key in s3.keys("") if gallery in key and "/ada" in key.replace("/adam", "")] == []
    assert [found.person for found in galleries.all_templates(TENANT, gallery, "digest")] == ["adam"]
    with pytest.raises(PersonNotFound):
        galleries.get_person(TENANT, gallery, "ada")
    again = galleries.remove_person(TENANT, gallery, "ada", uid, before=datetime.now(UTC))
    assert again == Removed(False, 0)


def test_concurrent_changes_of_a_person_do_not_lose_each_other(galleries: GalleryStore, gallery: str) -> None:
    galleries.ensure_person(TENANT, gallery, "ada")

    def add(number: int) -> None:
        def change(ada: Person) -> Person:
            return ada.model_copy(update={"attributes": {**ada.attributes, f"a{number}": number}})

        galleries.update_person(TENANT, gallery, "ada", change)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert len(galleries.get_person(TENANT, gallery, "ada").attributes) == 8


def test_concurrent_changes_of_an_external_id_leave_it_to_be_found(galleries: GalleryStore, gallery: str) -> None:
    galleries.ensure_person(TENANT, gallery, "ada")

    def name(number: int) -> None:
        change = {"external_id": str(number % 2)}
        galleries.update_person(TENANT, gallery, "ada", lambda ada: ada.model_copy(update=change))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(name, range(12)))
    now = galleries.get_person(TENANT, gallery, "ada").external_id
    found = galleries.find_persons(TENANT, gallery, PersonQuery(external_id=now))
    assert [person.id for person in found.persons] == ["ada"]
    other = galleries.find_persons(TENANT, gallery, PersonQuery(external_id={"0": "1", "1": "0"}[str(now)]))
    assert other.persons == []


def test_people_page_by_their_ids(galleries: GalleryStore, gallery: str) -> None:
    for name in ("c", "a", "b"):
        galleries.ensure_person(TENANT, gallery, name)
    first = galleries.find_persons(TENANT, gallery, PersonQuery(), limit=2)
    assert [person.id for person in first.persons] == ["a", "b"]
    assert [person.id for person in galleries.find_persons(TENANT, gallery, PersonQuery(), after="b").persons] == ["c"]


def test_a_deleted_gallery_is_gone(galleries: GalleryStore, gallery: str, s3: S3Store) -> None:
    galleries.ensure_person(TENANT, gallery, "ada")
    galleries.put_template(TENANT, gallery, template("ada", "f1"))
    galleries.delete_gallery(TENANT, gallery)
    assert list(s3.keys(f"galleries/{TENANT}/{gallery}/")) == []
    for call in (galleries.get_gallery, galleries.delete_gallery):
        with pytest.raises(GalleryNotFound):
            call(TENANT, gallery)


def test_an_absent_face_is_not_found(galleries: GalleryStore, gallery: str) -> None:
    with pytest.raises(FaceNotFound):
        galleries.delete_template(TENANT, gallery, "ada", "nope")


def test_a_reader_sees_each_change_once_in_order(galleries: GalleryStore, gallery: str) -> None:
    galleries.put_template(TENANT, gallery, template("ada", "f0"))
    start = galleries.changes(TENANT, gallery, None)
    assert not start.complete, "who has not read anything must load the gallery"
    galleries.put_template(TENANT, gallery, template("ada", "f1"))
    galleries.delete_template(TENANT, gallery, "ada", "f1")
    news = galleries.changes(TENANT, gallery, start.position)
    assert news.complete
    assert news.changes == (
        Change(ChangeKind.FACE_PUT, "ada", "f1", "digest"),
        Change(ChangeKind.FACE_DELETED, "ada", "f1"),
    )
    assert galleries.changes(TENANT, gallery, news.position).changes == ()


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lambda redis, key: redis.delete(f"{key}:changes"), id="stream deleted"),
        pytest.param(lambda redis, key: redis.xtrim(f"{key}:changes", maxlen=1, approximate=False), id="trimmed"),
        pytest.param(lambda redis, key: redis.delete(key, f"{key}:changes"), id="epoch lost"),
        pytest.param(lambda redis, key: redis.hset(key, "seq", 1), id="counter set back"),
    ],
)
def test_a_reader_notices_that_changes_were_lost(
    galleries: GalleryStore, gallery: str, redis: Redis, lose: Callable[[Redis, str], object]
) -> None:
    galleries.put_template(TENANT, gallery, template("ada", "f0"))
    position = galleries.changes(TENANT, gallery, None).position
    for face in ("f1", "f2", "f3"):
        galleries.put_template(TENANT, gallery, template("ada", face))
    assert galleries.changes(TENANT, gallery, position).complete
    lose(redis, f"likeness:gallery:{TENANT}:{gallery}")
    assert not galleries.changes(TENANT, gallery, position).complete


def _face(person: str, number: int, digest: str) -> Template:
    return template(person, f"f{number}").model_copy(update={"model_digest": digest})


def test_faces_are_counted_whoever_lies_between_and_however_ids_sort(galleries: GalleryStore, gallery: str) -> None:
    ids = ["a", "a-b", "a.b", "a.json", "ab", "b", "z"]
    for place, person in enumerate(ids):
        for number in range(place):
            galleries.store_template(TENANT, gallery, _face(person, number, "d"))
        galleries.store_template(TENANT, gallery, _face(person, 0, "other"))
    wanted = ["z", "a", "nobody", "a.json", "a.b"]
    assert galleries.face_counts(TENANT, gallery, wanted, "d") == [6, 0, 0, 3, 2]
    assert galleries.face_counts(TENANT, gallery, [], "d") == []
    for number in range(200):  # more than are worth reading on the way from the first to the last
        galleries.store_template(TENANT, gallery, _face(f"m{number}", 0, "d"))
    assert galleries.face_counts(TENANT, gallery, ["z", "a.b", "b", "m7"], "d") == [6, 2, 5, 1]
