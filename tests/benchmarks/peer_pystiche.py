"""pystiche in a process of its own, told what to do by lines of JSON: `python -m tests.benchmarks.peer_pystiche`.

It shares our torch, finds its own package on PYTHONPATH, and answers every line with one. What it is told:

    {"do": "start", "content": FILE, "style": FILE, "device": NAME, "content_layers": {layer: score weight},
     "style_layers": {...}}           -> {}                 a new picture, from the content
    {"do": "cost", "picture": FILE}   -> {"cost": ...}      its own figure for any picture
    {"do": "step"}                    -> {}                 one step of its own loop: one evaluation
    {"do": "picture", "file": FILE}   -> {}                 write the picture as it is

Pictures are .npy files, (1, 3, H, W) float32 RGB in [0, 1].
"""

import importlib
import json
import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.ml import weights
from shared.ml.torchvision_guard import models

# Of torchvision 0.8 to 0.12, which pystiche 1.0.1 was written for; it needs the names to be there when it is imported.
for architecture, name in (("alexnet", "alexnet"), ("vgg", "vgg16")):
    importlib.import_module(f"{models.__name__}.{architecture}").model_urls = {name: ""}  # type: ignore[attr-defined]

from pystiche import enc, loss, optim  # noqa: E402  only with those names

MEAN_RGB = (123.68 / 255, 116.779 / 255, 103.939 / 255)  # of the weights; pystiche rounds to three digits


class Peer:
    """Neural style transfer as in pystiche's examples, with our weights."""

    def __init__(self) -> None:
        encoder = enc.vgg16_multi_layer_encoder(pretrained=False, framework="caffe")
        encoder.load_state_dict(weights.load(weights.VGG16), framework="caffe")
        next(encoder.preprocessing.children()).mean = MEAN_RGB
        self._encoder = encoder.requires_grad_(False)

    def start(self, *, content: str, style: str, device: str, **score_weights: dict[str, float]) -> dict[str, float]:
        encoder = self._encoder.to(device)
        encoder.clear_cache()
        content_layers, style_layers = score_weights["content_layers"], score_weights["style_layers"]
        self._criterion = loss.PerceptualLoss(
            _losses(encoder, content_layers, loss.FeatureReconstructionLoss),
            _losses(encoder, style_layers, loss.GramLoss),
        ).to(device)
        self._device = device
        self._criterion.set_content_image(self._read(content))
        self._criterion.set_style_image(self._read(style))
        self._picture = self._read(content).clone()
        self._optimiser = optim.default_image_optimizer(self._picture)
        return {}

    def cost(self, *, picture: str) -> dict[str, float]:
        with torch.no_grad():
            return {"cost": float(self._criterion(self._read(picture)))}

    def step(self) -> dict[str, float]:
        optim.image_optimization(self._picture, self._criterion, self._optimiser, num_steps=1, quiet=True)
        if self._picture.is_cuda:
            torch.cuda.synchronize()
        return {}

    def picture(self, *, file: str) -> dict[str, float]:
        np.save(file, self._picture.detach().cpu().numpy())
        return {}

    def _read(self, file: str) -> Tensor:
        return torch.from_numpy(np.load(file)).to(self._device)


def _losses(encoder: Any, layers: dict[str, float], kind: Any) -> Any:
    return loss.MultiLayerEncodingLoss(
        encoder,
        list(layers),
        lambda layer_encoder, weight: kind(layer_encoder, score_weight=weight),
        layer_weights=list(layers.values()),
    )


def main() -> None:
    peer = Peer()
    for line in sys.stdin:
        told = json.loads(line)
        answer = getattr(peer, told.pop("do"))(**told)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
