"""The faces that a person has already, of one model: whether a new one looks like them, or is the same photo again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.galleries.store import GalleryStore, Template
from shared.ml.face.gallery import fuse
from shared.ml.face.verification import SAME_PERSON, verification_profile
from shared.schemas import Person
from workers.face_models import Embedding, ServedModel
from workers.residents import check_model

# Measured with SFace on photos of LFW: sent again, or stored without loss, 1.0000; encoded anew as JPEG 75 to 98 at
# least 0.98 in 89 to 100 % of 37 photos; different photos of one person at most 0.915 in 700 pairs (decision 29).
SAME_PHOTO = 0.98  # cosine


@dataclass(frozen=True)
class OwnFaces:
    model: ServedModel
    templates: Sequence[Template]

    @classmethod
    def of(
        cls, galleries: GalleryStore, tenant: str, gallery: str, person: Person | None, model: ServedModel
    ) -> "OwnFaces":
        """Those of a person; none of somebody who is not there."""
        found = galleries.templates_of(tenant, gallery, person, model.card.digest) if person else []
        for template in found:
            check_model(template, model.card.digest)
        return cls(model, found)

    def without(self, face: str) -> "OwnFaces":
        return OwnFaces(self.model, [template for template in self.templates if template.face != face])

    def likeness(self, embedding: Embedding) -> float | None:
        """How much a face looks like them, as a verification would see it; None when there are none."""
        return fuse(embedding, self._vectors()) if self.templates else None

    def looks_different(self, likeness: float | None) -> bool:
        return likeness is not None and likeness < verification_profile(SAME_PERSON, self.model.card.curve).threshold

    def same_photo(self, embedding: Embedding) -> Template | None:
        """The stored face that was made of the same photo."""
        if not self.templates:
            return None
        cosines = self._vectors() @ embedding
        best = int(cosines.argmax())
        return self.templates[best] if cosines[best] >= SAME_PHOTO else None

    def _vectors(self) -> Embedding:
        return np.array([template.embedding for template in self.templates], np.float32)
