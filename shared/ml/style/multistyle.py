"""The 26 looks of one network, each a row of its normalisations' tables (Dumoulin et al., arXiv:1610.07629)."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from shared.ml.device import inference_dtype
from shared.ml.style.fast import OnePass, mix
from shared.ml.style.looks import LOOKS, Look
from shared.ml.style.transformer import StyleTransformer
from shared.ml.weights import MULTISTYLE, Supply, load


class LookStyliser(OnePass):
    """Looks by name, mixed at will. A style vector has a number per look, its share.

    The network has no way to see a picture's own style, so `strength` only mixes the result with the photo.
    """

    name = MULTISTYLE.name
    digest = MULTISTYLE.digest

    @classmethod
    def from_weights(
        cls, device: torch.device, *, cache_dir: Path | None = None, supply: Supply | None = None
    ) -> "LookStyliser":
        """With the published weights, fetched and converted where they are not yet in the cache."""
        state = load(MULTISTYLE, cache_dir, supply=supply)
        return cls(StyleTransformer(state, dtype=inference_dtype(device)), device)

    def style_vector(self, looks: Mapping[Look, float]) -> Tensor:
        """Looks and their weights, of any sum, -> (1, 26): a linear map of gamma and beta (their section 3.5).

        Raises:
            InvalidField: a weight is negative or no number, or all are zero.
        """
        rows = torch.eye(len(LOOKS))
        return mix([rows[look.index : look.index + 1] for look in looks], list(looks.values()))
