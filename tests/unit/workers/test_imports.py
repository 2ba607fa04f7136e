"""Imports: a gallery comes back as it was, but nobody who was erased; a repetition changes nothing."""

import gzip
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from shared.erasures.eraser import Eraser
from shared.erasures.log import Erasure, ErasureReason
from shared.errors import GalleryNotFound, InvalidExport, JobCancelled, ModelMismatch
from shared.galleries import exports
from shared.galleries.exports import GalleryLine
from shared.galleries.persons import PersonQuery
from shared.galleries.store import GalleryStore, Template
from shared.jobs import JobStore, NewJob
from shared.outbox import Outbox, Reader
from shared.schemas import (
    FaceSource,
    GalleryRules,
    ImportPayload,
    ImportResult,
    JobType,
    Model,
    OnConflict,
    Person,
    Progress,
)
from shared.settings import JobSettings
from shared.storage.store import MemoryStore
from tests.unit.shared.galleries.test_exports import sealed
from workers.imports import Importer
from workers.runner import Held

TENANT, GALLERY, ARCHIVE = "acme", "staff", "uploads/acme/j1/archive"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MODEL = Model(name="sface", digest="d1")


def somebody(person: str, **fields: Any) -> Person:
    return Person(id=person, uid=uuid.uuid4().hex, created_at=NOW, **fields)


def face_of(person: Person, face: str, quality: float = 0.5) -> Template:
    return Template(
        person=person.id, face=face, embedding=(0.6, 0.8), model_digest="d1", quality=quality, created_at=NOW,
        person_uid=person.uid,
    )  # fmt: skip


ADA, BOB = somebody("ada", name="Ada", tags=("a",), external_id="4711"), somebody("bob")
FACES = [face_of(ADA, "a1"), face_of(ADA, "a2"), face_of(BOB, "b1")]


def archive(people: list[Person], faces: list[Template], model: Model = MODEL) -> list[bytes]:
    header = GalleryLine(gallery="old", rules=GalleryRules(), model=model, exported_at=NOW, likeness="1.0")
    return list(exports.write(header, people, faces))


@dataclass
class Desk:
    """An importer with what it works on."""

    store: MemoryStore
    galleries: GalleryStore
    jobs: JobStore
    outbox: Outbox
    told: list[Progress] = field(default_factory=list)

    def run(self, data: bytes, on_conflict: OnConflict = OnConflict.SKIP) -> ImportResult:
        self.store.put(ARCHIVE, data)
        payload = ImportPayload(gallery=GALLERY, archive_key=ARCHIVE, on_conflict=on_conflict)
        job = self.jobs.submit(NewJob(TENANT, JobType.IMPORT, payload, actor="k1"))
        claimed = self.jobs.claim(job.id)
        assert claimed is not None
        importer = Importer(self.store, self.galleries, self.outbox, lambda _, __: 2)
        result, model = importer.run(payload, Held(self.jobs, claimed))
        assert isinstance(result, ImportResult)
        assert model == MODEL
        return result

    def faces(self, person: str) -> list[str]:
        return [template.face for template in self.galleries.person_templates(TENANT, GALLERY, person, "d1")]

    def person(self, person: str) -> Person:
        return self.galleries.get_person(TENANT, GALLERY, person)


@pytest.fixture
def desk(redis: Redis) -> Desk:
    store = MemoryStore()
    galleries = GalleryStore(store, redis, "test:")
    galleries.create_gallery(TENANT, GALLERY, model=MODEL, rules=GalleryRules(templates_per_person=3))
    jobs = JobStore(redis, "test:", JobSettings(), lambda *_: None)
    return Desk(store, galleries, jobs, Outbox(redis, "test:"))


@pytest.mark.parametrize("pack", [pytest.param(bytes, id="plain"), pytest.param(gzip.compress, id="gzip")])
def test_people_and_faces_come_back_as_they_were(desk: Desk, pack: Callable[[bytes], bytes]) -> None:
    result = desk.run(pack(b"".join(archive([ADA, BOB], FACES))))
    assert (result.persons, result.templates, result.invalid) == (2, 3, 0)
    assert desk.person("ada") == ADA
    (first, _) = desk.galleries.person_templates(TENANT, GALLERY, "ada", "d1")
    assert first == FACES[0].model_copy(update={"embedding": first.embedding, "source": FaceSource.IMPORT})
    assert first.embedding == pytest.approx((0.6, 0.8), abs=1e-7)
    found = desk.galleries.find_persons(TENANT, GALLERY, PersonQuery(external_id="4711"))
    assert [person.id for person in found.persons] == ["ada"]


