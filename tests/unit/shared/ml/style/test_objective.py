"""Cost and gradient against equations and autograd; tiles against the whole; masks by what they must not touch."""

from typing import Any

import pytest
import torch
from torch import Tensor

from shared.errors import InvalidImage
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.objective import Evaluation, Objective
from shared.ml.style.options import FineOptions, Pooling
from shared.ml.style.scene import Scene, StyleImage

CPU = torch.device("cpu")
SHALLOW: dict[str, Any] = {"content_layers": {"relu2_2": 1.0}, "style_layers": {"relu1_1": 0.5, "relu2_1": 0.5}}


def noise(height: int, width: int, *, seed: int = 0, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


def evaluate(
    features: Vgg16Features,
    content: Tensor,
    styles: list[StyleImage],
    pixels: Tensor,
    *,
    keep: Tensor | None = None,
    tile: int | None = None,
    **options: Any,
) -> Evaluation:
    scene = Scene.of(content, styles, keep, device=CPU)
    objective = Objective(features, scene, FineOptions(**options), dtype=torch.float32, tile=tile)
    return objective.evaluate(pixels)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


# --- values ------------------------------------------------------------------------------------------------


def test_the_cost_is_equation_7(features: Vgg16Features) -> None:
    content, style, pixels = noise(48, 40), noise(32, 64, seed=1), noise(48, 40, seed=2)
    options = FineOptions(alpha=2.0, beta=30.0, tv_weight=0.5)
    found = evaluate(features, content, [StyleImage(style)], pixels, alpha=2.0, beta=30.0, tv_weight=0.5).costs
    layers = options.style_layers
    grams = {layer: costs.mean_gram_matrix(a) for layer, a in features(style, list(layers)).items()}
    expected_style = costs.style_cost(grams, features(pixels, list(layers)), layers).item()
    expected_content = costs.content_cost(*(features(p, ["relu4_2"])["relu4_2"] for p in (content, pixels))).item()
    assert found.content == pytest.approx(expected_content, rel=1e-5)
    assert found.style == pytest.approx(expected_style, rel=1e-5)
    total = 2 * expected_content + 30 * 48 * 40 / 256**2 * expected_style
    assert found.total == pytest.approx(total + 0.5 * costs.total_variation(pixels * 255).item(), rel=1e-5)


def test_the_gradient_is_autograds_of_equation_7(features: Vgg16Features) -> None:
    content, style, pixels = noise(40, 56), noise(32, 64, seed=1), noise(40, 56, seed=2).requires_grad_()
    layers = FineOptions().style_layers
    grams = {layer: costs.mean_gram_matrix(a) for layer, a in features(style, list(layers)).items()}
    seen = features(pixels, [*layers, "relu4_2"])
    cost = 3 * costs.content_cost(features(content, ["relu4_2"])["relu4_2"], seen["relu4_2"])
    cost = cost + 30 * 40 * 56 / 256**2 * costs.style_cost(grams, seen, layers)
    (expected,) = torch.autograd.grad(cost + 0.1 * costs.total_variation(pixels * 255), pixels)
    given: dict[str, Any] = {"alpha": 3.0, "beta": 30.0, "tv_weight": 0.1}
    found = evaluate(features, content, [StyleImage(style)], pixels.detach(), **given)
    assert relative(found.gradient, expected) < 1e-4


def test_layers_of_weight_zero_are_not_computed(features: Vgg16Features) -> None:
    content = noise(32, 32)
    called: list[int] = []
    hooks = [m.register_forward_hook(lambda *_, i=i: called.append(i)) for i, m in enumerate(features.features)]
    try:
        layers: dict[str, Any] = {
            "content_layers": {"relu2_1": 1.0, "relu5_3": 0.0},
            "style_layers": {"relu1_1": 1.0, "relu5_1": 0.0},
        }
        evaluate(features, content, [StyleImage(content)], content, **layers)
    finally:
        for hook in hooks:
            hook.remove()
    assert max(called) == 5  # conv2_1


# --- tiles -------------------------------------------------------------------------------------------------

HALVES = torch.cat([torch.ones(1, 1, 75, 41), torch.zeros(1, 1, 75, 50)], dim=3)
MIDDLE: dict[str, Any] = {"content_layers": {"relu2_2": 1.0}, "style_layers": {"relu1_1": 1.0, "relu3_1": 1.0}}


@pytest.mark.parametrize(
    ("given", "styles"),
    [
        pytest.param({}, [StyleImage(noise(60, 80, seed=1))], id="all layers"),
        pytest.param(
            MIDDLE | {"pooling": Pooling.AVERAGE, "tv_weight": 0.3}, [StyleImage(noise(50, 40))], id="average"
        ),
        pytest.param(MIDDLE | {"strength": 0.4}, [StyleImage(noise(35, 45), 2), StyleImage(noise(30, 30))], id="two"),
        pytest.param(MIDDLE, [StyleImage(noise(50, 40), mask=HALVES), StyleImage(noise(40, 50))], id="masks"),
    ],
)
def test_a_picture_in_tiles_costs_what_the_whole_does(
    features: Vgg16Features, given: dict[str, Any], styles: list[StyleImage]
) -> None:
    content, pixels = noise(75, 91, seed=3), noise(75, 91, seed=4)
    keep = noise(75, 91, channels=1, seed=5) if "strength" in given else None
    whole = evaluate(features, content, styles, pixels, keep=keep, **given)
    tiled = evaluate(features, content, styles, pixels, keep=keep, tile=48, **given)
    assert tiled.costs.content == pytest.approx(whole.costs.content, rel=1e-4)
    assert tiled.costs.style == pytest.approx(whole.costs.style, rel=1e-4)
    assert tiled.costs.total == pytest.approx(whole.costs.total, rel=1e-4)
    assert relative(tiled.gradient, whole.gradient) < 1e-3


def test_the_smallest_tiles_are_enough_for_shallow_layers(features: Vgg16Features) -> None:
    content, style, pixels = noise(40, 90), noise(33, 47, seed=1), noise(40, 90, seed=2)
    whole = evaluate(features, content, [StyleImage(style)], pixels, **SHALLOW)
    tiled = evaluate(features, content, [StyleImage(style)], pixels, tile=16, **SHALLOW)
    assert relative(tiled.gradient, whole.gradient) < 1e-3


# --- regions -----------------------------------------------------------------------------------------------


def test_a_style_does_not_reach_beyond_its_mask(features: Vgg16Features) -> None:
    """Without content cost, pixels farther from the mask than the layers see have no gradient."""
    content, style, pixels = noise(64, 64), noise(64, 64, seed=1), noise(64, 64, seed=2)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :32] = 1
    found = evaluate(features, content, [StyleImage(style, mask=mask)], pixels, **(SHALLOW | {"alpha": 0.0}))
    assert found.gradient[..., :32].abs().max() > 0
    assert found.gradient[..., 36:].abs().max() == 0  # relu2_1 sees 4 px beyond its own


