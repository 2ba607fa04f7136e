"""Whether a photo of a face is good enough to compare, and what its subject can do about it.

Every limit stands where SFace starts to lose the person, measured on LFW (2043 photos of its development
part, one face each): `blur 1/8` is a Gaussian blur with a sigma of one eighth of the eye distance, after
which the embedding of a photo has a median cosine of 0.47 to that of the sharp photo. 99.3 % of LFW passes
all limits.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from shared.ml.face.geometry import DetectedFace, Image, Landmarks
from shared.ml.face.quality.occlusion import visibility
from shared.ml.face.quality.reliability import REFUSED, TYPICAL, is_spoilt
from shared.ml.face.quality.texture import FACE, Texture
from shared.ml.face.quality.texture import measure as texture_of


class Reason(StrEnum):
    """Why a photo is refused; the value is stable and machine-readable."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    EXTREME_POSE = "extreme_pose"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"
    OCCLUDED = "occluded"
    CUT_OFF = "cut_off"
    NOISY = "noisy"
    COMPRESSED = "compressed"
    PATTERN = "pattern"
    UNRELIABLE = "unreliable"

    @property
    def advice(self) -> str:
        """What to do, for the person in front of the camera."""
        return _ADVICE[self]


_ADVICE = {
    Reason.TOO_SMALL: "Move closer to the camera, or send the photo in a higher resolution.",
    Reason.BLURRED: "Hold the camera still, clean the lens and let it focus on the face.",
    Reason.EXTREME_POSE: "Face the camera: look straight into it.",
    Reason.TOO_DARK: "Turn to the light, or switch on a lamp: the face is too dark.",
    Reason.TOO_BRIGHT: "Move out of the glare, or switch off the flash: the face is too bright.",
    Reason.LOW_CONTRAST: "Clean the lens or find clearer light: the face is in haze.",
    Reason.OCCLUDED: "Take off what covers the face: mask, dark glasses, hand or hair.",
    Reason.CUT_OFF: "Move back or to the middle: eyes, nose and mouth must all be in the picture.",
    Reason.NOISY: "Find more light, or use a better camera: the photo is too grainy to tell people apart.",
    Reason.COMPRESSED: "Send the original file: compression or a filter has taken the face's detail away.",
    Reason.PATTERN: "Photograph the person, not a print or a screen: there is a pattern over the face.",
    Reason.UNRELIABLE: "Take another photo, in even light and without filters: this one does not tell people apart.",
}

# Width of the detector's box. At 32 pixels the embedding still has a median cosine of 0.94 to that of the
# full-size photo (5th percentile 0.90), at 24 pixels 0.87 (0.79). Full marks at the size of the network's
# input.
MIN_WIDTH = 32.0
_FULL_WIDTH = 112.0

# Detail (see `_sharpness`). Overall: LFW's 0.1 % quantile is 0.19, a 32-pixel face's 1 % quantile 0.18, and
# 99 % of photos with blur 1/8 stay below 0.15 (0.16 with camera noise of 10 grey levels on top).
_MIN_DETAIL = 0.17
# In the weakest direction, which is where motion blur shows: LFW's 0.1 % quantile is 0.26, a 32-pixel face's
# 1 % quantile 0.21; blur 1/8 stays below 0.14, and 95 % of photos moved by half the eye distance below 0.22.
_MIN_DETAIL_ANY_DIRECTION = 0.20

# Degrees: the pose that is promised to work. 99.4 % of LFW stays within 55 to either side. Median cosine to photos
# of the same person within 20: 0.67 below 35 degrees, 0.62 from 35 to 45, 0.63 from 45 to 55 (95 % above 0.45; 27
# photos are turned that far), 0.50 beyond (13 photos, nearly profiles).
MAX_YAW = 55.0
MAX_PITCH = 40.0  # up or down; LFW's extreme is 21. Roll needs no limit: alignment undoes it

# Standard deviation of the face's luma, in grey levels of 255. The least in LFW is 14; photos darkened to 7.5
# keep a median cosine of 0.92, those in haze 0.81, and at 3.8 both are lost (5th percentiles 0.69 and 0.16).
MIN_CONTRAST = 6.0
# Mean luma of the face. The least in LFW is 57, of skin of any colour; photos darkened to 15 keep a median cosine
# of 0.78 (5th percentile 0.66) under camera noise of 2 grey levels, at 10 they lose it (0.64 and 0.42).
MIN_BRIGHTNESS = 15.0
# The part of the face that is white (luma of 250 or more). The most in LFW is 0.04; overexposed to 0.29 photos
# keep a median cosine of 0.77, to 0.55 one of 0.63.
MAX_WHITE = 0.4
_WHITE = 250.0
# Where a face without contrast is said to be dark or bright rather than in haze
_DARK, _BRIGHT = 64.0, 192.0
_REFUSED = 0.49  # the most that `overall` is for a photo that is refused, also where no measure grades the reason

