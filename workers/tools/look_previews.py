"""`python -m workers.tools.look_previews PHOTO FOLDER`: the library's preview of each look, one photo repainted."""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from shared.ml.style.looks import LOOKS, Look
from shared.ml.style.multistyle import LookStyliser
from shared.ml.style.pixels import to_image, to_tensor

PAINTED_SIDE = 512  # px: smaller, the strokes are too large for a face
SIDE = 256  # px
MOST_BYTES = 12_000


def write_previews(photo: Image.Image, folder: Path, styliser: LookStyliser, *, looks: Sequence[Look] = LOOKS) -> None:
    """`<look>.jpg` for each look: the upper square of the photo, painted and then shrunk."""
    side = min(photo.size)
    left = (photo.width - side) // 2
    square = photo.convert("RGB").crop((left, 0, left + side, side)).resize((PAINTED_SIDE, PAINTED_SIDE))
    pixels = to_tensor(square)
    folder.mkdir(parents=True, exist_ok=True)
    for look in looks:
        painted = to_image(styliser.stylise(pixels, styliser.style_vector({look: 1})))
        (folder / f"{look.id}.jpg").write_bytes(_jpeg(painted.resize((SIDE, SIDE))))


def _jpeg(image: Image.Image) -> bytes:
    """As good as fits."""
    for quality in range(85, 0, -5):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.tools.look_previews", description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    with Image.open(given.photo) as photo:
        write_previews(photo, given.folder, LookStyliser.from_weights(torch.device("cpu")))


if __name__ == "__main__":
    main()
