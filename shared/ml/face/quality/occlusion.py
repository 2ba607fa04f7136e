"""Whether something covers the eyes or the mouth of an aligned face: masks, hands, dark glasses.

No network is trained for this here. Three measures of the aligned crop take its place, each in parts of what
0.1 % of LFW's photos (2043 of its development part) stay below; `docs/accuracy.md` tells what they catch. What
has the texture of a face or lets it shine through (a printed mask, light glasses, a veil, a hand with its
fingers spread) is not caught, and neither is what leaves eyes and mouth free.
"""

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.float32]  # (112, 112) in [0, 255], of the aligned crop

_EYES = ((slice(42, 62), slice(28, 50)), (slice(42, 62), slice(62, 84)))  # rows, columns
_MOUTH = (slice(84, 102), slice(38, 74))
_LENSES = ((slice(47, 57), slice(32, 44)), (slice(47, 57), slice(68, 80)))
_CHEEKS = ((slice(68, 78), slice(28, 42)), (slice(68, 78), slice(70, 84)))

_MIN_MOUTH_DETAIL = 0.2  # in standard deviations of the face's luma; flat masks leave 94 % of faces below
_MIN_EYE_DETAIL = 0.17  # of the less detailed eye
_MIN_EYE_LIGHT = 0.12  # of the lighter eye, in parts of the lighter cheek; dark glasses and bars: 80 to 90 %


def visibility(luma: Luma, contrast: float) -> float:
    """How well eyes and mouth can be seen, in parts of the least that is accepted.

    `contrast` is the standard deviation of the face's luma, so that light and exposure do not matter. A photo
    out of focus has no detail either: what this says of blurred photos means nothing.
    """
    # between what survives a small face or a compressed photo and what is shading
    detail = cv2.GaussianBlur(luma, (0, 0), 1.5) - cv2.GaussianBlur(luma, (0, 0), 6)
    contrast = max(contrast, 1e-6)
    mouth = float(detail[_MOUTH].std()) / contrast
    eyes = min(float(detail[eye].std()) for eye in _EYES) / contrast
    cheek = max(float(np.median(luma[cheek])) for cheek in _CHEEKS)
    light = max(float(luma[lens].mean()) for lens in _LENSES) / max(cheek, 1.0)
    return min(mouth / _MIN_MOUTH_DETAIL, eyes / _MIN_EYE_DETAIL, light / _MIN_EYE_LIGHT)
