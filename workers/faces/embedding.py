"""Faces to embeddings that can be relied on (shared/ml/face/quality/reliability.py)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.ml.face.model import Aligned
from shared.ml.face.quality.reliability import Standing, agrees, smoothed, standing
from shared.ml.face.quality.texture import Texture
from workers.face_models import Embedded, ServedModel


@dataclass(frozen=True, eq=False)
class FaceToEmbed:
    """Aligned for each model; the texture is that of the first one's crop."""

    aligned: Sequence[Aligned]
    texture: Texture


def embed_reliably(faces: Sequence[FaceToEmbed], models: Sequence[ServedModel]) -> list[tuple[Embedded, ...] | None]:
    """Each face embedded by each model, all asked for before the first is awaited; None: not to be relied on.

    The first model judges: one second look more costs what it costs, and a photo is spoilt for all models or none.
    """
    waiting = [
        [model.batcher.submit(aligned) for model, aligned in zip(models, face.aligned, strict=True)] for face in faces
    ]
    found = [tuple(embedded.result() for embedded in of_one) for of_one in waiting]
    standings = [standing(face.texture, one[0].length) for face, one in zip(faces, found, strict=True)]
    copies = {
        number: models[0].batcher.submit(smoothed(faces[number].aligned[0]))
        for number, how in enumerate(standings)
        if how is Standing.DOUBTED
    }

    def is_reliable(number: int) -> bool:
        if number in copies:
            first = found[number][0]
            return agrees(first.embedding, copies[number].result().embedding, faces[number].texture, first.length)
        return standings[number] is Standing.RELIABLE

    return [one if is_reliable(number) else None for number, one in enumerate(found)]
