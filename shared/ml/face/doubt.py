"""SFace with a second answer: how much its embedding is to be doubted, read off halfway through the network.

Photos that were spoilt alike resemble each other, whoever they show (noise, JPEG blocks, halftone, screens, mosaics,
filters, blur), and the embedding does not tell. The maps before it do: what a spoilt photo sets off there no good photo
does. A linear probe (Alain, Bengio, arXiv:1610.01644) of the means of the last map of 14 x 14 says how likely the photo
has kept less than 0.8 of its embedding, as a cosine, or has drawn nearer to photos of others that were spoilt alike. It
knows no kind of spoiling and costs nothing.

The length of the vector before it is made a unit says something too (Meng et al., "MagFace", arXiv:2103.06627), but of
photos that keep less than 0.75 it lets half through where the probe lets one in fifteen (decision 28).
"""

import json
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from shared.ml.face.sface import EMBEDDING_SIZE, SFace

DEPTH = 23  # of SFace's 27 layers; the next one halves the map
CHANNELS = 512
_PROBE = Path(__file__).with_name("doubt.json")


class DoubtingSFace(nn.Module):
    """(N, 3, 112, 112) RGB in [0, 255] -> (N, 129) float32: embeddings, not normalised, and the log odds of doubt."""

    def __init__(self, network: SFace) -> None:
        super().__init__()
        self._network = network
        self._probe = nn.Linear(CHANNELS, 1)
        self._probe.load_state_dict(_fitted())

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        middle = halfway(self._network, pixels)
        # a sum of 512 terms: not in half precision, whatever the network computes in
        doubt = functional.linear(means(middle), self._probe.weight.float(), self._probe.bias.float())
        vectors = self._network.embedded(self._network.features[DEPTH:](middle))
        return torch.cat([vectors.float(), doubt], dim=1)


def halfway(network: SFace, pixels: torch.Tensor) -> torch.Tensor:
    """-> (N, 512, 14, 14)."""
    found: torch.Tensor = network.features[:DEPTH](network.scaled(pixels))
    return found


def means(middle: torch.Tensor) -> torch.Tensor:
    """-> (N, 512) float32: what the probe looks at."""
    return middle.float().mean(dim=(2, 3))


def split(raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What DoubtingSFace gives -> (N, 128) and (N,)."""
    return raw[:, :EMBEDDING_SIZE], raw[:, EMBEDDING_SIZE]


@cache
def _fitted() -> dict[str, torch.Tensor]:
    """Made by tests/accuracy/reliability_fit.py."""
    found = json.loads(_PROBE.read_text())
    return {"weight": torch.tensor([found["weights"]]), "bias": torch.tensor([found["bias"]])}
