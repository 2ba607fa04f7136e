"""What a job will take: by its parts, and against the peak of a real process."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from shared.ml.style.memory import LARGEST, RESIDENT, TILE, fast_bytes, fine_bytes, largest_side
from shared.ml.style.options import FineOptions, Optimiser

GIB = 1 << 30


def test_4k_in_tiles_fits_in_8_gib() -> None:
    assert fine_bytes(3840, 2160, tile=TILE) < 8 * GIB < fine_bytes(3840, 2160)


def test_without_tiles_the_memory_grows_with_the_pixels() -> None:
    assert fine_bytes(1024, 512) - RESIDENT == 2 * (fine_bytes(512, 512) - RESIDENT)


def test_with_tiles_it_grows_by_the_pictures_alone() -> None:
    assert fine_bytes(4096, 2048, tile=512) - fine_bytes(2048, 2048, tile=512) < 0.2 * fine_bytes(2048, 2048)


def test_a_tile_as_large_as_the_picture_is_no_tile() -> None:
    assert fine_bytes(500, 400, tile=512) == fine_bytes(500, 400)


def test_width_and_height_count_alike() -> None:
    assert fine_bytes(300, 700, tile=256) == fine_bytes(700, 300, tile=256)


def test_lbfgs_remembers_more_than_adam() -> None:
    adam = FineOptions(optimiser=Optimiser.ADAM)
    assert fine_bytes(512, 512, options=adam) < fine_bytes(512, 512)


def test_a_shallow_content_layer_keeps_more() -> None:
    assert fine_bytes(512, 512, options=FineOptions(content_layers={"relu1_1": 1.0})) > fine_bytes(512, 512)


def test_masks_take_room() -> None:
    assert fine_bytes(512, 512, masks=1) < fine_bytes(512, 512, masks=3)


def test_only_a_much_larger_style_takes_more_than_the_content() -> None:
    assert fine_bytes(512, 512, styles=[(512, 512)]) == fine_bytes(512, 512)
    assert fine_bytes(512, 512, styles=[(2048, 2048)]) > fine_bytes(512, 512)


def test_one_pass_takes_less_than_many_steps() -> None:
    assert fast_bytes(1024, 1024) < fine_bytes(1024, 1024)


@pytest.mark.parametrize(
    "cost", [fine_bytes, partial(fine_bytes, tile=TILE), fast_bytes], ids=["fine", "tiled", "fast"]
)
@pytest.mark.parametrize(("width", "height"), [(4, 3), (900, 1600)])
def test_the_largest_side_is_the_last_that_fits(cost: partial[int], width: int, height: int) -> None:
    budget = 3 * GIB
    side = largest_side(width, height, budget, cost)
    sizes = [(round(width * s / max(width, height)), round(height * s / max(width, height))) for s in (side, side + 20)]
    assert cost(*sizes[0]) <= budget < cost(*sizes[1])


def test_nothing_fits_in_less_than_the_networks_take() -> None:
    assert largest_side(1, 1, RESIDENT, fast_bytes) == 0


def test_there_is_an_end_to_what_is_looked_for() -> None:
    assert largest_side(1, 1, 1 << 60, fast_bytes) == LARGEST


def test_the_estimate_is_torch_free() -> None:
    program = "import sys, shared.ml.style.memory; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


PROGRAM = """
import sys, torch
torch.set_num_threads(1)
from pathlib import Path
from shared.ml import weights
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation, StyleImage
from shared.ml.style.options import FineOptions
side, tile = int(sys.argv[1]), int(sys.argv[2]) or None
picture = torch.rand(1, 3, side, side)
features = Vgg16Features(weights.load(weights.VGG16, Path(sys.argv[3])))
next(iter(Optimisation(features, picture, [StyleImage(picture)], FineOptions(steps=1), tile=tile)))
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize(("side", "tile"), [(192, 0), (320, 128)])
def test_a_process_stays_below_the_estimate_and_not_far(weights_dir: Path, side: int, tile: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(side), str(tile), str(weights_dir)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, estimate = int(done.stdout) << 10, fine_bytes(side, side, tile=tile or None)
    assert peak <= estimate <= 1.5 * peak
