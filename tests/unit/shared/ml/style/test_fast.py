"""One-pass stylisation against the published files, at other sizes, in batches and backwards."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor

from shared.errors import InvalidField, InvalidImage
from shared.ml.style.fast import STYLE_SIDE, FastStyliser, mix
from shared.ml.style.pixels import resize, to_tensor
from shared.ml.weights import MAGENTA_PREDICT, MAGENTA_TRANSFORM, Weights, fetch
from tests.unit.shared.ml.style.pictures import PORTRAIT, WAVE

Array = npt.NDArray[np.float32]

CONTENT_SIDE = 384  # px: fixed in the published file
ROUNDING = 0.05  # of single pixels, where convolutions are computed in bfloat16; 1e-3 and less where in float32


def nhwc(pixels: Tensor) -> Array:
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


def correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def published(weights: Weights, weights_dir: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    # Fused to integer kernels its sums overflow 16 bits on processors without VNNI: nobody means that by "published".
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(fetch(weights, weights_dir)), options)


@pytest.fixture(scope="module")
def style() -> Tensor:
    return resize(to_tensor(Image.open(WAVE)), STYLE_SIDE, STYLE_SIDE)


@pytest.fixture(scope="module")
def content() -> Tensor:
    return resize(to_tensor(Image.open(PORTRAIT)), CONTENT_SIDE, CONTENT_SIDE)


@pytest.fixture(scope="module")
def vector(styliser: FastStyliser, style: Tensor) -> Tensor:
    return styliser.style_vector(style).detach()


@pytest.fixture(scope="module")
def original_vector(weights_dir: Path, style: Tensor) -> Array:
    """(1, 1, 1, 100) of the published predictor, as onnxruntime runs it."""
    found = published(MAGENTA_PREDICT, weights_dir).run(None, {"style_image": nhwc(style)})
    return np.asarray(found[0], dtype=np.float32)


@pytest.fixture(scope="module")
def original_picture(weights_dir: Path, content: Tensor, original_vector: Array) -> Array:
    """(1, 384, 384, 3) of both published files."""
    inputs = {"content_image": nhwc(content), "mobilenet_conv/Conv/BiasAdd": original_vector}
    return np.asarray(published(MAGENTA_TRANSFORM, weights_dir).run(None, inputs)[0], dtype=np.float32)


# --- the published files, which round every activation to 8 bits, as oracle --------------------------------


def test_the_style_vector_is_the_published_predictors(vector: Tensor, original_vector: Array) -> None:
    ours = vector.numpy()
    assert correlation(ours, original_vector) > 0.999
    assert np.abs(ours.ravel() - original_vector.ravel()).mean() < 0.02 * np.abs(original_vector).mean()


def test_the_picture_is_the_published_networks(
    styliser: FastStyliser, content: Tensor, vector: Tensor, original_picture: Array
) -> None:
    ours = nhwc(styliser.stylise(content, vector))
    assert np.abs(ours - original_picture).mean() < 0.06
    assert correlation(ours, original_picture) > 0.97


def test_the_picture_is_much_nearer_to_the_published_networks_than_to_the_content(
    content: Tensor, original_picture: Array
) -> None:
    assert np.abs(nhwc(content) - original_picture).mean() > 0.12  # so that the tolerance above says something


# --- style vectors -----------------------------------------------------------------------------------------


def test_a_style_vector_has_a_hundred_numbers(vector: Tensor) -> None:
    assert vector.shape == (1, 100)
    assert vector.dtype is torch.float32


def test_a_style_vector_does_not_depend_on_what_is_painted(
    styliser: FastStyliser, content: Tensor, style: Tensor, vector: Tensor
) -> None:
    styliser.stylise(content[..., :64, :64], vector, strength=0.5)
    torch.testing.assert_close(styliser.style_vector(style), vector, rtol=0, atol=0)


def test_two_styles_have_two_vectors(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    assert (styliser.style_vector(content) - vector).abs().mean() > 0.1


@pytest.mark.parametrize(("height", "width"), [(61, 97), (300, 200), (16, 16)])
def test_a_style_may_have_any_size(styliser: FastStyliser, height: int, width: int) -> None:
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    assert styliser.style_vector(picture).shape == (1, 100)


# --- painting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(61, 97), (33, 200), (64, 64), (5, 40)])
def test_the_picture_has_exactly_the_contents_size(
    styliser: FastStyliser, content: Tensor, vector: Tensor, height: int, width: int
) -> None:
    painted = styliser.stylise(resize(content, height, width), vector)
    assert painted.shape == (1, 3, height, width)
    assert painted.min() >= 0
    assert painted.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(4, 64), (64, 1)])
def test_too_narrow_a_content_is_refused(styliser: FastStyliser, vector: Tensor, height: int, width: int) -> None:
    with pytest.raises(InvalidImage, match="at least 5 pixels"):
        styliser.stylise(torch.zeros(1, 3, height, width), vector)


def test_two_contents_in_one_pass_are_as_one_at_a_time(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    batch = torch.cat([content[..., :60, :80], content[..., 100:160, 50:130]])
    vectors = torch.cat([vector, styliser.style_vector(content)])
    with torch.inference_mode():
        together = styliser.forward(batch, vectors)
    alone = torch.cat([styliser.stylise(batch[i : i + 1], vectors[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone, rtol=0, atol=ROUNDING)


def test_one_style_serves_a_whole_batch(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    batch = torch.cat([content[..., :60, :80], content[..., 100:160, 50:130]])
    both = styliser.stylise(batch, vector.expand(2, -1))
    torch.testing.assert_close(styliser.stylise(batch, vector), both, rtol=0, atol=0)


@pytest.mark.parametrize("tile", [1, 50, 64, 1000])
def test_strips_give_the_same_picture(styliser: FastStyliser, content: Tensor, vector: Tensor, tile: int) -> None:
    small = resize(content, 150, 90)
    torch.testing.assert_close(
        styliser.stylise(small, vector, tile=tile), styliser.stylise(small, vector), rtol=0, atol=2 * ROUNDING
    )


def test_the_gradient_reaches_the_content(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    pixels = content[..., :61, :50].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(styliser.forward(pixels, vector).square().sum(), pixels)
    assert gradient.shape == pixels.shape
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


def test_one_picture_is_painted_without_gradients(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    pixels = content[..., :32, :32].clone().requires_grad_()
    assert not styliser.stylise(pixels, vector).requires_grad


def test_no_strength_is_the_picture_as_it_was(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    small = resize(content, 128, 128)
    torch.testing.assert_close(styliser.stylise(small, vector, strength=0), small, rtol=0, atol=0)


def test_the_stronger_the_further_from_the_content(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    small = resize(content, 128, 128)
    distances = [
        float((styliser.stylise(small, vector, strength=strength) - small).abs().mean())
        for strength in (0.1, 0.3, 0.6, 0.8, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[0] < 0.3 * distances[-1]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_beyond_the_ends_is_refused(
    styliser: FastStyliser, content: Tensor, vector: Tensor, strength: float
) -> None:
    with pytest.raises(InvalidField, match="between 0 and 1"):
        styliser.stylise(content[..., :16, :16], vector, strength=strength)


def test_full_strength_is_the_styles_own_vector(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    torch.testing.assert_close(styliser.blend(content, vector, 1), vector, rtol=0, atol=0)


def test_no_strength_is_the_contents_own_vector(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    torch.testing.assert_close(styliser.blend(content, vector, 0), styliser.style_vector(content))


# --- several styles ----------------------------------------------------------------------------------------


def test_a_mix_is_the_weighted_mean_whatever_the_weights_sum_is() -> None:
    one, other = torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, -3.0]])
    torch.testing.assert_close(mix([one, other], [3.0, 1.0]), torch.tensor([[1.5, 3.0]]))
    torch.testing.assert_close(mix([one, other], [0.0, 0.2]), other)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -0.5], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(InvalidField, match="not all of them 0"):
        mix([torch.zeros(1, 2)] * 2, weights)


def test_a_mix_lies_between_the_styles(styliser: FastStyliser, content: Tensor, vector: Tensor) -> None:
    small = resize(content, 128, 128)
    plain = styliser.style_vector(torch.full((1, 3, 64, 64), 0.9))
    one, between, other = (styliser.stylise(small, v) for v in (vector, mix([vector, plain], [1, 1]), plain))
    apart = (one - other).abs().mean()
    assert (one - between).abs().mean() < apart
    assert (other - between).abs().mean() < apart


def test_the_identity_names_both_files(styliser: FastStyliser) -> None:
    assert styliser.digest == MAGENTA_PREDICT.digest[:8] + MAGENTA_TRANSFORM.digest[:8]
