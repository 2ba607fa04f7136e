"""A stylisation's pictures are scaled as they are decoded: equal to the eye, and never many at their full size."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared.errors import InvalidImage
from shared.images import ImageFormat, ImageLimits
from shared.ml.style.colours import before
from shared.ml.style.options import Colours
from shared.ml.style.pixels import resize, to_tensor
from shared.schemas import StyleInput, StyleMode, StylizationPayload
from tests.unit.workers.conftest import SIZE, picture, png
from workers.style_inputs import (
    FAST_STYLE_SIDE,
    StyleInputs,
    StylePicture,
    decoding_bytes,
    fetch_inputs,
    read_inputs,
)
from workers.style_models import FastWork, StyleModels

ROOM = ImageLimits(max_bytes=2**24, max_pixels=10**7, max_side=10_000, min_side=16)


def read(mode: StyleMode = StyleMode.FINE, limits: ImageLimits = ROOM, **given: bytes) -> StyleInputs:
    """Of size 48; `given` are the pictures by their names: content, style, mask, keep, init."""
    files = {"content": picture(96, 60), "style": picture(50, 70), **given}
    keys = {f"{name}_key": name for name in ("keep", "init") if name in files}
    styles = (StyleInput(key="style", mask_key="mask" if "mask" in files else None),)
    wanted: dict[str, Any] = {"mode": mode, "size": SIZE, "format": ImageFormat.PNG, **keys}
    payload = StylizationPayload(content_key="content", styles=styles, **wanted)
    return read_inputs(payload, fetch_inputs(payload, files.__getitem__), limits)


# --- masks ---


def test_what_is_transparent_in_a_mask_is_black() -> None:
    mask = Image.new("RGBA", (96, 60), (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 48, 60))
    keep = read(keep=png(mask)).keep
    assert keep is not None
    assert (keep[..., :23] == 1).all(), "exactly: what is kept is the content itself"
    assert (keep[..., 25:] == 0).all()


def test_a_mask_that_is_transparent_everywhere_is_refused() -> None:
    with pytest.raises(InvalidImage, match="mask of style 1 is black"):
        read(mask=png(Image.new("RGBA", (96, 60), (255, 255, 255, 0))))


# --- sizes ---


def photo(width: int, height: int) -> bytes:
    """Noise of every scale, which shows how a picture was scaled."""
    random = np.random.default_rng(1)
    layers = [
        np.asarray(Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize((width, height)))
        for side in (4, 30, 200)
    ]
    return png(Image.fromarray(np.mean(layers, axis=0).astype(np.uint8)))


def in_float(data: bytes, height: int, width: int) -> torch.Tensor:
    with Image.open(io.BytesIO(data)) as image:
        return resize(to_tensor(image), height, width)


def test_every_picture_is_scaled_as_in_float_but_for_the_rounding() -> None:
    large = photo(400, 250)
    found = read(content=large, style=large, init=large)
    expected = in_float(large, 30, SIZE)
    assert found.init is not None
    assert found.styles[0].pixels is not None
    for pixels in (found.content, found.init, found.styles[0].pixels):
        assert (pixels - expected).abs().max() < 1.5 / 255


def test_a_fast_style_of_the_librarys_size_is_taken_as_it_is() -> None:
    data = photo(700, 500)
    found = read(StyleMode.FAST, style=data).styles[0].pixels
    assert found is not None
    assert torch.equal(found, in_float(data, 500, 700))


@pytest.mark.parametrize("kept", Colours)
def test_a_large_fast_style_paints_as_at_its_full_size(style_models: StyleModels, kept: Colours) -> None:
    data = photo(1800, 900)
    content = read().content
    scaled = read(StyleMode.FAST, style=data).styles[0].pixels
    assert scaled is not None
    assert scaled.shape[2:] == (FAST_STYLE_SIDE, FAST_STYLE_SIDE)
    whole, small = (
        style_models.paint_fast(FastWork(content, [StylePicture(f"{kept} {name}", before(style, content, kept), 1.0)]))
        for name, style in (("whole", in_float(data, 900, 1800)), ("scaled", scaled))
    )
    assert (whole - small).abs().mean() < 2 / 255


def test_a_picture_that_is_decoded_at_a_half_is_no_smaller_than_the_output() -> None:
    large = photo(400, 251)
    tight = replace(ROOM, working_pixels=1)
    whole, halved = (read(limits=limits, content=large, style=large, init=large) for limits in (ROOM, tight))
    assert halved.init is not None
    assert whole.init is not None
    assert halved.content.shape == whole.content.shape == (1, 3, 30, SIZE)
    for one, other in ((whole.content, halved.content), (whole.init, halved.init)):
        assert (one - other).abs().mean() < 8 / 255  # of noise


def test_the_memory_for_decoding_grows_with_the_largest_picture_not_with_their_number() -> None:
    small, large = picture(100, 100), picture(1000, 1000)
    several = {str(number): large for number in range(8)}
    one = decoding_bytes({"small": small, "0": large}, ROOM) - len(small)
    assert decoding_bytes(several, ROOM) - 8 * len(large) == one - len(large)
    assert one - decoding_bytes({"small": small}, ROOM) > 20 * (1000 * 1000 - 100 * 100)
