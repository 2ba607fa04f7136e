"""From the options of an offline style command to the network, and from files to pixels."""

from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from shared import images
from shared.errors import ImageTooLarge
from shared.ml import device as devices
from shared.ml import weights
from shared.ml.style.features import Vgg16Features
from shared.ml.style.pixels import fit, resize, to_tensor
from workers.tools.faces import LIMITS

Device = Annotated[str, typer.Option(envvar=["LIKENESS_DEVICE", "DEVICE"], help="auto | cpu | cuda")]
WeightsDir = Annotated[
    Path | None, typer.Option(envvar="LIKENESS_WEIGHTS_DIR", help="a directory of weight files, tried first")
]


def load_features(device: str, weights_dir: Path | None) -> Vgg16Features:
    supply = weights.Supply(local_dir=weights_dir)
    return Vgg16Features(weights.load(weights.VGG16, supply=supply)).to(devices.resolve(device))


def read_picture(path: Path, long_side: int | None = None) -> Tensor:
    """(1, 3, H, W) in [0, 1], upright, brought to `long_side` if one is given.

    Raises:
        InvalidImage: it is none that can be used.
        OSError: the file cannot be read.
    """
    return picture_of(_bytes(path), long_side)


def picture_of(data: bytes, long_side: int | None = None) -> Tensor:
    pixels = to_tensor(images.decode(data, LIMITS))
    return pixels if long_side is None else resize(pixels, *fit(pixels.shape[3], pixels.shape[2], long_side))


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LIMITS.max_bytes + 1)
    if len(data) > LIMITS.max_bytes:
        raise ImageTooLarge(f"The file has more than {LIMITS.max_bytes:,} bytes.")
    return data
