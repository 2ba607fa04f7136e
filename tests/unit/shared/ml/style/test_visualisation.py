"""Whole visualisations: what is used, what is left out, how far they are, and that reconstructions agree."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from shared.archives import FileProblem
from shared.errors import CorruptImage, InsufficientData, InvalidField
from shared.ml.style.features import Vgg16Features
from shared.ml.style.reconstruction import PANELS, Kept, Reconstruction
from shared.ml.style.unit_sheet import around_grey
from shared.ml.style.visualisation import (
    MOST_RECONSTRUCTED,
    Picture,
    ReconstructionVisualisation,
    UnitVisualisation,
)


def noise(seed: int, side: int = 24) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def given(name: str, pixels: Tensor) -> Picture:
    return Picture(name, lambda: pixels)


def unreadable() -> Tensor:
    raise CorruptImage("The image is truncated.")


def test_the_units_of_a_layer_are_shown_and_unusable_pictures_named(features: Vgg16Features) -> None:
    pictures = [
        given("a.png", noise(1)),
        Picture("broken.jpg", unreadable),
        given("b.png", noise(2)),
        given("tiny.png", noise(3, 8)),
    ]
    making = UnitVisualisation(features, pictures, "relu1_2", units=[5, 3])
    pieces = list(making)
    made = making.result()
    assert (made.units, made.pictures) == ((5, 3), 2)
    assert made.problems[0] == FileProblem("broken.jpg", "The image is truncated.")
    assert made.problems[1].file == "tiny.png"
    assert "needs at least 16 pixels" in made.problems[1].reason
    assert [(piece.done, piece.total) for piece in pieces if piece.stage == "looking at pictures"] == [
        (number, 4) for number in range(1, 5)
    ]
    assert [piece.total for piece in pieces if piece.stage == "going back to the pixels"] == [2, 2]
    assert made.sheet.width > 700


def test_units_are_chosen_where_none_are_named(features: Vgg16Features, wave_128: Tensor) -> None:
    making = UnitVisualisation(features, [given("wave.jpg", wave_128)], "conv2_1", count=4)
    list(making)
    assert len(set(making.result().units)) == 4


def test_without_a_usable_picture_there_is_no_sheet(features: Vgg16Features) -> None:
    with pytest.raises(InsufficientData, match=r"broken\.jpg: The image is truncated"):
        list(UnitVisualisation(features, [Picture("broken.jpg", unreadable)], "relu1_2"))
    with pytest.raises(InsufficientData):
        list(ReconstructionVisualisation(features, [], Kept.CONTENT))


def test_an_unknown_unit_is_refused_before_any_picture_is_read(features: Vgg16Features) -> None:
    with pytest.raises(InvalidField, match="0 to 63, not 64"):
        UnitVisualisation(features, [Picture("broken.jpg", unreadable)], "relu1_2", units=[64])


def test_what_comes_back_is_scaled_around_grey_for_all_patches_of_a_unit() -> None:
    first, second = torch.zeros(3, 10, 10), torch.zeros(3, 10, 10)
    first[0, :5] = 2.0
    second[1, :5] = -1.0
    found = around_grey([first, second])
    assert found[0][0, 0, 0, 0] == 1
    assert found[0][0, 0, 9, 9] == 0.5
    assert found[1][0, 1, 0, 0] == 0.25
    assert torch.equal(around_grey([torch.zeros(3, 2, 2)])[0], torch.full((1, 3, 2, 2), 0.5))


def test_a_low_layer_gives_the_picture_back(features: Vgg16Features, portrait_128: Tensor) -> None:
    picture = torch.nn.functional.interpolate(portrait_128, (32, 32), mode="area")
    run = Reconstruction(features, picture, Kept.CONTENT, ("relu1_2",), steps=60)
    steps = list(run)
    panel = run.panel()
    assert steps[0].content_cost > 0.2
    assert panel.left < 0.05  # at 32 px the total variation weighs much
    assert (panel.image - picture).abs().mean() < 0.06


def test_a_style_is_agreed_with_but_not_its_places(features: Vgg16Features, wave_128: Tensor) -> None:
    picture = torch.nn.functional.interpolate(wave_128, (40, 48), mode="area")
    layers = ("relu1_1", "relu2_1")
    run = Reconstruction(features, picture, Kept.STYLE, layers, steps=60)
    steps = list(run)
    panel = run.panel()
    assert panel.left < 0.05 * steps[0].style_cost
    assert (panel.image - picture).abs().mean() > 0.05


def test_the_costs_are_parts_of_those_without_activations(features: Vgg16Features) -> None:
    """Equation 4 of Mahendran and Vedaldi: 1 where the other side has no activation at all."""
    grey = torch.full((1, 3, 32, 32), 0.5)
    run = Reconstruction(features, grey, Kept.CONTENT, ("relu1_1",), steps=1, seed=3)
    (step,) = run
    generator = torch.Generator().manual_seed(3)
    start = torch.rand(grey.shape, generator=generator)
    a, b = (features(image, ["relu1_1"])["relu1_1"] for image in (grey, start))
    assert step.content_cost == pytest.approx(((a - b).square().sum() / a.square().sum()).item(), rel=0.02)


@pytest.mark.parametrize("kept", Kept)
def test_a_sheet_of_reconstructions_has_a_panel_per_layer(features: Vgg16Features, kept: Kept) -> None:
    pictures = [given("a.png", noise(1, 16)), Picture("broken.jpg", unreadable)]
    making = ReconstructionVisualisation(features, pictures, kept, steps=2)
    pieces = list(making)
    assert [piece.done for piece in pieces] == list(range(1, 11))
    assert pieces[-1].stage == f"reconstructing from {PANELS[kept][-1][-1]}"
    made = making.result()
    assert (made.pictures, [problem.file for problem in made.problems]) == (1, ["broken.jpg"])
    colours = np.array(made.sheet.convert("L").resize((64, 32), Image.Resampling.BOX))
    assert colours.std() > 5


def test_a_sheet_has_so_many_reconstructed_pictures_at_most(features: Vgg16Features) -> None:
    pictures = [given(f"{number}.png", noise(number, 16)) for number in range(MOST_RECONSTRUCTED + 2)]
    making = ReconstructionVisualisation(features, pictures, Kept.CONTENT, steps=1)
    assert [piece.total for piece in making] == [MOST_RECONSTRUCTED * 5] * MOST_RECONSTRUCTED * 5
    made = making.result()
    assert made.pictures == MOST_RECONSTRUCTED
    assert [problem.file for problem in made.problems] == ["4.png", "5.png"]
