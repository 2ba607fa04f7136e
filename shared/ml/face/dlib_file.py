"""The named tensors of a network that dlib serialised (`dlib::serialize`, dlib/serialize.h and dlib/dnn/core.h).

The format describes itself poorly but enough. A network is nested, its outermost layer first: every layer
begins with the version of its own record, and its details follow only after those of all the layers below it.
So the file starts with a run of versions, from the output down to the input, and then tells the layers from the
input up to the output:

    loss: version 1, "loss_metric_2", two floats
    one version for each layer: 2 = computes, 1 = a tag or a skip (without further content), 3 = the first
    the input's record, then one record for each layer that computes: its tag ("con_4"), details and buffers

Integers have a control byte (sign in the highest bit, number of bytes in the low four) and little-endian
bytes; floats are two integers, mantissa and exponent of two; booleans are the characters "0" and "1"; tensors
are a version, four extents and raw little-endian float32.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]

_COMPUTES, _TAG_OR_SKIP, _FIRST = 2, 1, 3  # versions of dlib's add_layer, add_tag_layer and add_skip_layer, add_layer


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer that computes: dlib's tag for its kind, and its parameters, for
    con_: filters (out, in, height, width), biases (1, out, 1, 1); affine_: factors, offsets (1, channels, 1, 1);
    fc_: weights (in, out, 1, 1); the others have none.
    """

    kind: str
    parameters: tuple[Array, ...] = ()


def read(path: Path) -> list[Layer]:
    """The layers from the input to the output. Raises ValueError for what is not such a file."""
    reader = _Reader(path.read_bytes())
    try:
        layers = _network(reader)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no network that dlib serialised: {error}") from error
    if left := len(reader.data) - reader.at:
        raise ValueError(f"{path.name} has {left} bytes too many for the network that it begins with")
    return layers


def _network(reader: "_Reader") -> list[Layer]:
    reader.expect(reader.integer(), 1, "the loss layer's version")
    reader.expect(reader.text(), "loss_metric_2", "the loss")
    reader.floats(2)  # margin and distance threshold of the loss
    versions = [reader.integer()]
    while versions[-1] != _FIRST:
        if versions[-1] not in (_COMPUTES, _TAG_OR_SKIP):
            raise ValueError(f"a layer of version {versions[-1]} is not known")
        versions.append(reader.integer())
    reader.expect(reader.text(), "input_rgb_image_sized", "the input")
    reader.floats(3)  # the mean colour
    reader.integers(2)  # height and width
    layers = []
    for version in reversed(versions):
        if version == _TAG_OR_SKIP:
            continue
        layers.append(_layer(reader))
        reader.booleans(3)  # what was set up, what is stale
        for _ in range(3 if version == _FIRST else 2):
            reader.tensor()  # gradients and outputs of the last training step
        if version == _COMPUTES:
            reader.tensor()
        else:
            reader.integer()
    return layers


def _layer(reader: "_Reader") -> Layer:
    """The tag and the details of one layer; what the network's code knows anyway is read and left."""
    kind = reader.text()
    match kind:
        case "con_4":
            flat = reader.tensor()
            reader.integers(7)  # filters; height, width, stride (y, x) and padding (y, x)
            filters, biases = reader.alias(), reader.alias()
            reader.floats(4)  # multipliers of the learning rates and weight decays
            return Layer(kind, _split(flat, filters, biases))
        case "affine_":
            flat = reader.tensor()
            factors, offsets = reader.alias(), reader.alias()
            reader.integer()  # for convolutions or for a linear layer
            return Layer(kind, _split(flat, factors, offsets))
        case "fc_2":
            reader.integers(2)  # outputs, inputs
            flat = reader.tensor()
            weights = reader.alias()
            reader.alias()  # no biases: of no extent
            reader.integer()  # and the mode that says so
            reader.floats(4)
            return Layer(kind, _split(flat, weights))
        case "max_pool_2" | "avg_pool_2":
            reader.integers(6)  # height, width, stride and padding of the window
        case "relu_" | "add_prev_":
            pass
        case _:
            raise ValueError(f"a layer of kind {kind!r} is not known")
    return Layer(kind)


def _split(flat: Array, *shapes: Shape) -> tuple[Array, ...]:
    """One row of numbers as several tensors, one behind the other."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    if ends[-1] != flat.size:
        raise ValueError(f"{flat.size} parameters do not fill tensors of {shapes}")
    parts = np.split(flat.reshape(-1), ends[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


class _Reader:
    """A position in the bytes of a file, and the values that are read from there."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def integer(self) -> int:
        control = self.data[self.at]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise ValueError(f"no integer at byte {self.at}")
        value = int.from_bytes(self._take(size + 1)[1:], "little")
        return -value if control & 0x80 else value

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def floats(self, count: int) -> list[float]:
        values = []
        for _ in range(count):
            mantissa, exponent = self.integers(2)
            values.append(mantissa * 2.0**exponent)
        return values

    def text(self) -> str:
        return self._take(self.integer()).decode("ascii")

    def booleans(self, count: int) -> list[bool]:
        return [flag == ord("1") for flag in self._take(count)]

    def tensor(self) -> Array:
        self.expect(self.integer(), 2, "a tensor's version")
        shape = self.integers(4)
        size = int(np.prod(shape))
        return np.frombuffer(self._take(4 * size), dtype="<f4").astype(np.float32).reshape(shape)

    def alias(self) -> Shape:
        """The extents of a tensor that lies within another one."""
        self.expect(self.integer(), 1, "an alias tensor's version")
        return tuple(self.integers(4))

    def _take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError(f"the file ends within a value at byte {self.at}")
        self.at += count
        return taken

    @staticmethod
    def expect(found: object, wanted: object, what: str) -> None:
        if found != wanted:
            raise ValueError(f"{what} is {found!r}, not {wanted!r}")
