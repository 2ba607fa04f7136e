"""Fast stylisation: any style in one forward pass (Ghiasi et al., arXiv:1705.06830; networks in magenta.py)."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from shared.errors import InvalidField, InvalidImage
from shared.ml.device import inference_dtype
from shared.ml.style.magenta import StylePredictor
from shared.ml.style.pixels import resize
from shared.ml.style.transformer import SIZE_MULTIPLE, StyleTransformer
from shared.ml.weights import MAGENTA_PREDICT, MAGENTA_TRANSFORM, Supply, load

STYLE_SIDE = 256  # px: what the predictor was trained with
MIN_SIDE = 5  # px: the first convolution mirrors four pixels beyond each border


def mix(vectors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """One style between several: vectors (1, D) and as many weights, of any sum, -> (1, D).

    Raises:
        InvalidField: a weight is negative or no number, or all are zero.
    """
    if not all(isfinite(weight) and weight >= 0 for weight in weights) or sum(weights) == 0:
        raise InvalidField(f"Style weights must be numbers of at least 0, not all of them 0; they are {list(weights)}.")
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    return (shares.to(vectors[0])[:, None] * torch.cat(list(vectors))).sum(0, keepdim=True)


class OnePass:
    """A network that paints in one pass, on one device; what both of them can do.

    Its convolutions compute in `shared.ml.device.inference_dtype`, its normalisations' statistics in float32.
    """

    def __init__(self, transformer: StyleTransformer, device: torch.device) -> None:
        self.device = device
        self._transformer = transformer.eval().to(device)

    def forward(self, contents: Tensor, vectors: Tensor, *, tile: int | None = None) -> Tensor:
        """Contents (N, 3, H, W) RGB in [0, 1] of any size, vectors (N or 1, D) -> (N, 3, H, W) float32 in [0, 1].

        The network halves the image twice: it is padded to a multiple of four at the right and bottom, and
        cropped again. With `tile`, convolutions are computed in strips of about that many rows of the picture:
        less memory, and the same picture, since the normalisations see all of it.

        Raises:
            InvalidImage: a side is below 5 px.
        """
        height, width = contents.shape[2:]
        if min(height, width) < MIN_SIDE:
            raise InvalidImage(f"an image for style transfer needs at least {MIN_SIDE} pixels on each side")
        padding = (0, -width % SIZE_MULTIPLE, 0, -height % SIZE_MULTIPLE)
        padded = F.pad(contents.to(self.device), padding, mode="replicate")
        styles = vectors.to(self.device).expand(len(contents), -1)
        painted: Tensor = self._transformer(padded, styles, rows=tile and max(tile // 2, 1))
        return painted[..., :height, :width]

    def blend(self, contents: Tensor, vectors: Tensor, strength: float) -> Tensor:
        """Style vectors nearer to the contents' own, where the network can tell what those are: as they are here."""
        del contents, strength
        return vectors

    def stylise(self, contents: Tensor, vectors: Tensor, *, strength: float = 1.0, tile: int | None = None) -> Tensor:
        """Pictures of one size from start to end, without gradients, on the CPU; with `forward`'s arguments.

        `strength` 0 is the picture as it was, 1 fully painted. Painting with a picture's own style comes near to
        it but not all the way, so the rest is mixed: little at first, since mixed pictures look double.

        Raises:
            InvalidField: the strength is not between 0 and 1.
            InvalidImage: a side is below 5 px.
        """
        if not 0 <= strength <= 1:
            raise InvalidField(f"`strength` must be between 0 and 1, not {strength}.")
        with torch.inference_mode():
            painted = self.forward(contents, self.blend(contents, vectors, strength), tile=tile).cpu()
            share = 1 - (1 - strength) ** 2
            return painted if strength == 1 else torch.lerp(contents.cpu(), painted, share)


class FastStyliser(OnePass):
    """Any picture's style. `name` and `digest` are the models' identity."""

    name = "magenta-arbitrary-image-stylization"
    digest = f"{MAGENTA_PREDICT.digest[:8]}{MAGENTA_TRANSFORM.digest[:8]}"

    def __init__(self, predictor: StylePredictor, transformer: StyleTransformer, *, device: torch.device) -> None:
        super().__init__(transformer, device)
        self._predictor = predictor.eval().requires_grad_(False).to(device)

    @classmethod
    def from_weights(
        cls, device: torch.device, *, cache_dir: Path | None = None, supply: Supply | None = None
    ) -> "FastStyliser":
        """With the published weights, fetched and converted where they are not yet in the cache."""
        predictor = StylePredictor()
        predictor.load_state_dict(load(MAGENTA_PREDICT, cache_dir, supply=supply))
        state = load(MAGENTA_TRANSFORM, cache_dir, supply=supply)
        return cls(predictor, StyleTransformer(state, dtype=inference_dtype(device)), device=device)

    def style_vector(self, styles: Tensor) -> Tensor:
        """What pictures (N, 3, h, w) in [0, 1] look like, in (N, 100) numbers; reusable for any content.

        A picture is brought to a square of 256 px as in training, so its aspect ratio does not count.
        """
        return self._predictor(resize(styles.to(self.device), STYLE_SIDE, STYLE_SIDE))  # type: ignore[no-any-return]

    def blend(self, contents: Tensor, vectors: Tensor, strength: float) -> Tensor:
        """Style vectors between the contents' own looks (strength 0) and the styles' (1), section 4.3 of the paper."""
        if strength == 1:
            return vectors
        return torch.lerp(self.style_vector(contents), vectors.to(self.device), strength)
