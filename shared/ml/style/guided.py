"""Which pixels made a unit active: deconvolution and guided backpropagation.

Matthew Zeiler, Rob Fergus: Visualizing and understanding convolutional networks (arXiv:1311.2901), section 2: the way
back through the network, poolings by the places of their maxima, rectifications by rectifying what comes back. Jost
Springenberg et al.: Striving for simplicity: the all convolutional net (arXiv:1412.6806), section 3.4: also keep back
what the rectification stopped on the way there. Convolutions and max-poolings go back as in any gradient, so the two
differ from it, and from each other, in the rectification alone.
"""

from typing import Any, assert_never

import torch
from torch import Tensor, nn

from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import MODULES, Method, check_layers


class _GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, coming: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, coming.clamp(min=0), 0)


class _DeconvnetRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, coming: Tensor) -> Tensor:  # noqa: ARG004
        return coming.clamp(min=0)


def rectify(x: Tensor, method: Method) -> Tensor:
    """max(x, 0), with the method's own way back."""
    match method:
        case Method.GUIDED:
            found: Tensor = _GuidedRelu.apply(x)  # type: ignore[no-untyped-call]
        case Method.DECONVNET:
            found = _DeconvnetRelu.apply(x)  # type: ignore[no-untyped-call]
        case _:
            assert_never(method)
    return found


def backward_image(
    features: Vgg16Features, pixels: Tensor, layer: str, place: tuple[int, int, int], *, method: Method
) -> tuple[float, Tensor]:
    """A unit's activation, and what comes back from it to the pixels.

    Args:
        features: the network.
        pixels: (1, 3, H, W) RGB in [0, 1].
        layer: where the unit is.
        place: its number, row and column in the layer.
        method: how rectifications are passed on the way back.

    Returns:
        The activation, and (3, H, W): of any size, and signed; 0 where a pixel had no part in it.

    Raises:
        InvalidField: the layer is unknown.
    """
    check_layers([layer])
    seen = pixels.to(features.mean.device).detach().requires_grad_(True)
    a = features.preprocess(seen)
    for name, module in zip(MODULES, features.features, strict=True):
        a = rectify(a, method) if isinstance(module, nn.ReLU) else module(a)
        if name == layer:
            break
    unit = a[0][place]
    (coming,) = torch.autograd.grad(unit, seen)
    return unit.item(), coming[0].cpu()
