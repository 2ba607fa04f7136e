"""What VGG-16 sees in an image: its activations at named layers.

Karen Simonyan, Andrew Zisserman: Very deep convolutional networks for large-scale image recognition (arXiv:1409.1556),
configuration D; used as a fixed measure of content and style by Gatys et al. (arXiv:1508.06576). The network's
definition is torchvision's, its weights are Oxford's. Two names lead to each convolution: `conv4_2` is its output,
`relu4_2` the activation a[l] after it. What Gatys et al. call "conv4_2" is the activation, hence our `relu4_2`.
"""

from collections.abc import Collection, Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.errors import InvalidImage
from shared.ml.style.options import MODULES, Pooling, check_layers
from shared.ml.torchvision_guard import models

MIN_SIDE = 16  # pixels: four poolings leave one position at conv5_3

_MEAN_BGR = (
    103.939,
    116.779,
    123.68,
)  # of ImageNet's training images, 0..255, as the weights were trained with


class Vgg16Features(nn.Module):
    """VGG-16 without its classifier, frozen; preprocessing is inside, so that nobody can pair it wrongly.

    `state` holds torchvision's names ("features.0.weight", ...), as shared.ml.style.conversion.vgg16 writes them.
    The module keeps no option of a call, so any number of requests with different options can share it.
    """

    mean: Tensor

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        with torch.device("meta"):  # no memory and no random numbers for 138 M parameters that are replaced or dropped
            convolutions: nn.Sequential = models.vgg16(weights=None, init_weights=False).features
        names = {f"features.{key}": key for key in convolutions.state_dict()}
        convolutions.load_state_dict({names[key]: value for key, value in state.items()}, assign=True)
        # channels_last is the layout of oneDNN's and cuDNN's fast half-precision convolutions
        convolutions = convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.features = convolutions.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(_MEAN_BGR)[None, :, None, None], persistent=False)
        self._copies: dict[tuple[torch.dtype, torch.device], nn.Sequential] = {}

    def forward(
        self,
        images: Tensor,
        layers: Collection[str],
        *,
        pooling: Pooling = Pooling.MAX,
        dtype: torch.dtype = torch.float32,
    ) -> dict[str, Tensor]:
        """(N, 3, H, W) RGB in [0, 1] -> {layer: (N, n_C, n_H, n_W)}; nothing past the last of `layers` is computed.

        `dtype` is that of the convolutions and of what is returned. The weights are converted once: autocast would
        do it in every call, which is a sixth of a step at 128 px.
        """
        check_layers(layers)
        if min(images.shape[2:]) < MIN_SIDE:
            raise InvalidImage(f"an image for style transfer needs at least {MIN_SIDE} pixels on each side")
        activations: dict[str, Tensor] = {}
        a = self.preprocess(images).to(dtype, memory_format=torch.channels_last)
        before = ""
        for name, module in zip(MODULES, self._in(dtype), strict=True):
            if len(activations) == len(set(layers)):
                break
            match module:
                case nn.ReLU():
                    a = F.relu(a, inplace=before not in layers)  # in place it would overwrite the conv layer before it
                case nn.MaxPool2d() if pooling is Pooling.AVERAGE:
                    a = F.avg_pool2d(a, kernel_size=2, stride=2)
                case _:
                    a = module(a)
            before = name
            if name in layers:
                activations[name] = a
        return activations

    def _in(self, dtype: torch.dtype) -> nn.Sequential:
        if dtype is torch.float32:
            return self.features
        place = dtype, self.mean.device
        if place not in self._copies:
            self._copies[place] = deepcopy(self.features).to(dtype)
        return self._copies[place]

    def preprocess(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1] -> BGR in 0..255 minus the mean, which is what the weights were trained with."""
        return images.flip(1) * 255.0 - self.mean
