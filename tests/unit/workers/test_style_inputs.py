"""The pictures of a stylisation beside the content: several styles, looks, masks, a start, colours."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared.images import ImageFormat
from shared.ml.style.looks import LOOKS
from shared.ml.style.options import Colours, Init, Optimiser
from shared.schemas import FineOptions, StyleInput, StyleMode
from tests.unit.workers.conftest import SIZE, Painted, StyleBench, picture, png
from workers.style_inputs import StylePicture
from workers.style_models import FastWork, StyleModels

FINE = FineOptions(
    steps=12,
    optimiser=Optimiser.ADAM,
    levels=1,
    content_layers={"relu2_1": 1.0},
    style_layers={"relu1_1": 0.5, "relu2_1": 0.5},
)
CONTENT = (96, 60)  # of the bench's content
OUTPUT = (SIZE, 30)


def left(width: int, height: int) -> bytes:
    """A mask: white on its left half."""
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height))
    return png(mask)


def plain(colour: str) -> bytes:
    """A style of one colour with some grain."""
    grain = np.random.default_rng(0).integers(-20, 20, (64, 64, 1))
    base = np.asarray(Image.new("RGB", (64, 64), colour), dtype=np.int16)
    return png(Image.fromarray((base + grain).clip(0, 255).astype(np.uint8)))


def pixels(painted: Painted) -> np.typing.NDArray[np.float64]:
    return np.asarray(painted.image.convert("RGB"), dtype=np.float64)


def content(bench: StyleBench) -> np.typing.NDArray[np.float64]:
    """What the worker makes of the bench's content before it paints: a stylisation of no strength."""
    return pixels(bench.paint(StyleMode.FAST, strength=0.0))


# --- several styles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "given"), [(StyleMode.FAST, {}), (StyleMode.FINE, {"fine": FINE})])
def test_a_blend_lies_between_its_styles(style_bench: StyleBench, mode: StyleMode, given: dict[str, Any]) -> None:
    red, blue = (style_bench.upload(colour, plain(colour)) for colour in ("red", "blue"))

    def redness(weight_of_red: float) -> float:
        styles = (StyleInput(key=red, weight=weight_of_red), StyleInput(key=blue, weight=1 - weight_of_red))
        found = pixels(style_bench.paint(mode, styles=styles, **given))
        return float(found[..., 0].mean() - found[..., 2].mean())

    assert redness(0) < redness(0.5) < redness(1)


def test_a_style_of_weight_nought_leaves_the_picture_as_it_is(style_bench: StyleBench) -> None:
    first, second = (style_bench.upload(colour, plain(colour)) for colour in ("red", "blue"))
    alone = style_bench.paint(StyleMode.FAST, styles=(StyleInput(key=first),))
    both = style_bench.paint(StyleMode.FAST, styles=(StyleInput(key=first), StyleInput(key=second, weight=0)))
    assert both.data != alone.data  # their metadata names the styles
    assert np.abs(pixels(both) - pixels(alone)).max() <= 1


@pytest.mark.parametrize("colours", [Colours.HISTOGRAM, Colours.CHOLESKY])
def test_what_a_look_painted_is_given_the_contents_colours(style_bench: StyleBench, colours: Colours) -> None:
    styles = (StyleInput(look=LOOKS[0].id, style_id=LOOKS[0].id),)
    as_it_is, kept = (
        np.asarray(style_bench.paint(StyleMode.FAST, styles=styles, colours=which).image.convert("RGB")).mean((0, 1))
        for which in (Colours.STYLE, colours)
    )
    wanted = np.asarray(Image.open(io.BytesIO(picture(96, 60))).convert("RGB")).mean((0, 1))
    assert abs(kept - wanted).max() < abs(as_it_is - wanted).max() / 2


def test_a_look_paints_by_its_own_model(style_bench: StyleBench, style_models: StyleModels) -> None:
    one, other = (
        style_bench.paint(StyleMode.FAST, styles=(StyleInput(look=look.id, style_id=look.id),)) for look in LOOKS[:2]
    )
    assert one.job.model == style_models.look_model
    assert one.result.style_id == LOOKS[0].id
    assert f"styles={LOOKS[0].id}:1".encode() in one.data
    assert np.abs(pixels(one) - pixels(other)).mean() > 5


def test_the_answer_names_the_styles_with_their_weights(style_bench: StyleBench) -> None:
    key = style_bench.upload("red", plain("red"))
    styles = (StyleInput(key=key, style_id="red", weight=2), StyleInput(key=key, weight=0.5))
    painted = style_bench.paint(StyleMode.FAST, styles=styles)
    assert [(one.style_id, one.weight) for one in painted.result.styles] == [("red", 2), (None, 0.5)]
    assert painted.result.style_id is None
    assert b"styles=red:2,upload:0.5" in painted.data


# --- masks -------------------------------------------------------------------------------------------------


