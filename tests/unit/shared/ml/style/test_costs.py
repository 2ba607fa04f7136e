"""The costs against values by hand, and against numpy's loops on random activations."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from shared.ml.style import costs

Array = npt.NDArray[np.float32]

# (1, n_C, n_H, n_W), away from zero or zero itself, so that float32's relative error is what is compared
ELEMENTS = st.integers(-64, 64).map(lambda n: n / 8)
SHAPES = st.tuples(st.just(1), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))
ACTIVATIONS = SHAPES.flatmap(lambda shape: arrays(np.float32, shape, elements=ELEMENTS))
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(
        arrays(np.float32, shape, elements=ELEMENTS),
        arrays(np.float32, shape, elements=ELEMENTS),
    )
)


def random_activations(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 4 - 1


# --- an independent implementation, by the sums of the paper -----------------------------------------------


def numpy_gram(a: Array) -> npt.NDArray[np.float64]:
    """Equation 3 with its sum over i and j written out: (1, n_C, n_H, n_W) -> (n_C, n_C)."""
    _, n_c, n_h, n_w = a.shape
    gram = np.zeros((n_c, n_c))
    for i in range(n_h):
        for j in range(n_w):
            column = a[0, :, i, j].astype(np.float64)
            gram += np.outer(column, column)
    return gram


def numpy_layer_style_cost(style: Array, generated: Array) -> float:
    """Equation 4 as it stands, for two images of one size."""
    _, n_c, n_h, n_w = generated.shape
    return float(((numpy_gram(style) - numpy_gram(generated)) ** 2).sum() / (2 * n_h * n_w * n_c) ** 2)


def numpy_total_variation(images: Array) -> float:
    image = images[0].astype(np.float64)
    _, height, width = image.shape
    total = 0.0
    for y in range(height):
        for x in range(width):
            if y + 1 < height:
                total += float(((image[:, y + 1, x] - image[:, y, x]) ** 2).sum())
            if x + 1 < width:
                total += float(((image[:, y, x + 1] - image[:, y, x]) ** 2).sum())
    return total


# --- Gram matrices -----------------------------------------------------------------------------------------


def test_a_gram_matrix_holds_the_products_of_channels_summed_over_positions() -> None:
    a = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels of 1 x 2
    assert costs.gram_matrix(a).tolist() == [[[1 + 4, 3 + 8], [3 + 8, 9 + 16]]]


def test_a_mean_gram_matrix_is_per_position() -> None:
    a = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert costs.mean_gram_matrix(a).tolist() == [[[2.5, 5.5], [5.5, 12.5]]]


@given(ACTIVATIONS)
@settings(deadline=None)
def test_the_gram_matrix_is_the_papers_sum(a: Array) -> None:
    np.testing.assert_allclose(costs.gram_matrix(torch.from_numpy(a))[0].numpy(), numpy_gram(a), rtol=1e-5, atol=1e-4)


@given(ACTIVATIONS)
@settings(deadline=None)
def test_the_mean_gram_matrix_is_the_papers_sum_over_the_positions(a: Array) -> None:
    expected = numpy_gram(a) / (a.shape[2] * a.shape[3])
    np.testing.assert_allclose(costs.mean_gram_matrix(torch.from_numpy(a))[0].numpy(), expected, rtol=1e-5, atol=1e-4)


def test_images_of_a_batch_have_each_their_own_gram_matrix() -> None:
    batch = random_activations(3, 4, 5, 6)
    together = costs.gram_matrix(batch)
    assert together.shape == (3, 4, 4)
    torch.testing.assert_close(together, torch.cat([costs.gram_matrix(one[None]) for one in batch]))


def test_a_gram_matrix_is_symmetric_and_has_no_negative_eigenvalue() -> None:
    gram = costs.gram_matrix(random_activations(1, 8, 5, 5))[0]
    torch.testing.assert_close(gram, gram.T)
    assert torch.linalg.eigvalsh(gram).min() > -1e-3


def test_a_gram_matrix_does_not_know_where_things_are() -> None:
    a = random_activations(1, 4, 6, 6)
    shuffled = a.flatten(2)[..., torch.randperm(36, generator=torch.Generator().manual_seed(1))].view_as(a)
    torch.testing.assert_close(costs.gram_matrix(a), costs.gram_matrix(shuffled))


@pytest.mark.parametrize("gram", [costs.gram_matrix, costs.mean_gram_matrix])
def test_a_gram_matrix_is_float32_even_under_bfloat16_autocast(gram: Callable[[Tensor], Tensor]) -> None:
    a = random_activations(1, 16, 8, 8) * 300
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = gram(a)
    assert under_autocast.dtype is torch.float32
    torch.testing.assert_close(under_autocast, gram(a), rtol=0, atol=0)


def test_a_gram_matrix_of_bfloat16_activations_is_summed_in_float32() -> None:
    a = (random_activations(1, 16, 8, 8) * 300).bfloat16()
    gram = costs.gram_matrix(a)
    assert gram.dtype is torch.float32
    expected = numpy_gram(a.float().numpy())
    # relative to the size of the matrix: single entries may cancel
    assert np.abs(gram[0].numpy() - expected).max() < 1e-5 * np.abs(expected).max()


# --- weighted sums -----------------------------------------------------------------------------------------


def test_gram_sums_without_weights_are_the_gram_matrix() -> None:
    a = random_activations(1, 6, 5, 7)
    torch.testing.assert_close(costs.gram_sums(a), costs.gram_matrix(a))


def test_gram_sums_weigh_each_position() -> None:
    a = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels of 1 x 2
    weights = torch.tensor([[[1.0, 0.0]], [[0.0, 0.5]]])
    torch.testing.assert_close(costs.gram_sums(a, weights), torch.tensor([[[1.0, 3], [3, 9]], [[2.0, 4], [4, 8]]]))


def test_the_sums_of_the_parts_add_up_to_that_of_the_whole() -> None:
    a, weights = random_activations(1, 4, 6, 6), random_activations(2, 6, 6, seed=1).abs()
    parts = costs.gram_sums(a[..., :2], weights[..., :2]) + costs.gram_sums(a[..., 2:], weights[..., 2:])
    torch.testing.assert_close(costs.gram_sums(a, weights), parts)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("regions", [None, 1, 3])
def test_the_gradient_of_gram_sums_is_autograds(regions: int | None, layout: torch.memory_format) -> None:
    a = random_activations(1, 4, 3, 5).contiguous(memory_format=layout).requires_grad_()
    weights = torch.ones(1, 3, 5) if regions is None else random_activations(regions, 3, 5, seed=1).abs()
    slopes = random_activations(len(weights), 4, 4, seed=2)
    columns = a[0].flatten(1)  # (n_C, n_H n_W)
    expected = ((columns * weights.flatten(1)[:, None]) @ columns.T * slopes).sum()
    found = (costs.gram_sums(a, None if regions is None else weights) * slopes).sum()
    torch.testing.assert_close(torch.autograd.grad(found, a), torch.autograd.grad(expected, a))


def test_gram_sums_of_half_precision_are_float32_and_the_gradient_is_not() -> None:
    a = random_activations(1, 4, 3, 5).bfloat16().requires_grad_()
    sums = costs.gram_sums(a)
    assert sums.dtype is torch.float32
    assert torch.autograd.grad(sums.sum(), a)[0].dtype is torch.bfloat16


# --- content cost ------------------------------------------------------------------------------------------


def test_the_content_cost_is_half_the_squared_distance() -> None:
    content = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    generated = torch.tensor([[[[1.0, 0.0]], [[0.0, 3.0]]]])
    assert costs.content_cost(content, generated).item() == 0.5 * (0 + 4 + 9 + 1)


@given(PAIRS)
@settings(deadline=None)
def test_the_content_cost_is_numpys(pair: tuple[Array, Array]) -> None:
    content, generated = pair
    expected = 0.5 * np.linalg.norm((content.astype(np.float64) - generated).ravel()) ** 2
    found = costs.content_cost(torch.from_numpy(content), torch.from_numpy(generated)).item()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_content_cost_of_half_precision_activations_is_float32() -> None:
    big = torch.full((1, 1, 4, 4), 200.0, dtype=torch.float16)
    cost = costs.content_cost(big, -big)  # 1.28 million, twenty times what float16 can hold
    assert cost.dtype is torch.float32
    assert cost.item() == 0.5 * 16 * 400**2


def test_the_gradient_of_the_content_cost_is_the_difference() -> None:
    content, generated = random_activations(1, 3, 4, 4), random_activations(1, 3, 4, 4, seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(costs.content_cost(content, generated), generated)
    torch.testing.assert_close(gradient, generated.detach() - content)  # equation 2


# --- style cost --------------------------------------------------------------------------------------------


def test_the_layer_style_cost_is_equation_4_by_hand() -> None:
    style = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    generated = torch.zeros(1, 2, 1, 2)
    squares = 5**2 + 11**2 + 11**2 + 25**2
    expected = squares / (2 * 1 * 2 * 2) ** 2
    assert costs.layer_style_cost(costs.mean_gram_matrix(style), generated).item() == pytest.approx(expected)


@given(PAIRS)
@settings(deadline=None)
def test_for_images_of_one_size_the_layer_style_cost_is_equation_4(pair: tuple[Array, Array]) -> None:
    style, generated = pair
    found = costs.layer_style_cost(costs.mean_gram_matrix(torch.from_numpy(style)), torch.from_numpy(generated))
    assert found.item() == pytest.approx(numpy_layer_style_cost(style, generated), rel=1e-3, abs=1e-3)


def test_for_images_of_one_size_the_two_normalisations_are_the_same_number() -> None:
    style, generated = random_activations(1, 6, 5, 7), random_activations(1, 6, 5, 7, seed=1)
    distance = (costs.gram_matrix(style) - costs.gram_matrix(generated)).square().sum()
    n_c, n_h, n_w = generated.shape[1:]
    found = costs.layer_style_cost(costs.mean_gram_matrix(style), generated)
    torch.testing.assert_close(found, distance / (2 * n_h * n_w * n_c) ** 2)


def test_the_style_cost_of_a_picture_with_itself_is_zero() -> None:
    a = random_activations(1, 6, 5, 7)
    assert costs.layer_style_cost(costs.mean_gram_matrix(a), a).item() == 0


@pytest.mark.parametrize("times", [2, 3])
def test_a_style_image_tiled_horizontally_is_the_same_style(times: int) -> None:
    style, generated = random_activations(1, 6, 5, 7), random_activations(1, 6, 9, 4, seed=1)
    once = costs.layer_style_cost(costs.mean_gram_matrix(style), generated)
    tiled = costs.layer_style_cost(costs.mean_gram_matrix(style.repeat(1, 1, 1, times)), generated)
    torch.testing.assert_close(tiled, once)


def test_the_style_cost_is_the_weighted_sum_over_layers() -> None:
    style = {"relu1_1": random_activations(1, 4, 6, 6), "relu2_1": random_activations(1, 8, 3, 3)}
    generated = {name: a + 0.5 for name, a in style.items()}
    weights = {"relu1_1": 0.25, "relu2_1": 2.0}
    grams = {name: costs.mean_gram_matrix(a) for name, a in style.items()}
    found = costs.style_cost(grams, generated, weights).item()
    expected = sum(
        weight * numpy_layer_style_cost(style[name].numpy(), generated[name].numpy())
        for name, weight in weights.items()
    )
    assert found == pytest.approx(expected, rel=1e-4)


def test_layers_without_a_weight_do_not_count() -> None:
    style = {name: random_activations(1, 4, 3, 3, seed=n) for n, name in enumerate(("relu1_1", "relu2_1"))}
    grams = {name: costs.mean_gram_matrix(a) for name, a in style.items()}
    generated = {name: a * 2 for name, a in style.items()}
    one = costs.style_cost(grams, generated, {"relu1_1": 1.0})
    torch.testing.assert_close(one, costs.layer_style_cost(grams["relu1_1"], generated["relu1_1"]))


# --- total variation ---------------------------------------------------------------------------------------


def test_the_total_variation_sums_the_squared_steps_down_and_right() -> None:
    image = torch.tensor([[[[0.0, 1.0], [3.0, 5.0]]]])
    assert costs.total_variation(image).item() == (3**2 + 4**2) + (1**2 + 2**2)


def test_an_even_picture_has_no_variation() -> None:
    assert costs.total_variation(torch.full((1, 3, 5, 4), 0.7)).item() == 0


@given(ACTIVATIONS)
@settings(deadline=None)
def test_the_total_variation_is_numpys(images: Array) -> None:
    found = costs.total_variation(torch.from_numpy(images)).item()
    assert found == pytest.approx(numpy_total_variation(images), rel=1e-5, abs=1e-5)
