"""How good a stylised picture is, in figures: what it kept of the content, and what it took of the style.

- Content cost and Gram cost per layer (Gatys et al., arXiv:1508.06576, equations 1, 4 and 5), on VGG-16 in float32,
  whatever painted the picture. The content cost is divided by the number of positions, as the Gram matrices are:
  pictures of any size compare.
- SSIM of the luminance with the content: Zhou Wang, Alan Bovik, Hamid Sheikh, Eero Simoncelli: Image quality
  assessment: from error visibility to structural similarity (IEEE TIP 13(4), 2004), with their 11 x 11 Gaussian window.
- Colour distance: between the colours of two pictures, wherever they are in them: the sliced Wasserstein distance
  (Julien Rabin, Gabriel Peyré, Julie Delon, Marc Bernot: Wasserstein barycenter and its application to texture mixing,
  2011) in CIE L*a*b*, D65. Doubled: then two flat colours are as far apart as their Delta E*ab (CIE 1976), and
  figures read in its units, where 2.3 is just noticeable.

Sizes: all is measured at the result's. The content is resized to it, and the style so that the longer sides are equal,
which is how fine mode sees a style.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity
from torch import Tensor

from shared.errors import InvalidImage
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.pixels import fit, resize

# A yardstick does not follow the defaults of what it measures. Gatys et al. used these layers, equally weighted.
CONTENT_LAYER = "relu4_2"
STYLE_LAYERS: Mapping[str, float] = {f"relu{block}_1": 0.2 for block in range(1, 6)}

_MOST_DISTORTED = 0.05  # of the aspect ratio: networks round sides to multiples of 4 or 8
_LUMA = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]  # ITU-R BT.601, which Wang et al. take
_DIRECTIONS = 64
_PIXELS = 2**15
_QUANTILES = (np.arange(512) + 0.5) / 512

_Colours = npt.NDArray[np.float64]  # (pixels, 3) L*a*b*


@dataclass(frozen=True)
class StyleQuality:
    """Of one result. Costs and distances are better when smaller."""

    content_cost: float  # per position of CONTENT_LAYER
    gram_costs: Mapping[str, float]  # by layer, unweighted
    style_cost: float  # their weighted sum
    ssim: float  # to the content, luminance, in [-1, 1]; 1 for the same picture
    colour_distance: float  # to the style, in units of Delta E*ab
    colour_distance_to_content: float


def measure(
    features: Vgg16Features,
    content: Tensor,
    style: Tensor,
    result: Tensor,
    *,
    content_layer: str = CONTENT_LAYER,
    style_layers: Mapping[str, float] = STYLE_LAYERS,
) -> StyleQuality:
    """Three (1, 3, H, W) in [0, 1], of any sizes, on the CPU.

    Raises:
        InvalidImage: content and result are not of one shape, or a picture is too small for the network.
        InvalidField: a layer is unknown.
    """
    height, width = result.shape[2:]
    content = resize(_of_one_shape(content, result), height, width)
    style = resize(style, *fit(style.shape[3], style.shape[2], max(height, width)))
    device = features.mean.device
    with torch.inference_mode():
        seen = features(result.to(device), {content_layer, *style_layers})
        wanted = features(content.to(device), [content_layer])[content_layer]
        grams = {name: costs.mean_gram_matrix(a) for name, a in features(style.to(device), list(style_layers)).items()}
        content_cost = costs.content_cost(wanted, seen[content_layer]) / wanted[0, 0].numel()
        gram_costs = {name: costs.layer_style_cost(grams[name], seen[name]).item() for name in style_layers}
    colours = _colours(result)
    return StyleQuality(
        content_cost=content_cost.item(),
        gram_costs=gram_costs,
        style_cost=sum(weight * gram_costs[name] for name, weight in style_layers.items()),
        ssim=ssim(content, result),
        colour_distance=_distance(colours, _colours(style)),
        colour_distance_to_content=_distance(colours, _colours(content)),
    )


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity of the luminance of two (1, 3, H, W) in [0, 1] of one size, at least 11 px a side."""
    first, second = ((image.cpu() * _LUMA).sum(dim=1)[0].double().numpy() for image in (a, b))
    # Wang et al. 2004, section III-C: Gaussian weights of 1.5 px, moments of the population, L = 1
    found = structural_similarity(  # type: ignore[no-untyped-call]
        first, second, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(found)


def colour_distance(a: Tensor, b: Tensor) -> float:
    """Between the colour distributions of two (1, 3, H, W) in [0, 1] of any sizes; see the module's docstring."""
    return _distance(_colours(a), _colours(b))


def _colours(image: Tensor) -> _Colours:
    """Of a regular grid of some ten thousand pixels: what 64 sorts of a million would say, too."""
    step = max(1, round((image[0, 0].numel() / _PIXELS) ** 0.5))
    some = image[0, :, step // 2 :: step, step // 2 :: step]
    found: _Colours = rgb2lab(some.permute(1, 2, 0).cpu().double().numpy()).reshape(-1, 3)
    return found


def _distance(a: _Colours, b: _Colours) -> float:
    axes = _directions(_DIRECTIONS)
    # in one dimension the Wasserstein-1 distance is the mean distance of the quantiles
    gaps = np.abs(_quantiles(a @ axes.T) - _quantiles(b @ axes.T))
    return float(2 * gaps.mean())  # the mean |cos| of a direction in space is 1/2


def _quantiles(projected: _Colours) -> _Colours:
    """(pixels, directions) -> (quantiles, directions)."""
    found: _Colours = np.quantile(projected, _QUANTILES, axis=0)
    return found


def _directions(count: int) -> _Colours:
    """(count, 3) unit vectors, evenly spread over the half sphere by the golden angle."""
    z = 1 - (np.arange(count) + 0.5) / count
    angle = np.arange(count) * np.pi * (3 - 5**0.5)
    around = np.sqrt(1 - z**2)
    return np.stack([around * np.cos(angle), around * np.sin(angle), z], axis=1)


def _of_one_shape(content: Tensor, result: Tensor) -> Tensor:
    (h, w), (height, width) = content.shape[2:], result.shape[2:]
    rounding = 2 / min(height, width)  # sides are whole pixels
    if abs(w * height / (h * width) - 1) > _MOST_DISTORTED + rounding:
        raise InvalidImage(
            f"The result is {width} × {height} px and its content {w} × {h} px: they are not of one shape, so "
            "they are no pair, or the result was cropped."
        )
    return content
