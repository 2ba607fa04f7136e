import numpy as np
import torch
from torch import nn

from shared.ml.face.branch import Branch


class Corner(nn.Module):
    """(N, 3, H, W) -> the first two pixels of the first row in the first colour."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(pixels))
        return pixels[:, 0, 0, :2].float()


def crops(*rows: tuple[int, int]) -> list[np.ndarray]:
    faces = []
    for row in rows:
        face = np.zeros((4, 2, 3), dtype=np.uint8)
        face[0, :, 0] = row
        faces.append(face)
    return faces


def run(branch: Branch, *rows: tuple[int, int]) -> list[list[float]]:
    result: list[list[float]] = branch.forward(branch.prepare(crops(*rows))).tolist()
    return result


def test_a_branch_gives_what_its_network_gives() -> None:
    assert run(Branch(Corner(), torch.device("cpu")), (3, 4), (0, 9)) == [[3, 4], [0, 9]]


def test_a_mirrored_branch_adds_the_unit_vectors_of_both_views() -> None:
    branch = Branch(Corner(), torch.device("cpu"), mirrored=True)
    first, second = run(branch, (3, 4), (0, 9))
    np.testing.assert_allclose(first, [1.4, 1.4], rtol=1e-6)  # (0.6, 0.8) + (0.8, 0.6)
    np.testing.assert_allclose(second, [1, 1], rtol=1e-6)


def test_what_stands_beside_a_vector_is_averaged() -> None:
    branch = Branch(Corner(), torch.device("cpu"), mirrored=True, beside=1)
    np.testing.assert_allclose(run(branch, (3, 4), (0, 9)), [[2, 3.5], [1, 4.5]], rtol=1e-6)


def test_on_a_cpu_the_network_never_sees_more_than_eight_at_a_time() -> None:
    for mirrored in (False, True):
        network = Corner()
        rows = [(number, 1) for number in range(19)]
        assert len(run(Branch(network, torch.device("cpu"), mirrored=mirrored), *rows)) == 19
        assert max(network.seen) == 8


def test_pixels_stay_bytes_in_channels_last_order_until_they_reach_the_device() -> None:
    pixels = Branch(Corner(), torch.device("cpu")).prepare(crops((1, 2), (3, 4)))
    assert (pixels.shape, pixels.dtype) == ((2, 3, 4, 2), torch.uint8)
    assert pixels.is_contiguous(memory_format=torch.channels_last)