def test_a_mask_of_everything_is_no_mask(features: Vgg16Features) -> None:
    content, style, pixels = noise(40, 50), noise(64, 64, seed=1), noise(40, 50, seed=2)
    plain = evaluate(features, content, [StyleImage(style)], pixels)
    masked = evaluate(features, content, [StyleImage(style, mask=torch.ones(1, 1, 40, 50))], pixels)
    assert masked.costs.total == pytest.approx(plain.costs.total, rel=1e-4)
    assert relative(masked.gradient, plain.gradient) < 1e-3


def test_the_cost_of_a_region_counts_by_its_area(features: Vgg16Features) -> None:
    """An even picture has the same Gram matrix in any region, so a quarter of it costs a quarter."""
    content, style = torch.full((1, 3, 64, 64), 0.5), noise(64, 64, seed=1)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    layers: dict[str, Any] = {"style_layers": {"conv1_1": 1.0}, "content_layers": {"conv1_1": 1.0}}
    inner = content.clone()
    all_of_it = evaluate(features, inner[..., 16:48, 16:48], [StyleImage(style)], inner[..., 16:48, 16:48], **layers)
    part = evaluate(features, inner, [StyleImage(style, mask=mask)], inner, **layers)
    # the border of a picture is padded with zeros, a region within it is not
    assert part.costs.style == pytest.approx(all_of_it.costs.style / 4, rel=0.1)


def test_several_styles_have_the_gradient_of_their_weighted_costs(features: Vgg16Features) -> None:
    content, pixels = noise(32, 40), noise(32, 40, seed=1)
    one, other = noise(40, 40, seed=2), noise(30, 60, seed=3) ** 2
    both = evaluate(features, content, [StyleImage(one, 3.0), StyleImage(other, 1.0)], pixels, alpha=0.0)
    alone = [evaluate(features, content, [StyleImage(style)], pixels, alpha=0.0) for style in (one, other)]
    assert relative(both.gradient, 0.75 * alone[0].gradient + 0.25 * alone[1].gradient) < 1e-3


def test_kept_pixels_have_no_gradient_and_the_contents_colours(features: Vgg16Features) -> None:
    content, style, pixels = noise(48, 48), noise(48, 48, seed=1), noise(48, 48, seed=2)
    keep = torch.zeros(1, 1, 48, 48)
    keep[..., :20, :] = 1
    scene = Scene.of(content, [StyleImage(style)], keep, device=CPU)
    found = Objective(features, scene, FineOptions(tv_weight=1.0), dtype=torch.float32).evaluate(pixels)
    assert found.gradient[..., :20, :].abs().max() == 0
    assert found.gradient[..., 20:, :].abs().min() > 0
    assert torch.equal(scene.composed(pixels)[..., :20, :], content[..., :20, :])
    assert torch.equal(scene.composed(pixels)[..., 20:, :], pixels[..., 20:, :])


def test_masks_that_leave_nothing_to_paint_are_refused(features: Vgg16Features) -> None:
    content, left = noise(32, 32), torch.zeros(1, 1, 32, 32)
    left[..., :16] = 1
    for style, keep in ((StyleImage(noise(32, 32)), torch.ones(1, 1, 32, 32)), (StyleImage(content, mask=left), left)):
        with pytest.raises(InvalidImage, match="nothing is left to paint"):
            evaluate(features, content, [style], content, keep=keep)


# --- strength ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [None, 32])
def test_at_strength_0_the_content_costs_nothing(features: Vgg16Features, tile: int | None) -> None:
    content, style = noise(48, 64), noise(48, 48, seed=1)
    found = evaluate(features, content, [StyleImage(style)], content, strength=0.0, tile=tile)
    full = evaluate(features, content, [StyleImage(style)], content)
    assert found.costs.total < 1e-9 * full.costs.total


def test_the_target_lies_between_the_contents_style_and_the_styles(features: Vgg16Features) -> None:
    """At the content itself the distance to the target grows linearly, so the cost grows with its square."""
    content, style = noise(48, 48), noise(48, 48, seed=1) ** 3
    half, full = (evaluate(features, content, [StyleImage(style)], content, strength=s).costs.style for s in (0.5, 1.0))
    assert half == pytest.approx(full / 4, rel=1e-3)
