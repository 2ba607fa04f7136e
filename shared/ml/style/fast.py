"""Fast stylisation: any style in one forward pass (Ghiasi et al., arXiv:1705.06830; networks in magenta.py)."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from shared.errors import InvalidImage
from shared.ml.style.magenta import SIZE_MULTIPLE, StylePredictor, StyleTransformer
from shared.ml.style.pixels import resize
from shared.ml.weights import MAGENTA_PREDICT, MAGENTA_TRANSFORM, Supply, load

STYLE_SIDE = 256  # px: what the predictor was trained with
MIN_SIDE = 5  # px: the first convolution mirrors four pixels beyond each border


class FastStyliser:
    """Both networks on one device, float32: they cost little, and their normalisations need the range.

    `name` and `digest` are the models' identity.
    """

    name = "magenta-arbitrary-image-stylization"
    digest = f"{MAGENTA_PREDICT.digest[:8]}{MAGENTA_TRANSFORM.digest[:8]}"

    def __init__(self, predictor: StylePredictor, transformer: StyleTransformer, *, device: torch.device) -> None:
        self.device = device
        self._predictor = predictor.eval().requires_grad_(False).to(device)
        self._transformer = transformer.eval().requires_grad_(False).to(device)

    @classmethod
    def from_weights(
        cls, device: torch.device, *, cache_dir: Path | None = None, supply: Supply | None = None
    ) -> "FastStyliser":
        """With the published weights, fetched and converted where they are not yet in the cache."""
        predictor, transformer = StylePredictor(), StyleTransformer()
        predictor.load_state_dict(load(MAGENTA_PREDICT, cache_dir, supply=supply))
        transformer.load_state_dict(load(MAGENTA_TRANSFORM, cache_dir, supply=supply))
        return cls(predictor, transformer, device=device)

    def style_vector(self, style: Tensor) -> Tensor:
        """What a picture (1, 3, h, w) in [0, 1] looks like, in (1, 100) numbers; reusable for any content.

        The picture is brought to a square of 256 px as in training, so its aspect ratio does not count.
        """
        return self._predictor(resize(style.to(self.device), STYLE_SIDE, STYLE_SIDE))  # type: ignore[no-any-return]

    def blend(self, content: Tensor, vector: Tensor, strength: float) -> Tensor:
        """A style vector between the content's own look (strength 0) and the style's (1), section 4.3 of the paper."""
        if strength == 1:
            return vector
        return torch.lerp(self.style_vector(content), vector.to(self.device), strength)

    def forward(self, content: Tensor, vector: Tensor) -> Tensor:
        """Contents (N, 3, H, W) RGB in [0, 1] of any size, vectors (N, 100) -> (N, 3, H, W) in [0, 1].

        The network halves the image twice: it is padded to a multiple of four at the right and bottom, and
        cropped again.

        Raises:
            InvalidImage: a side is below 5 px.
        """
        height, width = content.shape[2:]
        if min(height, width) < MIN_SIDE:
            raise InvalidImage(f"an image for style transfer needs at least {MIN_SIDE} pixels on each side")
        padding = (0, -width % SIZE_MULTIPLE, 0, -height % SIZE_MULTIPLE)
        padded = F.pad(content.to(self.device), padding, mode="replicate")
        painted: Tensor = self._transformer(padded, vector.to(self.device))
        return painted[..., :height, :width]

    def stylise(self, content: Tensor, vector: Tensor, *, strength: float = 1.0) -> Tensor:
        """One picture from start to end, without gradients; the result is on the CPU."""
        with torch.inference_mode():
            return self.forward(content, self.blend(content, vector, strength)).cpu()