def test_each_style_goes_where_its_mask_is_white(style_bench: StyleBench) -> None:
    red, blue = (style_bench.upload(colour, plain(colour)) for colour in ("red", "blue"))
    mask = style_bench.upload("mask", left(*CONTENT))

    def redness(on_the_left: str, elsewhere: str) -> np.typing.NDArray[np.float64]:
        styles = (StyleInput(key=on_the_left, mask_key=mask), StyleInput(key=elsewhere))
        found = pixels(style_bench.paint(StyleMode.FINE, styles=styles, fine=FINE))
        return found[..., 0] - found[..., 2]

    difference = redness(red, blue) - redness(blue, red)
    assert difference[:, : SIZE // 2 - 4].mean() > 5
    assert difference[:, SIZE // 2 + 4 :].mean() < -5


def test_what_is_kept_stays_the_content(style_bench: StyleBench) -> None:
    mask = style_bench.upload("mask", left(*CONTENT))
    found = pixels(style_bench.paint(StyleMode.FINE, keep_key=mask, fine=FINE))
    change = np.abs(found - content(style_bench))
    assert change[:, : SIZE // 2 - 2].max() <= 1
    assert change[:, SIZE // 2 + 2 :].mean() > 5


def test_a_mask_that_is_black_everywhere_fails_the_job_and_names_the_style(style_bench: StyleBench) -> None:
    key = style_bench.upload("red", plain("red"))
    black = style_bench.upload("black", png(Image.new("L", CONTENT)))
    styles = (StyleInput(key=key), StyleInput(key=key, mask_key=black))
    told = style_bench.refuse(StyleMode.FINE, styles=styles, fine=FINE)
    assert told.startswith("invalid_image")
    assert "mask of style 2 is black" in told


def test_keeping_everything_fails_the_job(style_bench: StyleBench) -> None:
    white = style_bench.upload("white", png(Image.new("L", CONTENT, 255)))
    assert "nothing is left to paint" in style_bench.refuse(StyleMode.FINE, keep_key=white, fine=FINE)


def test_keeping_everything_is_noticed_at_a_size_that_does_not_divide_the_masks(style_bench: StyleBench) -> None:
    white = style_bench.upload("white", png(Image.new("L", (97, 61), 255)))
    told = style_bench.refuse(StyleMode.FINE, keep_key=white, fine=FINE, size=37)
    assert "nothing is left to paint" in told


# --- start and colours -------------------------------------------------------------------------------------


def test_the_pixels_start_at_the_picture_that_was_sent(style_bench: StyleBench) -> None:
    start = style_bench.upload("start", png(Image.new("RGB", (48, 30), "green")))
    little = FINE.model_copy(update={"steps": 1, "learning_rate": 1e-4, "init": Init.IMAGE})
    found = pixels(style_bench.paint(StyleMode.FINE, init_key=start, fine=little))
    assert np.abs(found - (0, 128, 0)).max() <= 2


@pytest.mark.parametrize("kept", [Colours.LUMINANCE, Colours.HISTOGRAM, Colours.CHOLESKY])
@pytest.mark.parametrize(("mode", "given"), [(StyleMode.FAST, {}), (StyleMode.FINE, {"fine": FINE})])
def test_the_contents_colours_can_be_kept(
    style_bench: StyleBench, mode: StyleMode, given: dict[str, Any], kept: Colours
) -> None:
    styles = (StyleInput(key=style_bench.upload("red", plain("red"))),)
    aim = content(style_bench).mean((0, 1))

    def distance(colours: Colours) -> float:
        found = pixels(style_bench.paint(mode, styles=styles, colours=colours, **given))
        return float(np.abs(found.mean((0, 1)) - aim).mean())

    assert distance(kept) < 0.5 * distance(Colours.STYLE)


# --- transparency and orientation --------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", [ImageFormat.PNG, ImageFormat.WEBP, ImageFormat.JPEG])
def test_the_contents_transparency_is_kept_where_the_format_can(
    style_bench: StyleBench, image_format: ImageFormat
) -> None:
    job_id, _ = style_bench.accept(StyleMode.FAST, format=image_format)
    with Image.open(io.BytesIO(picture(*CONTENT))) as opaque:
        clear = opaque.convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, CONTENT[0] // 2, CONTENT[1]))
    style_bench.store.put(f"uploads/acme/{job_id}/content", png(clear))
    image = style_bench.painted(style_bench.run(job_id)).image.convert("RGBA")
    transparent, opaque_pixel = image.getpixel((5, 15)), image.getpixel((40, 15))
    assert isinstance(transparent, tuple)
    assert isinstance(opaque_pixel, tuple)
    assert transparent[3] == (255 if image_format is ImageFormat.JPEG else 0)
    assert opaque_pixel[3] == 255


# --- the models --------------------------------------------------------------------------------------------


def test_pictures_painted_in_one_pass_are_those_painted_alone(style_models: StyleModels) -> None:
    generator = torch.Generator().manual_seed(0)

    def work(height: int, weight: float) -> FastWork:
        style = torch.rand((1, 3, 64, 64), generator=generator)
        content = torch.rand((1, 3, height, 48), generator=generator)
        return FastWork(content, [StylePicture(f"{height} {weight}", style, 1.0)], strength=weight)

    works = [work(32, 1.0), work(32, 1.0), work(40, 1.0), work(32, 0.5)]
    alone = [style_models.paint_fast(one) for one in works]
    passes = [style_models.as_pass(one) for one in works]
    together = style_models.forward(passes)
    for one, other in zip(alone, together, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 0.02


def test_a_styles_vector_is_computed_once(style_models: StyleModels, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Size] = []
    predict = style_models.fast.style_vector

    def counting(styles: torch.Tensor) -> torch.Tensor:
        seen.append(styles.shape)
        return predict(styles)

    monkeypatch.setattr(style_models.fast, "style_vector", counting)
    style = StylePicture("seen once", torch.rand(1, 3, 64, 64), 1.0)
    for _ in range(3):
        style_models.paint_fast(FastWork(torch.rand(1, 3, 32, 32), [style]))
    assert len(seen) == 1