# What a spoilt photo is called (texture.py). LFW's largest: 2 grey levels of noise, under ISO noise of 10 levels 4.5.
_PATTERN_NOISE = 30.0  # a print in one color; a camera at its worst makes 25
_PATTERN_REGULARITY = 2.4  # 250 times the power of other frequencies of its ring; LFW's 98 % quantile is 50 times
_NOISE = 4.0
_FLATNESS = 0.015
_TONES = 5.5  # bits
_HARSH = 45.0  # grey levels of contrast: glare has few tones too, but no black beside the white
_ODD_NOISE = 10.0  # more than the sharpest portrait's stubble and hair under noise of 10 grey levels
_SOFT = 1.6  # sharpness

# The detector's confidence in a face that lies wholly in the picture. 99.9 % of LFW reach it; of faces covered on
# one side, 3 of 4 do not. It says little of masks and nothing of dark glasses: occlusion.py is for those.
MIN_SCORE = 0.88


@dataclass(frozen=True)
class FaceQuality:
    """Measures of one face. `overall` is the weakest of them in [0, 1]: the limit itself is at 0.5."""

    width: float  # pixels, of the detector's box
    sharpness: float  # 1 is the least that is accepted; LFW's median is 3
    yaw: float  # degrees, positive when the nose points to the right of the image
    pitch: float  # degrees, positive when it points down
    roll: float  # degrees, positive when the head leans clockwise in the image
    contrast: float  # standard deviation of the face's luma in [0, 127.5]
    brightness: float  # mean of the face's luma in [0, 255]
    white: float  # part of the face that is overexposed, in [0, 1]
    visibility: float  # of eyes and mouth; 1 is the least that is accepted (occlusion.py)
    texture: Texture
    score: float  # the detector's confidence
    overall: float
    reasons: tuple[Reason, ...]

    @property
    def passed(self) -> bool:
        """Whether the face may be compared and enrolled."""
        return not self.reasons


def assess(face: DetectedFace, crop: Image, *, frame: tuple[int, int]) -> FaceQuality:
    """The quality of a face, from its landmarks and its aligned (112, 112, 3) uint8 RGB crop.

    `frame` is the (height, width) of the image it was detected in.
    """
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)  # (112, 112) in [0, 255]
    yaw, pitch, roll = head_pose(face.landmarks)
    # a head that lies has a box that lies: its shorter side is the width whichever way up it is
    width, contrast = min(face.box[2:]), float(luma[FACE].std())
    brightness, white = float(luma[FACE].mean()), float((luma[FACE] >= _WHITE).mean())
    sharpness, visible = _sharpness(luma), visibility(luma, contrast)
    texture = texture_of(crop)
    flat = contrast < MIN_CONTRAST
    failed = {
        Reason.TOO_SMALL: width < MIN_WIDTH,
        Reason.BLURRED: sharpness < 1,
        Reason.EXTREME_POSE: abs(yaw) > MAX_YAW or abs(pitch) > MAX_PITCH,
        Reason.TOO_DARK: brightness < MIN_BRIGHTNESS or (flat and brightness < _DARK),
        Reason.TOO_BRIGHT: white > MAX_WHITE or (flat and brightness > _BRIGHT),
        Reason.LOW_CONTRAST: flat and _DARK <= brightness <= _BRIGHT,
        Reason.CUT_OFF: not _inside(face.landmarks, frame),
    }
    covered = visible < 1 or (face.score < MIN_SCORE and _inside(_corners(face), frame))
    # what is blurred, dark or in haze has flat parts too, and other advice; where the texture is not a photo's, lights
    # and edges are not the face's
    odd = is_spoilt(texture) or ((covered or failed[Reason.TOO_BRIGHT]) and _is_odd(texture, contrast))
    if odd and not flat and not any(failed[reason] for reason in _FLATTENING):
        failed |= {Reason.TOO_BRIGHT: False, spoilage(texture): True}
    # only of a photo that is good enough to tell: blur, darkness and distance hide a mouth as well
    failed[Reason.OCCLUDED] = covered and not any(failed.values())
    return FaceQuality(
        width=width,
        sharpness=sharpness,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        contrast=contrast,
        brightness=brightness,
        white=white,
        visibility=visible,
        texture=texture,
        score=face.score,
        overall=min(
            _grade(width, MIN_WIDTH, full=_FULL_WIDTH),
            _grade(sharpness, 1.0, full=3.0),
            _grade(abs(yaw), MAX_YAW, full=0.0),
            _grade(abs(pitch), MAX_PITCH, full=0.0),
            _grade(contrast, MIN_CONTRAST, full=30.0),
            _grade(brightness, MIN_BRIGHTNESS, full=60.0),
            _grade(white, MAX_WHITE, full=0.05),
            _grade(visible, 1.0, full=1.5),
            _REFUSED if any(failed.values()) else face.score,
        ),
        reasons=tuple(reason for reason in Reason if failed.get(reason)),
    )


_FLATTENING = (Reason.BLURRED, Reason.TOO_DARK)


def spoilage(texture: Texture) -> Reason:
    """What to call a photo whose embedding cannot be relied on: by what stands out, for that is what advice needs."""
    if texture.regularity > _PATTERN_REGULARITY or texture.noise > _PATTERN_NOISE:
        return Reason.PATTERN
    if texture.noise > _NOISE:
        return Reason.NOISY
    few = texture.flatness > _FLATNESS or texture.tones < _TONES
    return Reason.COMPRESSED if few else Reason.UNRELIABLE