def test_every_worker_reads_the_gallery_again_and_others_hear_of_it(desk: Desk) -> None:
    desk.galleries.put_person(TENANT, GALLERY, BOB)
    before = desk.galleries.changes(TENANT, GALLERY, None).position
    desk.run(b"".join(archive([ADA], FACES[:2])))
    assert desk.galleries.changes(TENANT, GALLERY, before).changes[-1].kind == "reload"
    (told,) = [one for one in desk.outbox.read(Reader.AUDIT) if one.kind == "gallery.imported"]
    assert (told.actor, told.data["persons"], told.data["templates"]) == ("k1", 1, 2)


def test_a_repetition_changes_nothing(desk: Desk) -> None:
    data = b"".join(archive([ADA, BOB], FACES))
    desk.run(data)
    objects = list(desk.store.keys("galleries/"))
    again = desk.run(data)
    assert (again.persons, again.kept, again.templates) == (0, 2, 3)
    assert list(desk.store.keys("galleries/")) == objects


def test_who_was_erased_is_left_out(desk: Desk) -> None:
    entry = Erasure(gallery="old", uid=ADA.uid, erased_at=NOW, reason=ErasureReason.REQUESTED)
    desk.galleries.erasures.append(TENANT, entry)
    result = desk.run(b"".join(archive([ADA, BOB], FACES)))
    assert (result.erased, result.persons, result.templates, result.invalid) == (1, 1, 1, 0)
    assert not [key for key in desk.store.keys("galleries/") if "/ada" in key]


def test_of_somebody_who_is_erased_while_his_faces_come_nothing_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import may last longer than an erasure looks back."""
    eraser = Eraser(desk.store, desk.galleries, desk.jobs, desk.outbox, keepers={}, settle_seconds=0)
    put = desk.galleries.put_person

    def put_and_erase(tenant: str, gallery: str, person: Person) -> None:
        put(tenant, gallery, person)
        if person.id == "ada":
            eraser.erase(tenant, gallery, "ada", reason=ErasureReason.REQUESTED)
            eraser.settle()

    monkeypatch.setattr(desk.galleries, "put_person", put_and_erase)
    desk.run(b"".join(archive([ADA, BOB], FACES)))
    assert not [key for key in desk.store.keys("galleries/") if "/ada" in key]
    assert desk.faces("bob") == ["b1"]


@pytest.mark.parametrize("again", [False, True])
def test_of_an_import_into_a_gallery_that_is_deleted_meanwhile_nothing_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Another gallery of that name begins empty."""
    put = desk.galleries.put_person

    def put_and_delete(tenant: str, gallery: str, person: Person) -> None:
        put(tenant, gallery, person)
        if person.id == "ada":
            desk.galleries.delete_gallery(tenant, gallery)
            if again:
                desk.galleries.create_gallery(tenant, gallery, model=MODEL)

    monkeypatch.setattr(desk.galleries, "put_person", put_and_delete)
    with pytest.raises(GalleryNotFound):
        desk.run(b"".join(archive([ADA, BOB], FACES)))
    assert [key for key in desk.store.keys("galleries/") if not key.endswith("/gallery.json")] == []


def test_two_people_of_one_uid_are_not_both_taken(desk: Desk) -> None:
    twin = BOB.model_copy(update={"uid": ADA.uid})
    result = desk.run(b"".join(archive([ADA, twin], [*FACES[:2], face_of(twin, "b1")])))
    assert (result.persons, result.templates, result.invalid) == (1, 2, 1)
    assert "uid" in result.problems[0].reason
    assert desk.faces("bob") == []


def test_who_was_to_be_kept_no_longer_is_left_out(desk: Desk) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    result = desk.run(b"".join(archive([somebody("eve", expires_at=past)], [])))
    assert (result.expired, result.persons) == (1, 0)


