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


def content_cost(content: Tensor, generated: Tensor) -> Tensor:
    """Equation 1: two (N, n_C, n_H, n_W) of one shape -> a scalar. A sum over positions: it grows with the image."""
    return 0.5 * (content.float() - generated.float()).square().sum()


def layer_style_cost(style_gram: Tensor, generated: Tensor) -> Tensor:
    """Equation 4, from the style's `mean_gram_matrix` (N, n_C, n_C) and activations (N, n_C, n_H, n_W) -> a scalar."""
    n_c = generated.shape[1]
    return (style_gram - mean_gram_matrix(generated)).square().sum() / (2 * n_c) ** 2


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