def _is_odd(texture: Texture, contrast: float) -> bool:
    """Whether this is no texture of a face, however covered or lit it may be."""
    few = texture.tones < _TONES and contrast > _HARSH
    return few or texture.noise > _ODD_NOISE or texture.regularity > _PATTERN_REGULARITY


def with_doubt(quality: FaceQuality, doubt: float | None) -> FaceQuality:
    """The quality once the network has seen the face (reliability.py)."""
    if doubt is None:
        return quality
    return replace(quality, overall=min(quality.overall, _grade(doubt, REFUSED, full=TYPICAL)))


def unreliable(quality: FaceQuality) -> FaceQuality:
    """The quality of a face whose embedding cannot be relied on: what hides it is what has spoilt the photo."""
    reason = spoilage(quality.texture)
    if reason is Reason.UNRELIABLE and quality.sharpness < _SOFT:
        reason = Reason.BLURRED
    others = tuple(one for one in quality.reasons if one is not Reason.OCCLUDED)
    return replace(quality, overall=min(quality.overall, _REFUSED), reasons=(*others, reason))


def _inside(points: npt.NDArray[np.float32], frame: tuple[int, int]) -> bool:
    """Whether (N, 2) points lie in a picture of this (height, width)."""
    return bool(((points >= 0) & (points < frame[::-1])).all())


def _corners(face: DetectedFace) -> npt.NDArray[np.float32]:
    x, y, width, height = face.box
    return np.array([[x, y], [x + width, y + height]], dtype=np.float32)


def _grade(value: float, limit: float, *, full: float) -> float:
    """0.5 at the limit, 1 at `full` and beyond, on a straight line that ends at 0."""
    return float(np.clip(0.5 + 0.5 * (value - limit) / (full - limit), 0.0, 1.0))


def _sharpness(luma: npt.NDArray[np.float32]) -> float:
    """How much fine detail the aligned face has beside its coarse detail, in parts of the least accepted.

    Both are differences of Gaussians: between sigma 1.5 and 3, and between 4 and 8 pixels of the crop. A
    ratio does not depend on contrast; bands this coarse depend little on the photo's resolution (a 32-pixel
    face has them) or its noise and JPEG artefacts, which lie above; and a crop's pixels measure in eye
    distances (35 of them).
    """
    fine = _blur(luma, 1.5) - _blur(luma, 3)
    coarse = _blur(luma, 4) - _blur(luma, 8)
    detail = np.mean(fine[FACE] ** 2) / max(float(np.mean(coarse[FACE] ** 2)), _TINY)
    # The structure tensor's smaller eigenvalue is the gradient energy in the direction that has the least of
    # it.
    weakest = float(np.linalg.eigvalsh(_structure(fine)).min())
    directional = weakest / max(float(np.trace(_structure(coarse))), _TINY)
    return float(min(detail / _MIN_DETAIL, directional / _MIN_DETAIL_ANY_DIRECTION))


_TINY = 1e-6  # a face of one grey has no detail of either kind: 0 / _TINY, blurred


def _blur(luma: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def _structure(band: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The mean (2, 2) structure tensor over the face."""
    gradients = np.stack([np.gradient(band, axis=axis)[FACE] for axis in (1, 0)]).astype(np.float64)
    return np.asarray(gradients @ gradients.T / gradients.shape[1])


# The five landmarks of a head that looks into the camera, in eye distances from the point between the eyes: x
# to the right, y down, z towards the camera. x and y are YuNet's medians over LFW, made symmetric; the depths
# are those of an average head (nose tip 28 mm before the plane of the eyes, corners of the mouth 5 mm, eyes
# 63 mm apart).
HEAD: npt.NDArray[np.float64] = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.556, 0.44], [-0.43, 0.996, 0.08], [0.43, 0.996, 0.08]]
)
_HEAD_INVERSE = np.linalg.pinv(HEAD - HEAD.mean(axis=0))  # (3, 5)


def head_pose(landmarks: Landmarks) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees from (5, 2) points: coarse, but enough to tell a profile.

    Scaled orthographic projection: the (2, 3) matrix M that takes the head's points to the image's with the
    least squared error is, but for noise, a scale times the first two rows of a rotation; the nearest such
    rows come out of its singular vectors (POS, the first step of DeMenthon & Davis, doi:10.1007/BF01450852).
    """
    points = landmarks.astype(np.float64)
    projection = (_HEAD_INVERSE @ (points - points.mean(axis=0))).T
    left, _, right = np.linalg.svd(projection, full_matrices=False)
    x, y = left @ right  # the camera's axes in the head's coordinates
    z = np.cross(x, y)
    # the rotation is a nod, then a turn, then a lean in the image's plane; its first column and last row tell
    yaw = np.arcsin(np.clip(-z[0], -1, 1))
    pitch = np.arctan2(-z[1], z[2])
    roll = np.arctan2(y[0], x[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
