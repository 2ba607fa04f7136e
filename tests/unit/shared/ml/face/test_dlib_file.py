import struct
from pathlib import Path

import numpy as np
import pytest

from shared.ml.face.dlib_file import Layer, read


def integer(value: int) -> bytes:
    """As dlib writes it: a control byte, then the magnitude."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def integers(*values: int) -> bytes:
    return b"".join(map(integer, values))


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def number(value: float) -> bytes:
    """A multiple of 1/16."""
    return integers(int(value * 16), -4)


def tensor(*values: float) -> bytes:
    return integers(2, len(values), 1, 1, 1) + struct.pack(f"<{len(values)}f", *values)


EMPTY = integers(2, 0, 0, 0, 0)
FIRST_ENDS = b"110" + EMPTY * 3 + integer(1)
LATER_ENDS = b"110" + EMPTY * 3
HEAD = integer(1) + text("loss_metric_2") + number(0.0625) + number(0.625)
INPUT = text("input_rgb_image_sized") + number(122.5) + number(-3.0) + number(0.0) + integers(150, 150)
AFFINE = text("affine_") + tensor(2, 3, -1, 0.5) + integers(1, 1, 2, 1, 1) + integers(1, 1, 2, 1, 1) + integer(0)
FC = (
    text("fc_2")
    + integers(1, 2)
    + tensor(5, 7)
    + integers(1, 2, 1, 1, 1)
    + integers(1, 0, 0, 0, 0)
    + integer(1)
    + number(1.0) * 4
)
# from the output down: fc, a skip, relu, a tag, affine
NETWORK = HEAD + integers(2, 1, 2, 1, 3) + INPUT + AFFINE + FIRST_ENDS + text("relu_") + LATER_ENDS + FC + LATER_ENDS


def layers(content: bytes, folder: Path) -> list[Layer]:
    path = folder / "network.dat"
    path.write_bytes(content)
    return read(path)


def test_layers_come_from_the_input_to_the_output_and_tags_are_none(tmp_path: Path) -> None:
    affine, relu, fc = layers(NETWORK, tmp_path)
    assert [affine.kind, relu.kind, fc.kind] == ["affine_", "relu_", "fc_2"]
    factors, offsets = affine.parameters
    np.testing.assert_array_equal(factors.reshape(-1), [2, 3])
    np.testing.assert_array_equal(offsets.reshape(-1), [-1, 0.5])
    assert relu.parameters == ()
    (weights,) = fc.parameters
    np.testing.assert_array_equal(weights, np.array([5, 7], np.float32).reshape(2, 1, 1, 1))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no network"),
        (b"\x00" * 40, "no integer at byte 0"),
        (b"PK\x03\x04 a wheel", "no integer"),
        (integer(2) + NETWORK[2:], "version is 2, not 1"),
        (NETWORK.replace(b"loss_metric_2", b"loss_metric_3"), "'loss_metric_3', not 'loss_metric_2'"),
        (NETWORK.replace(b"relu_", b"gelu_"), "kind 'gelu_' is not known"),
        (HEAD + integers(2, 7), "version 7"),
        (NETWORK.replace(tensor(5, 7), tensor(5, 7, 9)), "3 parameters do not fill"),
        (NETWORK[:-1], "the file ends within a value"),
        (NETWORK + b"?", "1 bytes too many"),
    ],
)
def test_what_is_no_such_network_is_refused(content: bytes, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=complaint):
        layers(content, tmp_path)
