"""Whether an embedding can be relied on: photos that were spoilt alike resemble each other, whoever they show.

Noise, JPEG blocks, halftone, screens, mosaics, few colors and filters draw the embeddings of different people
together. Two things tell, and neither needs to know what spoilt the photo:

- **doubt**: the length of the network's vector before it is scaled to unit length falls with what the network sees of
  a face (Meng et al., "MagFace", arXiv:2103.06627, train for it; SFace has it untrained), and three measures of the
  crop say what stands in its place. A logistic regression weighs the four: whether the photo keeps less than 0.8 of its
  embedding (as a cosine). It was fitted on 18 ways to spoil photos of half of LFW's development people, and judged on
  the other half and on ways that it has not seen (docs/accuracy.md; python -m tests.accuracy.reliability_fit).
- **agreement**: the embedding of a good photo hardly changes when its crop is smoothed. Only looked at where there is
  doubt: in 6 % of LFW's photos, for it costs a second pass.

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

# Weights of the regression: a vector of this length, without noise or flat parts, is as likely spoilt as not.
_EVEN_LENGTH = 9.9
_PER_LENGTH = 18.0  # per factor e
_PER_NOISE = 0.12  # per grey level
_PER_FLATNESS = 19.0
_PER_SPARSITY = 0.84  # per factor e

# The median of good photos is -5; 0.4 % of LFW's photos that pass every other limit are beyond REFUSED, 7 % beyond
# DOUBTED. Sharp portraits of 640 px and up, under noise of 10 grey levels and JPEG of quality 60, reach 0.
DOUBTED = -2.4
REFUSED = 0.8
# 95 % of good photos have vectors no longer than this: what is refused for it no vector could save.
LONGEST = 14.0
_TYPICAL = 12.6

# Of the embeddings of a crop and its smoothed copy, at DOUBTED and for each further unit of doubt. LFW's 0.1 % quantile
# is 0.914, its median 0.962. With these limits 0.7 % of LFW is refused.
_MIN_AGREEMENT = 0.915
_PER_DOUBT = 0.005
_SMOOTHING = 1.2 / 112  # sigma of the Gaussian, in parts of the crop's side


class Standing(Enum):
    """What is to be done with an embedding."""

    RELIABLE = auto()
    DOUBTED = auto()  # it must agree with the smoothed copy's
    UNRELIABLE = auto()


def doubt(texture: Texture, length: float) -> float:
    """The log odds that a photo keeps less than 0.8 of its embedding.

    Args:
        texture: of the aligned crop.
        length: of SFace's vector of it, before it is scaled to unit length.
    """
    return (
        _PER_LENGTH * log(_EVEN_LENGTH / max(length, 1e-3))
        + _PER_NOISE * texture.noise
        + _PER_FLATNESS * texture.flatness
        + _PER_SPARSITY * log(texture.sparsity + 1e-3)
    )


def _doubt(texture: Texture, length: float | None) -> float:
    return doubt(texture, _TYPICAL if length is None else length)


def standing(texture: Texture, length: float | None) -> Standing:
    """Of an embedding. A network whose lengths nobody has measured is never relied on without a second look."""
    doubted = _doubt(texture, length)
    if doubted >= REFUSED:
        return Standing.UNRELIABLE
    return Standing.DOUBTED if length is None or doubted >= DOUBTED else Standing.RELIABLE


def is_spoilt(texture: Texture) -> bool:
    """Whether no vector could save it: known before anything is embedded."""
    return doubt(texture, LONGEST) >= REFUSED


def smoothed(face: Aligned) -> Aligned:
    """The copy that a good photo agrees with."""
    return tuple(np.asarray(cv2.GaussianBlur(crop, (0, 0), _SMOOTHING * len(crop)), np.uint8) for crop in face)


def agrees(
    embedding: npt.NDArray[np.float32], of_copy: npt.NDArray[np.float32], texture: Texture, length: float | None
) -> bool:
    """Whether the unit vectors of a crop and of its smoothed copy are alike enough for the doubt there is."""
    beyond = max(0.0, _doubt(texture, length) - DOUBTED)
    return float(embedding @ of_copy) >= _MIN_AGREEMENT + _PER_DOUBT * beyond
