"""Whose colours the picture has: the style's, or the content's by one of three ways.

Leon A. Gatys, Matthias Bethge, Aaron Hertzmann, Eli Shechtman: Preserving color in neural artistic style transfer
(arXiv:1606.05897). Either the style picture is given the content's colours before it is painted with (`before`; their
section 3, "color histogram matching"), or only the luminance is painted and the content's chroma put back (`after`;
section 4, "luminance-only transfer"). All tensors are (N, 3, H, W) float32 RGB in [0, 1]; no statistic needs the two
pictures to have one size.
"""

from typing import assert_never

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.ml.style.options import Colours

Levels = npt.NDArray[np.uint8]

_LUMA = (0.299, 0.587, 0.114)  # Y of YIQ, as in the paper
# Added to the variances of both pictures, (1.1 levels of 8 bits)^2: a flat or grey style has no colours to stretch,
# and its rounding errors must not become any.
_FLAT = 2e-5


def before(style: Tensor, content: Tensor, colours: Colours) -> Tensor:
    """The style picture (1, 3, h, w) to paint `content` (1, 3, H, W) with; of the style's size."""
    match colours:
        case Colours.STYLE:
            return style
        case Colours.LUMINANCE:
            return match_luminance(style, content).expand(-1, 3, -1, -1)
        case Colours.HISTOGRAM:
            return match_histograms(style, content)
        case Colours.CHOLESKY:
            return match_covariance(style, content)
        case _:
            assert_never(colours)


def after(painted: Tensor, content: Tensor, colours: Colours, *, recoloured: bool = True) -> Tensor:
    """What to show of the `painted` picture: both (1, 3, H, W) of one size.

    `recoloured` says whether it was painted with what `before` gave. Where there was no style picture to give the
    content's colours to (a look), the painted picture is given them.
    """
    match colours:
        case Colours.STYLE:
            return painted
        case Colours.LUMINANCE:
            # I and Q of YIQ do not change when one number is added to R, G and B, but where a colour is clipped
            return (content + luminance(painted) - luminance(content)).clamp(0, 1)
        case Colours.HISTOGRAM | Colours.CHOLESKY if recoloured:
            return painted
        case Colours.HISTOGRAM:
            return match_histograms(painted, content)
        case Colours.CHOLESKY:
            return match_covariance(painted, content)
        case _:
            assert_never(colours)


def luminance(pixels: Tensor) -> Tensor:
    """Y of YIQ: (N, 3, H, W) -> (N, 1, H, W)."""
    weights = torch.tensor(_LUMA, device=pixels.device, dtype=pixels.dtype)[:, None, None]
    return (pixels * weights).sum(1, keepdim=True)


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """The style's luminance with the mean and standard deviation of the content's: (1, 1, h, w) in [0, 1].

    L_S' = sigma_C / sigma_S (L_S - mu_S) + mu_C, their equation 10.
    """
    l_s, l_c = luminance(style), luminance(content)
    ratio = ((l_c.var(correction=0) + _FLAT) / (l_s.var(correction=0) + _FLAT)).sqrt()
    return (ratio * (l_s - l_s.mean()) + l_c.mean()).clamp(0, 1)


def match_histograms(pixels: Tensor, reference: Tensor) -> Tensor:
    """Each channel of (1, 3, h, w) with the histogram of that channel of the reference (1, 3, H, W).

    A level stands for the middle of its quantiles. scikit-image's match_histograms takes the upper end, so that a flat
    style becomes the reference's brightest colour.
    """
    matched = [_matched(*pair) for pair in zip(_levels(pixels), _levels(reference), strict=True)]
    found: Tensor = torch.from_numpy(np.stack(matched).astype(np.float32))[None] / 255
    return found.to(pixels.device)


def _matched(levels: Levels, reference: Levels) -> npt.NDArray[np.float64]:
    quantiles, wanted = _quantiles(levels), _quantiles(reference)
    occurring = np.unique(reference)
    return np.asarray(np.interp(quantiles, wanted[occurring], occurring)[levels])


def _quantiles(levels: Levels) -> npt.NDArray[np.float64]:
    """Of each level 0..255, the middle."""
    counts = np.bincount(levels.ravel(), minlength=256)
    return (counts.cumsum() - counts / 2) / levels.size


def match_covariance(pixels: Tensor, reference: Tensor) -> Tensor:
    """(1, 3, h, w) with the mean and covariance of the reference's colours, by a linear map of the colours.

    x' = A (x - mu_S) + mu_C with A = L_C L_S^-1, where L L^T is the Cholesky decomposition of a covariance
    (equations 3 to 5). Clamped to [0, 1].
    """
    mean_s, factor_s = _colour_distribution(pixels)
    mean_c, factor_c = _colour_distribution(reference)
    # A L_S = L_C; float64, since the decomposition of a grey picture is nearly singular
    a = torch.linalg.solve_triangular(factor_s, factor_c, upper=False, left=False)
    offset = mean_c - a @ mean_s
    mapped: Tensor = torch.einsum("ij,njhw->nihw", a.float(), pixels) + offset.float()[:, None, None]
    return mapped.clamp(0, 1)


def _colour_distribution(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and Cholesky factor (3, 3) of the covariance of the colours, float64."""
    colours = pixels[0].flatten(1).double()
    covariance = torch.cov(colours, correction=0) + _FLAT * torch.eye(3, device=pixels.device, dtype=torch.float64)
    return colours.mean(1), torch.linalg.cholesky(covariance)


def _levels(pixels: Tensor) -> Levels:
    """(1, 3, H, W) in [0, 1] -> (3, H, W) of 8 bits, which can be counted."""
    return (pixels[0].detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
