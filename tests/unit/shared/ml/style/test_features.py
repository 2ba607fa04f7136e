"""VGG-16's activations: the published network's, no more than was asked for, and frozen."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from shared.errors import InvalidField, InvalidImage
from shared.ml.style.features import MIN_SIDE, Vgg16Features
from shared.ml.style.options import LAYERS, Pooling
from shared.ml.weights import VGG16, fetch

MEAN_BGR = (103.939, 116.779, 123.68)
SIDE = 240  # px: fixed in the published file
ORIGINAL = {
    "conv1_1": "functional_1/block1_conv1_1/BiasAdd:0",
    "relu1_1": "functional_1/block1_conv1_1/Relu:0",
    "relu4_2": "functional_1/block4_conv2_1/Relu:0",
    "relu5_3": "functional_1/block5_conv3_1/Relu:0",
}


def noise(height: int = 32, width: int = 32, *, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def oracle(weights_dir: Path) -> onnxruntime.InferenceSession:
    """The published file itself, as onnxruntime runs it, with its convolutions as outputs."""
    model = onnx.load(fetch(VGG16, weights_dir))
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in ORIGINAL.values())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def test_activations_are_those_of_onnxruntime_on_the_published_file(
    features: Vgg16Features, oracle: onnxruntime.InferenceSession, wave_128: Tensor
) -> None:
    picture = nn.functional.interpolate(wave_128, (SIDE, SIDE))
    bgr = picture[0].permute(1, 2, 0).numpy()[..., ::-1] * 255  # (H, W, 3)
    found = oracle.run(list(ORIGINAL.values()), {"input": (bgr - MEAN_BGR)[None].astype(np.float32)})
    with torch.inference_mode():
        ours = features(picture, list(ORIGINAL))
    for name, theirs in zip(ORIGINAL, found, strict=True):
        # (1, n_C, n_H, n_W); the activations go up to several thousands, and both sum in float32
        assert ours[name].shape == theirs.shape, name
        assert np.abs(ours[name].numpy() - theirs).max() < 1e-5 * np.abs(theirs).max(), name


def test_a_layer_of_relu_is_the_rectified_convolution(features: Vgg16Features) -> None:
    found = features(noise(), ["conv3_2", "relu3_2"])
    assert (found["conv3_2"] < 0).any()
    torch.testing.assert_close(found["relu3_2"], found["conv3_2"].clamp(min=0), rtol=0, atol=0)


@pytest.mark.parametrize(("layer", "last"), [("conv1_1", 0), ("relu1_1", 0), ("relu2_1", 5), ("relu4_2", 19)])
def test_nothing_beyond_the_last_layer_is_computed(features: Vgg16Features, layer: str, last: int) -> None:
    called: list[int] = []
    hooks = [
        module.register_forward_hook(lambda *_, i=i: called.append(i)) for i, module in enumerate(features.features)
    ]
    try:
        features(noise(), ["relu1_1", layer] if layer != "conv1_1" else [layer])
    finally:
        for hook in hooks:
            hook.remove()
    assert max(called) == last  # the index of the convolution; the module of a ReLU stands for a function


def test_exactly_the_layers_asked_for_are_given(features: Vgg16Features) -> None:
    assert set(features(noise(), ["relu3_1", "conv1_2"])) == {"conv1_2", "relu3_1"}


def test_a_layer_named_twice_is_given_once(features: Vgg16Features) -> None:
    assert set(features(noise(), ["relu1_1", "relu1_1", "relu2_1"])) == {"relu1_1", "relu2_1"}


@pytest.mark.parametrize(
    ("layer", "shape"), [("relu1_2", (64, 33, 50)), ("relu2_2", (128, 16, 25)), ("relu5_3", (512, 2, 3))]
)
def test_each_block_halves_the_sides(features: Vgg16Features, layer: str, shape: tuple[int, int, int]) -> None:
    assert features(noise(33, 50), [layer])[layer].shape == (1, *shape)


def test_the_pooling_matters_only_after_the_first_one(features: Vgg16Features) -> None:
    layers = ["relu1_2", "relu2_1"]
    largest = features(noise(), layers, pooling=Pooling.MAX)
    average = features(noise(), layers, pooling=Pooling.AVERAGE)
    torch.testing.assert_close(largest["relu1_2"], average["relu1_2"])
    assert largest["relu2_1"].shape == average["relu2_1"].shape
    assert (largest["relu2_1"] - average["relu2_1"]).abs().mean() > 1


def test_a_call_with_average_pooling_leaves_nothing_behind(features: Vgg16Features) -> None:
    before = features(noise(), ["relu3_1"])["relu3_1"]
    features(noise(), ["relu3_1"], pooling=Pooling.AVERAGE)
    torch.testing.assert_close(features(noise(), ["relu3_1"])["relu3_1"], before, rtol=0, atol=0)


def test_a_batch_is_computed_as_its_images_are(features: Vgg16Features) -> None:
    batch = noise(batch=2)
    together = features(batch, ["relu3_1"])["relu3_1"]
    alone = torch.cat([features(one[None], ["relu3_1"])["relu3_1"] for one in batch])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-2)


def test_an_unknown_layer_is_refused_with_the_known_ones(features: Vgg16Features) -> None:
    with pytest.raises(InvalidField, match="'relu6_1'") as caught:
        features(noise(), ["relu1_1", "relu6_1"])
    assert all(name in str(caught.value) for name in LAYERS)


@pytest.mark.parametrize(("height", "width"), [(MIN_SIDE - 1, 64), (64, MIN_SIDE - 1), (1, 1)])
def test_too_small_an_image_is_refused(features: Vgg16Features, height: int, width: int) -> None:
    with pytest.raises(InvalidImage, match=f"at least {MIN_SIDE} pixels"):
        features(noise(height, width), ["relu1_1"])


def test_the_smallest_image_reaches_the_last_layer(features: Vgg16Features) -> None:
    assert features(noise(MIN_SIDE, MIN_SIDE), [LAYERS[-1]])[LAYERS[-1]].shape == (1, 512, 1, 1)


def test_the_network_is_frozen(features: Vgg16Features) -> None:
    assert not features.features.training
    assert [name for name, parameter in features.named_parameters() if parameter.requires_grad] == []


def test_the_gradient_reaches_the_pixels(features: Vgg16Features) -> None:
    pixels = noise().requires_grad_()
    (gradient,) = torch.autograd.grad(features(pixels, ["relu4_2"])["relu4_2"].sum(), pixels)
    assert gradient.shape == pixels.shape
    assert gradient.abs().max() > 0


def test_preprocessing_is_bgr_in_bytes_minus_the_mean(features: Vgg16Features) -> None:
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(1, 3, 2, 2)
    expected = torch.tensor([-MEAN_BGR[0], -MEAN_BGR[1], 255 - MEAN_BGR[2]])
    torch.testing.assert_close(features.preprocess(red)[0, :, 0, 0], expected)
