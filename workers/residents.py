"""Galleries resident in memory, as fresh as the object store at every search.

The matrix knows people by id and uid: templates of a former person of the same id, which a restored backup may have
brought back, are never fused with those of his successor. Whom a search finds is looked up before he is named, so
somebody who was erased or has expired is not found, however his templates came here.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from shared.errors import FaceNotFound, GalleryNotFound, ModelMismatch, PersonNotFound
from shared.galleries.changes import Change, ChangeKind, Position
from shared.galleries.persons import expired
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.gallery import Candidate, GalleryMatrix
from shared.schemas import Person


class _Key(NamedTuple):
    """A gallery's templates of one model."""

    tenant: str
    gallery: str
    digest: str


class _Owner(NamedTuple):
    """One of the people who had an id; `name` is what the matrix calls him."""

    person: str
    uid: str

    @property
    def name(self) -> str:
        return f"{self.person}/{self.uid}"

    @classmethod
    def of(cls, name: str) -> "_Owner":
        return cls(*name.split("/"))


class Found(NamedTuple):
    """What a search found for each probe, among how many persons; and the uids of those who were found, by id."""

    candidates: list[list[Candidate]]
    persons: int
    uids: dict[str, str]


class _Resident:
    """One gallery's matrix, whose templates are in it, and how far it has followed the change stream."""

    def __init__(self, device: torch.device) -> None:
        self.lock = threading.Lock()
        self.position: Position | None = None
        self.clear(device)

    def clear(self, device: torch.device) -> None:
        self.matrix = GalleryMatrix(device=device)
        self.owners: dict[str, set[_Owner]] = {}  # id of a person -> all who had it
        self.records: dict[str, Person | None] = {}  # by id: those that were looked at since they last changed

    def put(self, template: Template, owner: _Owner) -> None:
        self.matrix.put(template.face, owner.name, np.asarray(template.embedding, np.float32))
        self.owners.setdefault(owner.person, set()).add(owner)

    def drop(self, owner: _Owner) -> None:
        """Forget one person's templates."""
        self.matrix.remove_person(owner.name)
        self.owners[owner.person].discard(owner)


