"""Resident galleries: two workers, one truth."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from redis import Redis

from shared.erasures.log import Erasure, ErasureReason
from shared.errors import ModelMismatch
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.store import GalleryStore, Template
from shared.storage.s3_store import S3Store
from workers.residents import ResidentGalleries, check_model

TENANT = "acme"
DIGEST = "digest"


def unit(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@pytest.fixture
def galleries(s3: S3Store, redis: Redis) -> GalleryStore:
    return GalleryStore(s3, redis, "likeness:")


@pytest.fixture
def gallery(galleries: GalleryStore) -> str:
    name = f"g-{uuid.uuid4().hex[:8]}"
    galleries.create_gallery(TENANT, name)
    return name


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as device:
        yield device


def worker(galleries: GalleryStore, executor: Executor, capacity: int = 1000) -> ResidentGalleries:
    return ResidentGalleries(galleries, executor, device=torch.device("cpu"), capacity=capacity)


def enrol(galleries: GalleryStore, gallery: str, person: str, seed: int, digest: str = DIGEST) -> str:
    face = uuid.uuid4().hex
    uid = galleries.ensure_person(TENANT, gallery, person).uid
    galleries.put_template(
        TENANT,
        gallery,
        Template(
            person=person,
            face=face,
            embedding=tuple(unit(seed).tolist()),
            model_digest=digest,
            quality=1.0,
            created_at=datetime.now(UTC),
            person_uid=uid,
        ),
    )
    return face


def erase(galleries: GalleryStore, gallery: str, person: str) -> None:
    """As the eraser does, without the jobs."""
    uid = galleries.get_person(TENANT, gallery, person).uid
    now = datetime.now(UTC)
    galleries.erasures.append(TENANT, Erasure(gallery=gallery, uid=uid, erased_at=now, reason=ErasureReason.REQUESTED))
    galleries.remove_person(TENANT, gallery, person, uid, before=now)


def best(residents: ResidentGalleries, gallery: str, seed: int) -> str | None:
    """Who is found for the very embedding of this seed; nobody when the likeness is only by chance."""
    (found,), _, _ = residents.search(TENANT, gallery, unit(seed)[None], digest=DIGEST, top_k=2)
    return found[0].person if found and found[0].score > 0.6 else None


def test_each_worker_sees_every_change_at_its_next_search(
    galleries: GalleryStore, gallery: str, executor: Executor
) -> None:
    workers = [worker(galleries, executor) for _ in range(2)]
    galleries.ensure_person(TENANT, gallery, "ada")
    faces = []
    for seed in range(4):
        faces.append(enrol(galleries, gallery, "ada", seed))
        assert [best(one, gallery, seed) for one in workers] == ["ada", "ada"]
    galleries.delete_template(TENANT, gallery, "ada", faces[0])
    galleries.delete_template(TENANT, gallery, "ada", faces[1])
    assert [one.search(TENANT, gallery, unit(3)[None], digest=DIGEST, top_k=1)[1] for one in workers] == [1, 1]
    erase(galleries, gallery, "ada")
    assert [best(one, gallery, 3) for one in workers] == [None, None]
    assert [one.search(TENANT, gallery, unit(3)[None], digest=DIGEST, top_k=1) for one in workers] == [
        ([[]], 0, {})
    ] * 2


def test_a_worker_that_starts_late_loads_what_is_there(
    galleries: GalleryStore, gallery: str, executor: Executor
) -> None:
    for seed in range(5):
        enrol(galleries, gallery, f"p{seed}", seed)
    late = worker(galleries, executor)
    assert [best(late, gallery, seed) for seed in range(5)] == [f"p{seed}" for seed in range(5)]


def test_after_redis_lost_everything_the_store_is_read_again(
    galleries: GalleryStore, gallery: str, executor: Executor, redis: Redis
) -> None:
    residents = worker(galleries, executor)
    enrol(galleries, gallery, "ada", 1)
    assert best(residents, gallery, 1) == "ada"
    redis.flushall()
    enrol(galleries, gallery, "bob", 2)
    redis.flushall()
    assert best(residents, gallery, 2) == "bob"


def test_a_template_deleted_before_its_announcement_is_read_stays_away(
    galleries: GalleryStore, gallery: str, executor: Executor
) -> None:
    """The stream says "put" after "deleted", as when an enrolment races with an erasure."""
    residents = worker(galleries, executor)
    assert best(residents, gallery, 1) is None
    face = enrol(galleries, gallery, "ada", 1)
    galleries.withdraw_template(TENANT, gallery, "ada", face)
    galleries.announce(TENANT, gallery, Change(ChangeKind.FACE_PUT, "ada", face))
    assert best(residents, gallery, 1) is None


def test_a_deleted_gallery_made_anew_is_empty(galleries: GalleryStore, gallery: str, executor: Executor) -> None:
    residents = worker(galleries, executor)
    enrol(galleries, gallery, "ada", 1)
    assert best(residents, gallery, 1) == "ada"
    galleries.delete_gallery(TENANT, gallery)
    galleries.create_gallery(TENANT, gallery)
    assert best(residents, gallery, 1) is None


def test_templates_of_two_models_are_never_compared(galleries: GalleryStore, gallery: str, executor: Executor) -> None:
    """As during a migration: each model's probes see that model's templates, also those that change later."""
    one = worker(galleries, executor)
    enrol(galleries, gallery, "ada", 1, digest="other")
    enrol(galleries, gallery, "bob", 1)

    def found(digest: str) -> list[str]:
        (candidates,), _, _ = one.search(TENANT, gallery, unit(1)[None], digest=digest, top_k=5)
        return [candidate.person for candidate in candidates]

    assert (found(DIGEST), found("other")) == (["bob"], ["ada"])
    eve = enrol(galleries, gallery, "eve", 2, digest="other")
    assert (found(DIGEST), found("other")) == (["bob"], ["ada", "eve"])
    galleries.withdraw_template(TENANT, gallery, "eve", eve, digest="other")
    assert (found(DIGEST), found("other")) == (["bob"], ["ada"])


def test_a_model_whose_templates_were_deleted_is_not_searched_from_memory(
    galleries: GalleryStore, gallery: str, executor: Executor
) -> None:
    one = worker(galleries, executor)
    enrol(galleries, gallery, "ada", 1)
    assert best(one, gallery, 1) == "ada"
    assert galleries.delete_model_templates(TENANT, gallery, DIGEST) == 1
    assert best(one, gallery, 1) is None
    enrol(galleries, gallery, "bob", 1)
    assert best(one, gallery, 1) == "bob"


def test_a_template_that_lies_under_another_models_digest_is_refused() -> None:
    template = Template(
        person="ada", face="f1", embedding=(1.0,), model_digest="other", quality=1.0, created_at=datetime.now(UTC)
    )
    with pytest.raises(ModelMismatch, match="other"):
        check_model(template, DIGEST)


def test_memory_is_bounded_and_answers_stay_right(galleries: GalleryStore, executor: Executor) -> None:
    residents = worker(galleries, executor, capacity=3)
    names = []
    for number in range(3):
        name = f"g-{uuid.uuid4().hex[:8]}"
        galleries.create_gallery(TENANT, name)
        enrol(galleries, name, "ada", number)
        enrol(galleries, name, "bob", number + 100)
        names.append(name)
    for _ in range(2):
        for number, name in enumerate(names):
            assert best(residents, name, number) == "ada"
            assert residents.templates <= 3


def test_who_was_erased_is_not_found_when_a_backup_brings_him_back(
    galleries: GalleryStore, gallery: str, executor: Executor, s3: S3Store
) -> None:
    """Neither by a worker that runs nor by one that starts, before anybody replays the log."""
    resident = worker(galleries, executor)
    enrol(galleries, gallery, "ada", 1)
    enrol(galleries, gallery, "bob", 2)
    assert best(resident, gallery, 1) == "ada"
    kept = {key: s3.get(key) for key in s3.keys(f"galleries/{TENANT}/{gallery}/")}
    erase(galleries, gallery, "ada")
    for key, data in kept.items():
        s3.put(key, data)
    galleries.announce(TENANT, gallery, Change(ChangeKind.RELOAD))
    for one in (resident, worker(galleries, executor)):
        assert best(one, gallery, 1) is None
        assert best(one, gallery, 2) == "bob"


def test_a_successor_is_not_found_by_the_face_of_who_had_his_id(
    galleries: GalleryStore, gallery: str, executor: Executor, s3: S3Store
) -> None:
    """Two templates under one id, of two people: the first one's were put back behind everybody's back."""
    enrol(galleries, gallery, "ada", 1)
    kept = {key: s3.get(key) for key in s3.keys(f"galleries/{TENANT}/{gallery}/templates/")}
    resident = worker(galleries, executor)
    assert best(resident, gallery, 1) == "ada"
    erase(galleries, gallery, "ada")
    enrol(galleries, gallery, "ada", 2)
    assert (best(resident, gallery, 1), best(resident, gallery, 2)) == (None, "ada")
    for key, data in kept.items():
        s3.put(key, data)
    late = worker(galleries, executor)
    assert (best(late, gallery, 1), best(late, gallery, 2)) == (None, "ada")


def test_who_has_expired_is_not_found_from_that_moment_on(
    galleries: GalleryStore, gallery: str, executor: Executor
) -> None:
    residents = worker(galleries, executor)
    enrol(galleries, gallery, "ada", 1)
    enrol(galleries, gallery, "bob", 2)
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    galleries.update_person(TENANT, gallery, "ada", lambda ada: ada.model_copy(update={"expires_at": soon}))
    assert best(residents, gallery, 1) == "ada"
    time.sleep(0.6)
    assert best(residents, gallery, 1) is None
    (found,), persons, uids = residents.search(TENANT, gallery, unit(1)[None], digest=DIGEST, top_k=5)
    assert ([candidate.person for candidate in found], persons) == (["bob"], 1)
    assert uids == {"bob": galleries.get_person(TENANT, gallery, "bob").uid}


def test_an_old_template_that_does_not_say_whose_it_is_is_its_persons(
    galleries: GalleryStore, gallery: str, executor: Executor
) -> None:
    person = galleries.ensure_person(TENANT, gallery, "ada")
    old = Template(
        person="ada",
        face="f0",
        embedding=tuple(unit(1).tolist()),
        model_digest=DIGEST,
        quality=1.0,
        created_at=person.created_at,
    )
    galleries.put_template(TENANT, gallery, old)
    enrol(galleries, gallery, "ada", 2)
    residents = worker(galleries, executor)
    assert (best(residents, gallery, 1), best(residents, gallery, 2)) == ("ada", "ada")
    assert residents.search(TENANT, gallery, unit(1)[None], digest=DIGEST, top_k=1)[1] == 1, "one person, not two"


def test_no_probe_finds_nobody(galleries: GalleryStore, gallery: str, executor: Executor) -> None:
    enrol(galleries, gallery, "ada", 1)
    empty = np.empty((0, 128), np.float32)
    assert worker(galleries, executor).search(TENANT, gallery, empty, digest=DIGEST, top_k=2) == ([], 1, {})
