"""From embedded faces to the whole report."""

from collections.abc import Callable, Iterable

import numpy as np

from shared.errors import InsufficientData
from shared.file_names import count_left_out
from shared.ml.face.evaluation.identification import evaluate_identification
from shared.ml.face.evaluation.pairs import Pairs, draw_pairs
from shared.ml.face.evaluation.report import DataUsed, EvaluationReport, Left, ModelUsed, PairError
from shared.ml.face.evaluation.scores import ScoredPair, compare_all
from shared.ml.face.evaluation.verification import evaluate_verification, ten_folds
from shared.ml.face.face_set import FaceSet

SHOWN = 8  # most wrong pairs of either kind


def evaluate(
    faces: FaceSet,
    *,
    name: str = "",
    seed: int = 0,
    pairs: Pairs | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Everything the faces can show; `pairs` replaces the drawn ones in the ten folds. The same for one seed.

    Raises:
        InsufficientData: fewer than two people.
    """
    labels = faces.labels
    photos = np.bincount(labels)
    if len(photos) < 2:
        raise InsufficientData(_too_few(faces, len(photos)))
    compared = compare_all(faces.embeddings, labels, progress=progress)
    chosen = pairs or draw_pairs(labels, seed=seed)
    folds = ten_folds(faces.embeddings, chosen) if isinstance(chosen, Pairs) else chosen
    identification, note = evaluate_identification(faces.embeddings, labels, seed=seed)
    return EvaluationReport(
        model=ModelUsed(name=faces.model_name, digest=faces.model_digest),
        data=DataUsed(
            name=name,
            files=len(faces) + len(faces.problems),
            faces=len(faces),
            people=len(photos),
            people_with_one_face=int((photos == 1).sum()),
        ),
        seed=seed,
        verification=evaluate_verification(compared, folds),
        identification=identification,
        identification_note=note,
        closest_impostors=_worst(compared.closest, faces),
        farthest_genuine=_worst(compared.farthest, faces),
        left_out=tuple(Left(file=problem.file, reason=problem.reason) for problem in faces.problems),
        left_out_pairs=pairs.left_out if pairs else (),
    )


def _too_few(faces: FaceSet, people: int) -> str:
    """What is missing, with the first of the files that were left out."""
    message = f"There are usable faces of {people} {'person' if people == 1 else 'people'}; at least 2 are needed."
    if not faces.problems:
        return f"{message} Put the photos of each person into a folder of his own."
    first = faces.problems[0]
    return f"{message} {count_left_out(len(faces.problems))}: {first.file}: {first.reason}"


def _worst(pairs: Iterable[ScoredPair], faces: FaceSet) -> tuple[PairError, ...]:
    """The first few in which no two people meet twice and no photo is seen twice: one bad photo is one error."""
    shown: list[ScoredPair] = []
    seen: set[object] = set()
    for pair in pairs:
        who = frozenset((faces.people[pair.a], faces.people[pair.b]))
        if not seen & {pair.a, pair.b, who}:
            seen |= {pair.a, pair.b, who}
            shown.append(pair)
    return tuple(PairError(a=faces.names[p.a], b=faces.names[p.b], score=p.score) for p in shown[:SHOWN])