class ResidentGalleries:
    """Exact 1:K search in galleries that stay in memory, the least recently used giving way.

    Args:
        executor: the one thread that owns the device; searches and changes of a matrix run there.
        capacity: most templates kept over all galleries (one gallery is always kept).
    """

    def __init__(
        self,
        galleries: GalleryStore,
        executor: Executor,
        *,
        device: torch.device,
        capacity: int,
    ) -> None:
        self._galleries = galleries
        self._executor = executor
        self._device = device
        self._capacity = capacity
        self._residents: OrderedDict[_Key, _Resident] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, tenant: str, gallery: str, probes: npt.NDArray[np.float32], *, digest: str, top_k: int) -> Found:
        """The `top_k` likeliest persons for each probe.

        Sees every enrolment and deletion that was finished, by any process, before the call.

        Args:
            probes: (B, dimensions) float32, unit length.
            digest: the model of the probes, and so of the templates that they are compared with.
        """
        key = _Key(tenant, gallery, digest)
        resident = self._resident(key)
        with resident.lock:
            self._follow(resident, key)
            found = self._search(resident, key, probes, top_k)
        self._evict()
        return found

    def matched_face(
        self, tenant: str, gallery: str, person: str, uid: str, probe: npt.NDArray[np.float32], *, digest: str
    ) -> str | None:
        """Which of a person's faces is most similar to a probe that has just found him; None when all are gone."""
        resident = self._resident(_Key(tenant, gallery, digest))
        with resident.lock:
            return self._executor.submit(resident.matrix.closest, _Owner(person, uid).name, probe).result()

    def _search(self, resident: _Resident, key: _Key, probes: npt.NDArray[np.float32], top_k: int) -> Found:
        """Search until nobody is found who is not there any more; he is taken out."""
        while True:
            found = self._executor.submit(resident.matrix.search, probes, top_k=top_k).result()
            owners = {_Owner.of(candidate.person) for candidates in found for candidate in candidates}
            gone = [owner for owner in owners if not self._is_there(resident, key, owner)]
            if not gone:
                named = [[Candidate(_Owner.of(c.person).person, c.score) for c in candidates] for candidates in found]
                return Found(named, resident.matrix.persons, {owner.person: owner.uid for owner in owners})
            for owner in gone:
                self._executor.submit(resident.drop, owner).result()

    def _is_there(self, resident: _Resident, key: _Key, owner: _Owner) -> bool:
        person = self._record(resident, key, owner.person)
        return (
            person is not None
            and person.uid == owner.uid
            and not expired(person)
            and not self._galleries.erasures.is_erased(key.tenant, owner.uid)
        )

    def _record(self, resident: _Resident, key: _Key, person: str) -> Person | None:
        """A person's record; changes of it come through the stream."""
        if person not in resident.records:
            try:
                resident.records[person] = self._galleries.get_person(key.tenant, key.gallery, person)
            except (PersonNotFound, GalleryNotFound):
                resident.records[person] = None
        return resident.records[person]

    def _resident(self, key: _Key) -> _Resident:
        with self._lock:
            resident = self._residents.setdefault(key, _Resident(self._device))
            self._residents.move_to_end(key)
            return resident

    def _follow(self, resident: _Resident, key: _Key) -> None:
        """Bring the matrix up to date, from the change stream or, when that has a gap, from the store."""
        news = self._galleries.changes(key.tenant, key.gallery, resident.position)
        reload = any(change.kind is ChangeKind.RELOAD for change in news.changes)
        if news.complete and not reload:
            for change in news.changes:
                self._apply(resident, key, change)
        else:
            # The position was read before the objects, so nothing written meanwhile is missed: it comes again
            # as a change, and applying a change twice is harmless.
            self._load(resident, key)
        resident.position = news.position

    def _load(self, resident: _Resident, key: _Key) -> None:
        resident.clear(self._device)
        self._put(resident, key, list(self._galleries.all_templates(*key)))

    def _apply(self, resident: _Resident, key: _Key, change: Change) -> None:
        if change.digest not in {"", key.digest}:
            return
        run = self._executor.submit
        match change.kind:
            case ChangeKind.FACE_PUT:
                self._add(resident, key, change)
            case ChangeKind.FACE_DELETED:
                run(resident.matrix.remove, change.face).result()
            case ChangeKind.PERSON_CHANGED:
                resident.records.pop(change.person, None)
            case ChangeKind.PERSON_DELETED:
                resident.records.pop(change.person, None)
                for owner in list(resident.owners.get(change.person, ())):
                    if not self._is_there(resident, key, owner):  # he may have a successor already, who stays
                        run(resident.drop, owner).result()
            case ChangeKind.GALLERY_DELETED | ChangeKind.MODEL_DELETED:
                resident.clear(self._device)
            case ChangeKind.RELOAD:
                raise AssertionError("whoever follows the changes loads the gallery instead")

    def _add(self, resident: _Resident, key: _Key, change: Change) -> None:
        resident.records.pop(change.person, None)  # he may be new
        try:
            template = self._galleries.get_template(key.tenant, key.gallery, change.person, key.digest, change.face)
        except FaceNotFound:
            return  # deleted since
        self._put(resident, key, [template])

    def _put(self, resident: _Resident, key: _Key, templates: Sequence[Template]) -> None:
        for template in templates:
            check_model(template, key.digest)
        owners = [self._owner(resident, key, template) for template in templates]

        def put() -> None:
            for template, owner in zip(templates, owners, strict=True):
                if owner is not None:
                    resident.put(template, owner)

        self._executor.submit(put).result()

    def _owner(self, resident: _Resident, key: _Key, template: Template) -> _Owner | None:
        """Whose a template is; None when it is of nobody who is there."""
        if template.person_uid is not None:
            return _Owner(template.person, template.person_uid)
        person = self._record(resident, key, template.person)
        return _Owner(person.id, person.uid) if person is not None and template.is_of(person) else None

    def _evict(self) -> None:
        with self._lock:
            while len(self._residents) > 1 and self.templates > self._capacity:
                self._residents.popitem(last=False)

    @property
    def templates(self) -> int:
        """How many templates are in memory."""
        return sum(len(resident.matrix) for resident in self._residents.values())


def check_model(template: Template, digest: str) -> None:
    """Raises ModelMismatch unless the template was made by this model."""
    if template.model_digest != digest:
        raise ModelMismatch(f"A template of the model {template.model_digest} cannot be compared with {digest}'s.")
