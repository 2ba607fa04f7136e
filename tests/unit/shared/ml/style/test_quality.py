"""The figures of a result: analytic values, then what a stylisation should do to them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.errors import InvalidField, InvalidImage
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.pixels import resize
from shared.ml.style.quality import CONTENT_LAYER, STYLE_LAYERS, colour_distance, measure, ssim


def flat(red: float, green: float, blue: float, *, side: int = 32) -> Tensor:
    return torch.tensor([red, green, blue])[None, :, None, None].expand(1, 3, side, side).clone()


def noise(height: int = 48, width: int = 64, *, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_the_content_itself_has_kept_everything(
    features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor
) -> None:
    found = measure(features, portrait_128, wave_128, portrait_128)
    assert found.content_cost == 0
    assert found.ssim == pytest.approx(1)
    assert found.colour_distance_to_content == 0
    assert found.style_cost > 1
    assert found.colour_distance > 5


def test_the_style_itself_has_taken_everything(features: Vgg16Features, wave_128: Tensor) -> None:
    content = noise(*wave_128.shape[2:])
    found = measure(features, content, wave_128, wave_128)
    assert all(cost == pytest.approx(0, abs=1e-6) for cost in found.gram_costs.values())
    assert found.style_cost == pytest.approx(0, abs=1e-6)
    assert found.colour_distance == 0
    assert found.content_cost > 1


def test_costs_are_those_of_the_paper(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> None:
    wave = resize(wave_128, 96, 128)
    result = 0.5 * resize(portrait_128, 96, 128) + 0.5 * wave
    found = measure(features, resize(portrait_128, 96, 128), wave, result)
    assert set(found.gram_costs) == set(STYLE_LAYERS)
    for layer, cost in found.gram_costs.items():
        a, b = features(wave, [layer])[layer], features(result, [layer])[layer]
        n_c, n_h, n_w = a.shape[1:]
        equation_4 = (costs.gram_matrix(a) - costs.gram_matrix(b)).square().sum() / (2 * n_h * n_w * n_c) ** 2
        assert cost == pytest.approx(equation_4.item(), rel=1e-4)
    assert found.style_cost == pytest.approx(sum(found.gram_costs.values()) / 5)
    a = features(resize(portrait_128, 96, 128), [CONTENT_LAYER])[CONTENT_LAYER]
    b = features(result, [CONTENT_LAYER])[CONTENT_LAYER]
    assert found.content_cost == pytest.approx(0.5 * ((a - b) ** 2).sum(1).mean().item(), rel=1e-4)


def test_a_content_and_a_style_of_other_sizes_are_brought_to_the_results(
    features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor
) -> None:
    small = resize(portrait_128, portrait_128.shape[2] // 2, portrait_128.shape[3] // 2)
    found = measure(features, portrait_128, wave_128, small)
    assert found.content_cost == pytest.approx(0, abs=1e-3)
    assert found.ssim == pytest.approx(1)


def test_a_result_of_another_shape_is_no_result_of_this_content(features: Vgg16Features) -> None:
    with pytest.raises(InvalidImage, match="not of one shape"):
        measure(features, noise(48, 64), noise(), noise(64, 64))


def test_an_unknown_layer_is_refused_with_the_known_ones(features: Vgg16Features) -> None:
    with pytest.raises(InvalidField, match=r"relu9_9.*conv1_1"):
        measure(features, noise(), noise(), noise(), style_layers={"relu9_9": 1.0})


@pytest.mark.parametrize(("a", "b"), [(0.2, 0.6), (0.0, 1.0)])
def test_ssim_of_flat_pictures_is_its_luminance_term(a: float, b: float) -> None:
    c1 = 0.01**2  # Wang et al. 2004, equation 6: (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1)
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(flat(a, a, a), flat(b, b, b)) == pytest.approx(expected, abs=1e-6)


def test_ssim_is_that_of_the_equation_with_an_11_px_gaussian_window() -> None:
    a = noise(24, 24).mean(1, keepdim=True)
    b = (a + 0.2 * noise(24, 24, seed=1).mean(1, keepdim=True)).clamp(0, 1)
    x = torch.arange(11) - 5.0
    window = torch.exp(-(x**2) / (2 * 1.5**2))
    window = (window[:, None] * window[None])[None, None]
    window = (window / window.sum()).double()

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(image.double(), window)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    found = ssim(a.expand(1, 3, 24, 24), b.expand(1, 3, 24, 24))
    assert found == pytest.approx(index.mean().item(), abs=1e-4)


def test_two_flat_colours_are_as_far_apart_as_their_delta_e() -> None:
    # CIE L* of linear grey 0.5 ** gamma is known: black is 0 and white 100, both without colour
    assert colour_distance(flat(0, 0, 0), flat(1, 1, 1)) == pytest.approx(100, rel=0.01)
    # sRGB red is L*a*b* (53.24, 80.09, 67.20), blue (32.30, 79.19, -107.86): 176.3 apart
    assert colour_distance(flat(1, 0, 0), flat(0, 0, 1)) == pytest.approx(176.3, rel=0.01)


def test_where_the_colours_are_does_not_matter() -> None:
    image = noise(32, 32)
    assert colour_distance(image, image.flip(3)) == pytest.approx(0, abs=1e-9)
    assert colour_distance(image, flat(0.5, 0.5, 0.5)) > 10
