"""The costs of neural style transfer.

Leon A. Gatys, Alexander S. Ecker, Matthias Bethge: A neural algorithm of artistic style (arXiv:1508.06576). For the
content image C, the style image S, the generated image G and the activations a[l] of layer l:

    J(G) = alpha J_content(C, G) + beta J_style(S, G)
    J_content = 1/2 ||a[l](C) - a[l](G)||^2                                      (their equation 1)
    G_kk' = sum_ij a_ijk a_ijk'                                                  (equation 3)
    J_style[l] = 1 / (2 n_H n_W n_C)^2 ||G[l](S) - G[l](G)||_F^2                 (equation 4)
    J_style = sum_l lambda[l] J_style[l]                                         (equation 5)

Where the code differs: the 1 / (n_H n_W)^2 of equation 4 is taken into the two Gram matrices, each divided by the
number of positions of *its own* image. For images of one size that is the same number. For images of two sizes
equation 4 has no meaning: its Gram matrices are sums over different numbers of positions, and the style of a picture
twice as wide would count as twice as strong. Everything here is float32, whatever the activations are: a Gram matrix
sums thousands of products of numbers in the hundreds, which is more than the 8 bits of bfloat16 can tell apart.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def gram_matrix(activations: Tensor) -> Tensor:
    """Equation 3 by one matrix product, unnormalised: (N, n_C, n_H, n_W) -> (N, n_C, n_C) float32."""
    with torch.autocast(activations.device.type, enabled=False):  # it would round the product to bfloat16
        a = activations.float().flatten(2)  # (N, n_C, n_H n_W)
        return a @ a.mT


def mean_gram_matrix(activations: Tensor) -> Tensor:
    """The Gram matrix per position, G / (n_H n_W): comparable between images of different sizes."""
    return gram_matrix(activations) / activations[0, 0].numel()


def gram_sums(activations: Tensor, weights: Tensor | None = None) -> Tensor:
    """Gram matrices summed with weights: (1, n_C, n_H, n_W) -> (R, n_C, n_C) float32, one per map of `weights`.

    G_r = sum_ij w_rij a_ij a_ij^T with w (R, n_H, n_W) at least 0; None: one map of ones. The sums of the parts of a
    picture add up to that of the whole.
    """
    sums: Tensor = _GramSums.apply(activations, weights)  # type: ignore[no-untyped-call]
    return sums


class _GramSums(torch.autograd.Function):
    """Keeps the activations as they are, half precision included, where autograd would keep float32 copies."""

    @staticmethod
    def forward(ctx: Any, activations: Tensor, weights: Tensor | None) -> Tensor:
        ctx.save_for_backward(activations, weights)
        columns = _positions(activations).float()
        if weights is None:
            return (columns.T @ columns)[None]
        roots = weights.flatten(1).sqrt()[..., None]  # (R, n_H n_W, 1): of both factors, so that the sum is symmetric
        return torch.stack([(weighted := root * columns).T @ weighted for root in roots])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        """dJ/da_ij = sum_r w_rij (D_r + D_r^T) a_ij, where D = dJ/dG.

        In the activations' type: the gradient that goes on from here is rounded to it anyway. Measured at the pixels,
        in bfloat16, this changed the distance to the gradient in float32 from 0.0878 to 0.0879 of its length.
        """
        activations, weights = ctx.saved_tensors
        both = (slopes[0] + slopes[0].mT).to(activations.dtype)
        columns = _positions(activations)
        if weights is None:
            gradient = columns @ both[0]
        else:
            maps = weights.flatten(1)[..., None].to(activations.dtype)  # (R, n_H n_W, 1)
            gradient = torch.zeros_like(columns)
            for weight, slope in zip(maps, both, strict=True):
                gradient += weight * (columns @ slope)
        _, n_c, n_h, n_w = activations.shape
        return gradient.view(1, n_h, n_w, n_c).permute(0, 3, 1, 2), None


def _positions(activations: Tensor) -> Tensor:
    """(1, n_C, n_H, n_W) -> (n_H n_W, n_C), without a copy if the memory is channels_last."""
    return activations[0].permute(1, 2, 0).reshape(-1, activations.shape[1])


def content_cost(content: Tensor, generated: Tensor) -> Tensor:
    """Equation 1: two (N, n_C, n_H, n_W) of one shape -> a scalar. A sum over positions: it grows with the image."""
    return 0.5 * (content.float() - generated.float()).square().sum()


def layer_style_cost(style_gram: Tensor, generated: Tensor) -> Tensor:
    """Equation 4, from the style's `mean_gram_matrix` (N, n_C, n_C) and activations (N, n_C, n_H, n_W) -> a scalar."""
    return gram_distance(style_gram, mean_gram_matrix(generated)).sum()


def gram_distance(target: Tensor, mean_gram: Tensor) -> Tensor:
    """Equation 4 for mean Gram matrices (N, n_C, n_C) -> (N,)."""
    return (target - mean_gram).square().sum((1, 2)) / (2 * target.shape[-1]) ** 2


def style_cost(
    style_grams: Mapping[str, Tensor], generated: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """Equation 5: the layers' style costs, weighted by `weights` (lambda[l] by layer)."""
    costs = [weight * layer_style_cost(style_grams[name], generated[name]) for name, weight in weights.items()]
    return torch.stack(costs).sum()


def total_variation(images: Tensor) -> Tensor:
    """Sum of the squared differences of neighbouring pixels: (N, 3, H, W) -> a scalar.

    Aravindh Mahendran, Andrea Vedaldi (arXiv:1412.0035), section 3.2, with their exponent 2, where it is smooth.
    """
    down = images[..., 1:, :] - images[..., :-1, :]
    right = images[..., :, 1:] - images[..., :, :-1]
    return down.square().sum() + right.square().sum()
