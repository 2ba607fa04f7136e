"""Galleries resident in memory, as fresh as the object store at every search."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from shared.errors import FaceNotFound, ModelMismatch
from shared.gallery_changes import Change, ChangeKind, Position
from shared.gallery_store import GalleryStore, Template
from shared.ml.face.gallery import Candidate, GalleryMatrix


class _Key(NamedTuple):
    """A gallery's templates of one model."""

    tenant: str
    gallery: str
    digest: str


class _Resident:
    """One gallery's matrix and how far it has followed the change stream."""

    def __init__(self, device: torch.device) -> None:
        self.lock = threading.Lock()
        self.matrix = GalleryMatrix(device=device)
        self.position: Position | None = None


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

    def search(
        self, tenant: str, gallery: str, probes: npt.NDArray[np.float32], *, digest: str, top_k: int
    ) -> tuple[list[list[Candidate]], int]:
        """The `top_k` likeliest persons for each probe, and how many persons were searched.

        Sees every enrolment and deletion that was finished, by any process, before the call.

        Args:
            probes: (B, dimensions) float32, unit length.
            digest: the model of the probes, and so of the templates that they are compared with.
        """
        key = _Key(tenant, gallery, digest)
        resident = self._resident(key)
        with resident.lock:
            self._follow(resident, key)
            found = self._executor.submit(resident.matrix.search, probes, top_k=top_k).result()
            persons = resident.matrix.persons
        self._evict()
        return found, persons

    def _resident(self, key: _Key) -> _Resident:
        with self._lock:
            resident = self._residents.setdefault(key, _Resident(self._device))
            self._residents.move_to_end(key)
            return resident

    def _follow(self, resident: _Resident, key: _Key) -> None:
        """Bring the matrix up to date, from the change stream or, when that has a gap, from the store."""
        news = self._galleries.changes(key.tenant, key.gallery, resident.position)
        if news.complete:
            for change in news.changes:
                self._apply(resident, key, change)
        else:
            # The position was read before the objects, so nothing written meanwhile is missed: it comes again
            # as a change, and applying a change twice is harmless.
            resident.matrix = GalleryMatrix(device=self._device)
            self._put(resident, key, list(self._galleries.all_templates(*key)))
        resident.position = news.position

    def _apply(self, resident: _Resident, key: _Key, change: Change) -> None:
        if change.digest not in {"", key.digest}:
            return
        run = self._executor.submit
        match change.kind:
            case ChangeKind.FACE_PUT:
                try:
                    template = self._galleries.get_template(
                        key.tenant, key.gallery, change.person, key.digest, change.face
                    )
                except FaceNotFound:
                    return  # deleted since
                self._put(resident, key, [template])
            case ChangeKind.FACE_DELETED:
                run(resident.matrix.remove, change.face).result()
            case ChangeKind.PERSON_DELETED:
                run(resident.matrix.remove_person, change.person).result()
            case ChangeKind.GALLERY_DELETED | ChangeKind.MODEL_DELETED:
                resident.matrix = GalleryMatrix(device=self._device)

    def _put(self, resident: _Resident, key: _Key, templates: Sequence[Template]) -> None:
        for template in templates:
            check_model(template, key.digest)

        def put() -> None:
            for template in templates:
                embedding = np.asarray(template.embedding, np.float32)
                resident.matrix.put(template.face, template.person, embedding)

        self._executor.submit(put).result()

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
