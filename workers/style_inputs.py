"""What a stylisation is made of: the pictures of its payload, decoded and brought to the size of the output."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from shared import images
from shared.errors import InvalidImage
from shared.images import ImageLimits
from shared.ml.style.pixels import fit, resize, to_tensor
from shared.schemas import StyleInput, StyleMode, StylizationPayload
from shared.style_memory import STYLE_AREA


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

    `alpha` is the content's opacity, of its own size; None where all of it is opaque.
    """

    content: Tensor
    alpha: Image.Image | None
    styles: Sequence[StylePicture]
    keep: Tensor | None = None
    init: Tensor | None = None


def read_inputs(payload: StylizationPayload, fetch: Callable[[str], bytes], limits: ImageLimits) -> StyleInputs:
    """Fetch and decode every picture of a payload.

    Raises:
        InvalidImage: one is damaged, or a mask leaves nothing to paint.
        ObjectNotFound: one is not in the store.
    """
    image, alpha = images.decode_with_alpha(fetch(payload.content_key), limits)
    height, width = fit(image.width, image.height, payload.size)
    content = resize(to_tensor(image), height, width)

    def picture(key: str | None) -> Tensor | None:
        return None if key is None else resize(to_tensor(images.decode(fetch(key), limits)), height, width)

    def mask(key: str | None) -> Tensor | None:
        if key is None:
            return None
        grey = images.decode(fetch(key), limits).convert("L")
        return resize(to_tensor(grey)[:, :1], height, width)

    def style(number: int, given: StyleInput) -> StylePicture:
        where = mask(given.mask_key)
        if where is not None and not where.any():
            raise InvalidImage(f"The mask of style {number} is black everywhere: paint white where the style goes.")
        if given.key is None:
            return StylePicture(given.look or "", None, given.weight, where)
        data = fetch(given.key)
        pixels = to_tensor(decoded := images.decode(data, limits))
        if payload.mode is StyleMode.FINE:
            pixels = resize(pixels, *_style_size(decoded, payload.size, height * width))
        return StylePicture(hashlib.sha256(data).hexdigest(), pixels, given.weight, where)

    keep = mask(payload.keep_key)
    if keep is not None and bool((keep == 1).all()):
        raise InvalidImage("`keep` is white everywhere: nothing is left to paint. Paint black what may change.")
    styles = [style(number, given) for number, given in enumerate(payload.styles, start=1)]
    return StyleInputs(content, alpha, styles, keep, picture(payload.init_key))


def _style_size(image: Image.Image, long_side: int, pixels: int) -> tuple[int, int]:
    """(height, width) with that longer side, smaller where a narrow content of `pixels` leaves memory for less."""
    height, width = fit(image.width, image.height, long_side)
    shrunk = min(1.0, (STYLE_AREA * pixels / (height * width)) ** 0.5)
    return fit(image.width, image.height, round(long_side * shrunk))
