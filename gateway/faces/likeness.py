"""Which of a person's faces look like the others, so that the odd one is seen before the right one is deleted.

Pure Python: the gateway must not load numpy. Fifty templates of 256 numbers take 15 ms.
"""

from collections.abc import Sequence
from math import sqrt
from operator import mul

from shared.galleries.store import Template
from shared.ml.face.catalogue import ModelCard
from shared.ml.face.verification import SAME_PERSON, verification_profile

_SHORTEST_SUM = 1e-6  # of templates that point away from each other


def like_others(templates: Sequence[Template], card: ModelCard | None) -> list[bool | None]:
    """Of each whether the others would take it for their person; None of one that is alone, or without the model.

    The score is that of an enrolment (shared.ml.face.gallery.fuse): the mean of the best cosine and of the cosine with
    the sum of the others.
    """
    if len(templates) < 2 or card is None:
        return [None] * len(templates)
    threshold = verification_profile(SAME_PERSON, card.curve).threshold
    vectors = [template.embedding for template in templates]
    cosines = [[sum(map(mul, one, other)) for other in vectors] for one in vectors]
    sums = [sum(row) for row in cosines]
    whole = sum(sums)  # the square of the length of all vectors' sum
    return [_score(cosines[index], index, sums[index], whole) >= threshold for index in range(len(vectors))]


def _score(row: Sequence[float], index: int, row_sum: float, whole: float) -> float:
    best = max(cosine for other, cosine in enumerate(row) if other != index)
    length = sqrt(max(0.0, whole - 2 * row_sum + row[index]))  # of the others' sum
    return (best + (row_sum - row[index]) / max(length, _SHORTEST_SUM)) / 2
