"""One picture to paint in another's style, and a judge of what comes out; the same for everybody who is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from shared.ml import device as devices
from shared.ml import weights
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import FineOptions, Init, Optimiser, Pooling
from shared.ml.style.pixels import fit, resize, to_tensor

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "tests" / "data" / "faces" / "obama-1.jpg"
PAINTING = ROOT / "shared" / "style_library" / "great-wave.jpg"

# Spelled out: the defaults may be tuned while the peer is not.
OBJECTIVE = FineOptions(
    alpha=1.0,
    beta=150.0,
    content_layers={"relu4_2": 1.0},
    style_layers={f"relu{block}_1": 0.2 for block in range(1, 6)},
    tv_weight=0.0,
    pooling=Pooling.MAX,
    init=Init.CONTENT,
    optimiser=Optimiser.LBFGS,
)


@dataclass(frozen=True, eq=False)
class Task:
    """What is painted: (1, 3, H, W) each, on the CPU."""

    features: Vgg16Features
    content: Tensor
    style: Tensor

    @classmethod
    def of(cls, features: Vgg16Features, photo: Path, painting: Path, side: int) -> "Task":
        return cls(features, opened(photo, side), opened(painting, side))

    def judge(self) -> Callable[[Tensor], float]:
        """J of a picture, which is brought to the content's size first."""
        device, layers = self.features.mean.device, OBJECTIVE
        with torch.no_grad():
            wanted = self.features(self.content.to(device), list(layers.content_layers))
            painted = self.features(self.style.to(device), list(layers.style_layers))
        grams = {layer: costs.mean_gram_matrix(a) for layer, a in painted.items()}
        height, width = self.content.shape[2:]

        @torch.no_grad()
        def cost(picture: Tensor) -> float:
            if picture.shape != self.content.shape:
                picture = resize(picture, height, width)
            seen = self.features(picture.to(device), [*layers.content_layers, *layers.style_layers])
            weighted = layers.content_layers.items()
            content = sum(weight * costs.content_cost(wanted[layer], seen[layer]) for layer, weight in weighted)
            style = costs.style_cost(grams, seen, layers.style_layers)
            return float(layers.alpha * content + layers.beta * height * width / 256**2 * style)

        return cost


def load_features() -> Vgg16Features:
    return Vgg16Features(weights.load(weights.VGG16)).to(devices.resolve("auto"))


def opened(file: Path, side: int) -> Tensor:
    """(1, 3, H, W) in [0, 1], its longer side as asked."""
    with Image.open(file) as image:
        pixels = to_tensor(image)
    return resize(pixels, *fit(pixels.shape[3], pixels.shape[2], side))