def test_skip_leaves_another_person_of_that_id_alone(desk: Desk) -> None:
    there = desk.galleries.ensure_person(TENANT, GALLERY, "ada")
    desk.galleries.put_template(TENANT, GALLERY, face_of(there, "x1"))
    result = desk.run(b"".join(archive([ADA, BOB], FACES)))
    assert (result.kept, result.persons, result.templates) == (1, 1, 1)
    assert (desk.person("ada"), desk.faces("ada")) == (there, ["x1"])


def test_skip_gives_the_same_person_the_faces_that_he_lacks(desk: Desk) -> None:
    desk.galleries.put_person(TENANT, GALLERY, ADA.model_copy(update={"name": "new name"}))
    desk.galleries.put_template(TENANT, GALLERY, face_of(ADA, "a9"))
    desk.run(b"".join(archive([ADA], FACES[:2])))
    assert (desk.person("ada").name, desk.faces("ada")) == ("new name", ["a1", "a2", "a9"])


@pytest.mark.parametrize("there", [ADA.model_copy(update={"name": "former"}), somebody("ada", name="former")])
def test_replace_makes_the_person_what_the_export_says(desk: Desk, there: Person) -> None:
    desk.galleries.put_person(TENANT, GALLERY, there)
    desk.galleries.put_template(TENANT, GALLERY, face_of(there, "x1"))
    result = desk.run(b"".join(archive([ADA], FACES[:2])), OnConflict.REPLACE)
    assert (result.persons, result.kept) == (1, 0)
    assert (desk.person("ada"), desk.faces("ada")) == (ADA, ["a1", "a2"])


def test_nobody_keeps_more_faces_than_the_gallery_allows(desk: Desk) -> None:
    faces = [face_of(ADA, f"a{number}", quality=number / 10) for number in range(6)]
    result = desk.run(b"".join(archive([ADA], faces)))
    assert (result.templates, result.surplus) == (6, 3)
    assert desk.faces("ada") == ["a3", "a4", "a5"]


def test_a_line_that_is_wrong_is_left_out_and_named(desk: Desk) -> None:
    header, ada, a1, a2, b1, _ = archive([ADA], [*FACES[:2], face_of(ADA, "a3")])
    damaged = json.dumps({**json.loads(a1), "embedding": "AAAA"}).encode() + b"\n"
    stranger = json.dumps({**json.loads(a2), "person": "eve"}).encode() + b"\n"
    result = desk.run(sealed([header, ada, damaged, b"{}\n", ada, stranger, b1], persons=2, faces=4))
    assert {problem.line: problem.reason for problem in result.problems} == {
        3: "`embedding` has 3 bytes; the model's have 2 float32, 8",
        4: "it must be an object with a `kind`: one of gallery, person, face, end",
        5: "the person has a line already",
        6: "the face is of nobody in the lines before it",
    }
    assert (result.persons, result.templates, result.invalid) == (1, 1, 4)


def test_nothing_is_imported_from_a_file_that_is_not_whole(desk: Desk) -> None:
    with pytest.raises(InvalidExport, match="line 5"):
        desk.run(b"".join(archive([ADA, BOB], FACES)[:-2]))
    assert list(desk.store.keys(f"galleries/{TENANT}/{GALLERY}/persons/")) == []


def test_faces_of_another_model_are_refused(desk: Desk) -> None:
    with pytest.raises(ModelMismatch, match="made with that model"):
        desk.run(b"".join(archive([ADA], FACES[:1], Model(name="other", digest="d2"))))


def test_a_cancelled_import_stops_and_what_is_there_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(held: Held, progress: Progress) -> None:
        raise JobCancelled(f"{held.job.id} at {progress.stage}")

    monkeypatch.setattr(Held, "report", cancelled)
    desk.galleries.put_person(TENANT, GALLERY, BOB)
    before = desk.galleries.changes(TENANT, GALLERY, None).position
    with pytest.raises(JobCancelled, match="importing"):
        desk.run(b"".join(archive([ADA], FACES[:2])))
    assert desk.galleries.changes(TENANT, GALLERY, before).changes[-1].kind == "reload"
