"""Galleries resident in memory, as fresh as the object store at every search."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt
import torch

from shared.errors import FaceNotFound, ModelMismatch
from shared.gallery_store import Change, ChangeKind, GalleryStore, Position, Template
from shared.ml.face.gallery import Candidate, GalleryMatrix


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
        model_digest: the embedder's; a template of another model is refused.
        capacity: most templates kept over all galleries (one gallery is always kept).
    """

    def __init__(
        self,
        galleries: GalleryStore,
        executor: Executor,
        *,
        device: torch.device,
        model_digest: str,
        capacity: int,
    ) -> None:
        self._galleries = galleries
        self._executor = executor
        self._device = device
        self._digest = model_digest
        self._capacity = capacity
        self._residents: OrderedDict[tuple[str, str], _Resident] = OrderedDict()
        self._lock = threading.Lock()

    def search(
        self, tenant: str, gallery: str, probes: npt.NDArray[np.float32], *, top_k: int
    ) -> tuple[list[list[Candidate]], int]:
        """The `top_k` likeliest persons for each probe, and how many persons were searched.

        Sees every enrolment and deletion that was finished, by any process, before the call.

        Args:
            probes: (B, 128) float32, unit length.

        Raises:
            ModelMismatch: the gallery holds templates of another model.
        """
        resident = self._resident(tenant, gallery)
        with resident.lock:
            self._follow(resident, tenant, gallery)
            found = self._executor.submit(resident.matrix.search, probes, top_k=top_k).result()
            persons = resident.matrix.persons
        self._evict()
        return found, persons

    def _resident(self, tenant: str, gallery: str) -> _Resident:
        with self._lock:
            resident = self._residents.setdefault((tenant, gallery), _Resident(self._device))
            self._residents.move_to_end((tenant, gallery))
            return resident

    def _follow(self, resident: _Resident, tenant: str, gallery: str) -> None:
        """Bring the matrix up to date, from the change stream or, when that has a gap, from the store."""
        news = self._galleries.changes(tenant, gallery, resident.position)
        if news.complete:
            for change in news.changes:
                self._apply(resident, tenant, gallery, change)
        else:
            # The position was read before the objects, so nothing written meanwhile is missed: it comes again
            # as a change, and applying a change twice is harmless.
            resident.matrix = GalleryMatrix(device=self._device)
            self._put(resident, list(self._galleries.all_templates(tenant, gallery)))
        resident.position = news.position

    def _apply(self, resident: _Resident, tenant: str, gallery: str, change: Change) -> None:
        run = self._executor.submit
        match change.kind:
            case ChangeKind.FACE_PUT:
                try:
                    template = self._galleries.get_template(tenant, gallery, change.person, change.face)
                except FaceNotFound:
                    return  # deleted since
                self._put(resident, [template])
            case ChangeKind.FACE_DELETED:
                run(resident.matrix.remove, change.face).result()
            case ChangeKind.PERSON_DELETED:
                run(resident.matrix.remove_person, change.person).result()
            case ChangeKind.GALLERY_DELETED:
                resident.matrix = GalleryMatrix(device=self._device)

    def _put(self, resident: _Resident, templates: Sequence[Template]) -> None:
        for template in templates:
            check_model(template, self._digest)

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
    """Raises ModelMismatch unless the template was made by the model in use."""
    if template.model_digest != digest:
        raise ModelMismatch(
            f"The gallery holds templates of the model {template.model_digest}, but the model in use is "
            f"{digest}. Enrol the people again, or run workers with the former model."
        )
