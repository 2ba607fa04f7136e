"""Faces to embeddings that can be relied on (shared/ml/face/quality/reliability.py)."""

from collections.abc import Sequence

from shared.ml.face.model import Aligned
from shared.ml.face.quality.reliability import Standing, agrees, smoothed, standing
from workers.face_models import Embedded, ServedModel


def embed_reliably(
    faces: Sequence[Sequence[Aligned]], models: Sequence[ServedModel]
) -> list[tuple[Embedded, ...] | None]:
    """Each face embedded by each model, all asked for before the first is awaited; None: not to be relied on.

    The first model judges: one second look more costs what it costs, and a photo is spoilt for all models or none.

    Args:
        faces: each aligned for each model.
    """
    waiting = [[model.batcher.submit(aligned) for model, aligned in zip(models, face, strict=True)] for face in faces]
    found = [tuple(embedded.result() for embedded in of_one) for of_one in waiting]
    standings = [standing(one[0].doubt) for one in found]
    copies = {
        number: models[0].batcher.submit(smoothed(faces[number][0]))
        for number, how in enumerate(standings)
        if how is Standing.DOUBTED
    }

    def is_reliable(number: int) -> bool:
        if number in copies:
            return agrees(found[number][0].embedding, copies[number].result().embedding)
        return standings[number] is Standing.RELIABLE

    return [one if is_reliable(number) else None for number, one in enumerate(found)]


def are_spoilt(faces: Sequence[Aligned], model: ServedModel) -> list[bool]:
    """Whether each photo of a face that seems to be covered is spoilt, and covers nothing.

    Edges, negatives and filters hide eyes and mouth as well as dark glasses do. The network doubts the former and not
    the latter: of such spoilt photos 61 of 62 are beyond the limit, of faces with drawn glasses, hands and scarves 3 of
    61.
    """
    waiting = [model.batcher.submit(face) for face in faces]
    return [standing(one.result().doubt) is Standing.UNRELIABLE for one in waiting]
