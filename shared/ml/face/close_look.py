"""A second look at a face that the first one was unsure of, saw from the side, or saw with few pixels.

The face is cut out of the full-size photo, 90 pixels large (3 ms), at the angle of its landmarks; unless that
convinces, also upside down and at the turns between; and what convinced most once more upright, because the
detector's landmarks lag behind a leaning head. On LFW this restores what the first look loses (median cosine
to the embedding of the undisturbed photo): 0.77 to 0.97 for faces of 16 pixels in the first view, 0.73 to
0.95 for heads that lean by 30 degrees. And it decides which way is up, which the score of one view cannot:
upside down, two faces of three are found with landmarks that are nobody's.
"""

from collections.abc import Sequence

import numpy as np

from shared.ml.face.geometry import DetectedFace, Image, View, close
from shared.ml.face.yunet import YuNet

# The score of a face that was proposed below the detector's threshold, or does not stand upright: 99.9 % of
# LFW's faces reach this in an upright view, no false face that leans did.
CONVINCING = 0.88
# A face is taken from the first view when it is sure (99 % of faces that are upside down stay below),
_SURE = 0.915
_UPRIGHT = 4.0  # degrees at most from upright as its landmarks tell,
_CLEAR = 48.0  # and pixels at least in that view
_LEANING = 30.0  # degrees from which a face must convince

_FACE = 90  # pixels, in a view of
_SIDE = 192
_TURNS = (180, 90, -90, 45, -45, 135, -135)
_REFINEMENTS = 2
_NO_WORSE = 0.05  # of the score: a further look that loses more was a mistake
# Landmarks tell a fifth of how far a head leans from its view's upright (LFW turned by 5 to 25 degrees). Twice
# what they tell is the best step: five times would be right on average, and amplify their error of a degree.
_LAG = 2.0
_SETTLED = 3.0  # degrees by which a further look no longer turns the face
_SAME_PLACE = 0.4  # of the face's size: how far the next look may move it


class CloseLook:
    """The detector's magnifying glass."""

    def __init__(self, network: YuNet, *, score_threshold: float) -> None:
        self._network = network
        self._score_threshold = score_threshold

    def settle(self, image: Image, proposed: DetectedFace, *, view: View, alone: bool) -> DetectedFace | None:
        """The face as it is taken, or None where there is none.

        `view` is the one that proposed it. A weak proposal is turned about only if it is `alone`:
        beside faces already known, those that stand another way are rare, and what is no face is not.
        """
        clear = proposed.size * view.scale >= _CLEAR
        if proposed.score >= _SURE and abs(proposed.roll) <= _UPRIGHT and clear:
            return proposed
        strong = proposed.score >= self._score_threshold
        turns = _TURNS if strong or alone else ()
        best, roll = self._best_turn(image, proposed, view_roll=view.roll, turns=turns)
        face = self._refined(image, best, view_roll=roll)
        enough = self._score_threshold if strong and abs(face.roll) <= _LEANING else CONVINCING
        return face if face.score >= enough else None

    def _again(self, image: Image, face: DetectedFace, *, roll: float) -> DetectedFace | None:
        """The face in a view turned so that a head leaning by `roll` degrees is upright; None if it is not seen."""
        view = close(image, face, roll=roll, face_size=_FACE, side=_SIDE)
        for seen in self._network.look(view):  # the most convincing first
            apart = np.hypot(seen.centre[0] - face.centre[0], seen.centre[1] - face.centre[1])
            if apart < _SAME_PLACE * face.size and 0.5 < seen.size / face.size < 2:
                return seen
        return None

    def _best_turn(
        self, image: Image, proposed: DetectedFace, *, view_roll: float, turns: Sequence[int]
    ) -> tuple[DetectedFace, float]:
        """The most convincing of the proposal and its close looks, and the roll of the view it was seen in."""
        lean = _upright(proposed.roll, seen_at=view_roll)
        best = self._again(image, proposed, roll=lean)
        if best is not None and best.score >= _SURE:
            return best, lean
        rolls = [lean + turn for turn in turns]
        looks = [(proposed, view_roll), (best, lean), *((self._again(image, proposed, roll=r), r) for r in rolls)]
        return max(((face, roll) for face, roll in looks if face is not None), key=lambda look: look[0].score)

    def _refined(self, image: Image, face: DetectedFace, *, view_roll: float) -> DetectedFace:
        roll = view_roll
        for _ in range(_REFINEMENTS):
            before, roll = roll, _upright(face.roll, seen_at=roll)
            refined = self._again(image, face, roll=roll)
            if refined is None or refined.score < face.score - _NO_WORSE:
                break
            face = refined
            if abs(roll - before) < _SETTLED:
                break
        return face


def _upright(roll: float, *, seen_at: float) -> float:
    """The roll at which to look next, when a face seen in a view of roll `seen_at` seems to lean by `roll`."""
    return seen_at + _LAG * ((roll - seen_at + 180) % 360 - 180)
