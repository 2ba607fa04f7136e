"""What a stylisation is made of: the pictures of its payload, decoded and brought to the size of the output."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops
from torch import Tensor

from shared import images
from shared.errors import InvalidImage
from shared.images import ImageLimits
from shared.ml.style import memory
from shared.ml.style.pixels import fit, to_tensor
from shared.schemas import StyleInput, StyleMode, StylizationPayload
from shared.style_memory import STYLE_AREA

DECODING = 36  # bytes per pixel while a picture is decoded; measured: 16 (opaque JPEG or PNG) to 34 (transparent WebP)
FAST_STYLE_SIDE = 768  # px: the fast mode's network brings every style to 256 px, and colours need no more either


@dataclass(frozen=True, eq=False)
class StylePicture:
    """One style: `pixels` (1, 3, h, w) float32 RGB in [0, 1], None for a look; `name` is the same for equal ones.

    `mask` (1, 1, H, W) in [0, 1], of the content's size, is 1 where the style goes.
    """

    name: str
    pixels: Tensor | None
    weight: float
    mask: Tensor | None = None


@dataclass(frozen=True, eq=False)
class StyleInputs:
    """Of one size, (1, 3, H, W): `content` and `init`; `keep` (1, 1, H, W) is 1 where the content is left alone.

    `alpha` is the content's opacity, of that size; None where all of it is opaque.
    """

    content: Tensor
    alpha: Image.Image | None
    styles: Sequence[StylePicture]
    keep: Tensor | None = None
    init: Tensor | None = None


def fetch_inputs(payload: StylizationPayload, fetch: Callable[[str], bytes]) -> dict[str, bytes]:
    """The files of a payload's pictures by their keys, still encoded.

    Raises:
        ObjectNotFound: one is not in the store.
    """
    beside = [key for style in payload.styles for key in (style.key, style.mask_key)]
    keys = [payload.content_key, payload.keep_key, payload.init_key, *beside]
    return {key: fetch(key) for key in dict.fromkeys(keys) if key is not None}


def decoding_bytes(files: Mapping[str, bytes], limits: ImageLimits, *, side: int = 0) -> int:
    """The peak of `read_inputs`: the files, and the largest picture while it is decoded for an output of `side` px.

    Raises:
        InvalidImage: the header of one says that it is none, or too large.
    """
    largest = max(images.decoded_pixels(data, limits, side=side) for data in files.values())
    return memory.RESIDENT + DECODING * largest + sum(map(len, files.values()))


def read_inputs(payload: StylizationPayload, files: Mapping[str, bytes], limits: ImageLimits) -> StyleInputs:
    """Decode every picture of a payload, one after the other: only one is ever there at its full size.

    Raises:
        InvalidImage: one is damaged, or a mask leaves nothing to paint.
    """
    decoded = images.decode_with_alpha(files[payload.content_key], limits, side=payload.size)
    height, width = fit(*decoded.size, payload.size)
    content = _scaled(decoded.image, height, width)
    alpha = decoded.alpha and decoded.alpha.resize((width, height))
    del decoded

    def mask(key: str | None) -> Tensor | None:
        return None if key is None else _mask(files[key], limits, (height, width))

    def style(number: int, given: StyleInput) -> StylePicture:
        where = mask(given.mask_key)
        if where is not None and not where.any():
            raise InvalidImage(f"The mask of style {number} is black everywhere: paint white where the style goes.")
        if given.key is None:
            return StylePicture(given.look or "", None, given.weight, where)
        data = files[given.key]
        decoded = images.decode(data, limits, side=payload.size)
        if payload.mode is StyleMode.FINE:
            size = _style_size(decoded, payload.size, height * width)
        else:  # the network sees a square: the aspect ratio does not count
            size = min(decoded.height, FAST_STYLE_SIDE), min(decoded.width, FAST_STYLE_SIDE)
        return StylePicture(hashlib.sha256(data).hexdigest(), _scaled(decoded, *size), given.weight, where)

    keep = mask(payload.keep_key)
    if keep is not None and bool((keep == 1).all()):
        raise InvalidImage("`keep` is white everywhere: nothing is left to paint. Paint black what may change.")
    styles = [style(number, given) for number, given in enumerate(payload.styles, start=1)]
    init = None
    if payload.init_key is not None:
        init = _scaled(images.decode(files[payload.init_key], limits, side=payload.size), height, width)
    return StyleInputs(content, alpha, styles, keep, init)


def _scaled(image: Image.Image, height: int, width: int) -> Tensor:
    """An RGB picture as (1, 3, height, width) in [0, 1].

    Scaled in 8 bits, as `shared.ml.style.pixels.resize` would but for the rounding: in float32 a picture of 50 million
    pixels would take 600 MB.
    """
    return to_tensor(image.resize((width, height), Image.Resampling.BICUBIC))


def _mask(data: bytes, limits: ImageLimits, size: tuple[int, int]) -> Tensor:
    """A mask as (1, 1, height, width) in [0, 1]; what is transparent is black. White stays 1 exactly."""
    decoded = images.decode_with_alpha(data, limits, side=max(size))
    grey = decoded.image.convert("L")
    if decoded.alpha is not None:
        grey = ImageChops.multiply(grey, decoded.alpha)
    return _scaled(grey, *size)[:, :1]


def _style_size(image: Image.Image, long_side: int, pixels: int) -> tuple[int, int]:
    """(height, width) with that longer side, smaller where a narrow content of `pixels` leaves memory for less."""
    height, width = fit(image.width, image.height, long_side)
    shrunk = min(1.0, (STYLE_AREA * pixels / (height * width)) ** 0.5)
    return fit(image.width, image.height, round(long_side * shrunk))
