"""The library's previews of the looks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared.ml.style.looks import LOOKS, Look, find
from shared.ml.style.multistyle import LookStyliser
from workers.tools.look_previews import MOST_BYTES, SIDE, write_previews

_ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.id)
def test_the_library_has_a_small_preview_of_each_look(look: Look) -> None:
    path = _ROOT / "shared" / "style_library" / "looks" / f"{look.id}.jpg"
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as preview:
        assert (preview.format, preview.size) == ("JPEG", (SIDE, SIDE))


def test_a_preview_shows_the_photo_in_that_look(tmp_path: Path, weights_dir: Path) -> None:
    styliser = LookStyliser.from_weights(torch.device("cpu"), cache_dir=weights_dir)
    looks = (find("look-ember"), find("look-porcelain"))
    with Image.open(_ROOT / "tests" / "data" / "faces" / "hopper.jpg") as photo:
        write_previews(photo, tmp_path, styliser, looks=looks)
    dark, pale = (np.asarray(Image.open(tmp_path / f"{look.id}.jpg")).mean() for look in looks)
    assert pale > dark + 80
