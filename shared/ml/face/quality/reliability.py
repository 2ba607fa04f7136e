"""Whether an embedding can be relied on: photos that were spoilt alike resemble each other, whoever they show.

Noise, JPEG blocks, halftone, screens, mosaics, few colors, filters and blur draw the embeddings of different people
together. Two things tell, and neither needs to know what spoilt the photo:

- **doubt** (shared/ml/face/doubt.py): what the network itself sees halfway through. It was fitted on half of LFW's
  development people, and judged on the other half and on ways to spoil that it has not seen (docs/accuracy.md).
- **agreement**: the embedding of a good photo hardly changes when its crop is smoothed. Only looked at where there is
  doubt: in 2 % of LFW's photos, for it costs a second pass.

A mirrored copy agrees as well for most spoilt photos (0.9 and more at noise of 35 grey levels, where smoothed ones
fall to 0.8), one resampled to half its size says what the smoothed one says, later.
"""

from enum import Enum, auto
from math import log

import cv2
import numpy as np
import numpy.typing as npt

from shared.ml.face.model import Aligned
from shared.ml.face.quality.texture import Texture

# In log odds. The median of good photos is TYPICAL; 0.6 % of LFW's photos that pass every other limit are beyond
# REFUSED, 2 % beyond DOUBTED. Portraits of 640 px and up, under noise of 10 grey levels and JPEG of quality 60, reach
# -0.7.
DOUBTED = -1.5
REFUSED = -0.2
TYPICAL = -4.9
# Of the embeddings of a crop and its smoothed copy: LFW's 0.1 % quantile is 0.914, the median of those in doubt 0.962.
_MIN_AGREEMENT = 0.92
_SMOOTHING = 1.2 / 112  # sigma of the Gaussian, in parts of the crop's side

# A texture that no photo of a face has, told before anything is embedded: weights of a logistic regression of its own,
# on 13 of the ways to spoil. Portraits under noise of 10 grey levels reach half of the limit, LFW's photos a third.
_PER_NOISE = 0.12  # per grey level
_PER_FLATNESS = 19.0
_PER_SPARSITY = 0.84  # per factor e
_MOST = 5.0


class Standing(Enum):
    """What is to be done with an embedding."""

    RELIABLE = auto()
    DOUBTED = auto()  # it must agree with the smoothed copy's
    UNRELIABLE = auto()


def standing(doubt: float | None) -> Standing:
    """Of an embedding. One of a network whose doubt nobody has measured is never relied on without a second look."""
    if doubt is None:
        return Standing.DOUBTED
    if doubt >= REFUSED:
        return Standing.UNRELIABLE
    return Standing.DOUBTED if doubt >= DOUBTED else Standing.RELIABLE


def is_spoilt(texture: Texture) -> bool:
    """Whether this is no texture of a photo."""
    weighed = _PER_NOISE * texture.noise + _PER_FLATNESS * texture.flatness
    return weighed + _PER_SPARSITY * log(texture.sparsity + 1e-3) >= _MOST


def smoothed(face: Aligned) -> Aligned:
    """The copy that a good photo agrees with."""
    return tuple(np.asarray(cv2.GaussianBlur(crop, (0, 0), _SMOOTHING * len(crop)), np.uint8) for crop in face)


def agrees(embedding: npt.NDArray[np.float32], of_copy: npt.NDArray[np.float32]) -> bool:
    """Whether the unit vectors of a crop and of its smoothed copy are alike enough."""
    return float(embedding @ of_copy) >= _MIN_AGREEMENT
