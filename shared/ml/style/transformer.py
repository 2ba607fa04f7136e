"""The style transfer network T(c, S) of one-pass stylisation, for any size.

Vincent Dumoulin, Jonathon Shlens, Manjunath Kudlur: A learned representation for artistic style (arXiv:1610.07629),
table 1: three convolutions that halve the picture twice, residual blocks, three convolutions that double it twice. A
style S enters only through the conditional instance normalisation of the layers (their equation 5),
z' = gamma_S (z - mu) / sigma + beta_S, where gamma_S and beta_S are linear in S.

Where the code differs, the numbers do not:
- The first and the last convolution (9x9 with 3 channels on one side, at full size) leave most of a processor's lanes
  empty, and a 3x3 convolution after a nearest-neighbour doubling reads each pixel up to four times. They are rewritten
  once, when the weights are loaded, to work at half the size (phases.py).
- A convolution can be computed in strips of rows. Its output is whole before it is normalised, so that mu and sigma
  are those of the whole picture, and strips leave no seams.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import assert_never, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.ml.style import phases

SIZE_MULTIPLE = 4  # T halves the image twice and doubles it twice

_SUMMED = 4  # rows at a time in float64
_EPSILON = 1e-5  # of the instance normalisation, as in the published graphs


class _Kind(Enum):
    """A convolution in the published network: here."""

    FULL = auto()  # 9x9 at full size: 5x5 from phases to phases
    HALVING_PHASES = auto()  # 3x3, stride 2: 2x2 from phases
    HALVING = auto()  # 3x3, stride 2: as it is
    SAME = auto()  # 3x3: as it is
    DOUBLING = auto()  # a doubling and 3x3: 3x3 to phases


_BORDERS = {_Kind.FULL: (2, 2), _Kind.HALVING_PHASES: (1, 0)}  # positions read before and after; (1, 1) for the rest


class _Convolution(nn.Module):
    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, kind: _Kind, dtype: torch.dtype) -> None:
        super().__init__()
        self._kind = kind
        self.stride = 2 if kind is _Kind.HALVING else 1
        rewritten = _rewritten(weight, kind).to(dtype)
        self.register_buffer("weight", rewritten.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", None if bias is None else bias.repeat_interleave(_phases(kind)).to(dtype))

    def forward(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Rows start..stop of the output, from the rows of `x` that they need."""
        height = x.shape[2]
        before, after = _BORDERS.get(self._kind, (1, 1))
        first = start * self.stride - before
        last = (stop - 1) * self.stride + after
        right = 0 if self.stride == 2 else after  # a stride of 2 ends one short of an even side
        edges = (before, right, max(-first, 0), max(last + 1 - height, 0))
        strip = _bordered(x[:, :, max(first, 0) : last + 1], edges, self._kind)
        return F.conv2d(strip, self.weight, self.bias, stride=self.stride)


class _Normalisation(nn.Module):
    """Conditional instance normalisation of C channels, each with its phases: (N, C * phases, H, W)."""

    scale_weight: Tensor  # of gamma
    scale_bias: Tensor | None
    offset_weight: Tensor  # of beta
    offset_bias: Tensor | None

    def __init__(self, state: Mapping[str, Tensor], name: str, phases_each: int) -> None:
        super().__init__()
        self._phases = phases_each
        for part in ("scale", "offset"):
            self.register_buffer(f"{part}_weight", state[f"{name}.{part}.weight"].flatten(1))
            self.register_buffer(f"{part}_bias", state.get(f"{name}.{part}.bias"))

    def forward(self, y: Tensor, styles: Tensor) -> Tensor:
        """As group normalisation, with a group per channel; one picture at a time, for each may have its own style."""
        scale, offset = self._affine(styles)
        if y.is_cuda:  # its kernel takes one type, the CPU's keeps these in float32
            scale, offset = scale.to(y.dtype), offset.to(y.dtype)
        groups = scale.shape[1] // self._phases
        parts = [F.group_norm(y[i : i + 1], groups, scale[i], offset[i], _EPSILON) for i in range(len(y))]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def in_place(self, y: Tensor, styles: Tensor, strips: Sequence[slice]) -> None:
        """The same without a second tensor of that size."""
        scale, offset = self._affine(styles)
        sums = torch.stack(
            [self._sums(few) for rows in strips for few in torch.split(y[:, :, rows], _SUMMED, dim=2)]
        ).sum(0)
        mean, square = (sums / (self._phases * y.shape[2] * y.shape[3])).repeat_interleave(self._phases, dim=2)
        factor = scale / (square - mean.square() + _EPSILON).sqrt()
        shift = offset - mean * factor
        for rows in strips:
            y[:, :, rows] = torch.addcmul(_planes(shift), y[:, :, rows].float(), _planes(factor))

    def _affine(self, styles: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma and beta, (N, C * phases) each."""
        scale = F.linear(styles, self.scale_weight, self.scale_bias)
        offset = F.linear(styles, self.offset_weight, self.offset_bias)
        return scale.repeat_interleave(self._phases, dim=1), offset.repeat_interleave(self._phases, dim=1)

    def _sums(self, strip: Tensor) -> Tensor:
        """Of each channel's numbers and of their squares: (2, N, C) float64, in which their difference is safe."""
        numbers = strip.permute(0, 2, 3, 1).flatten(1, 2).double()  # (N, H W, C * phases)
        sums = torch.stack([numbers.sum(1), numbers.square().sum(1)])
        return sums.view(2, len(strip), -1, self._phases).sum(3)


class _Layer(nn.Module):
    """A convolution, its normalisation if it has one, and the rectifier after it unless told otherwise."""

    def __init__(
        self, state: Mapping[str, Tensor], name: str, kind: _Kind, *, dtype: torch.dtype, rectified: bool
    ) -> None:
        super().__init__()
        styled = f"{name}.scale.weight" in state
        weight = state[f"{name}.convolution.weight" if styled else f"{name}.weight"]
        bias = None if styled else state[f"{name}.bias"]
        self.convolution = _Convolution(weight, bias, kind, dtype)
        self.normalisation = _Normalisation(state, name, _phases(kind)) if styled else None
        self._rectified = rectified

    def forward(self, x: Tensor, styles: Tensor, rows: int | None) -> Tensor:
        """Activations (N, C, H, W), styles (N, D) float32 -> (N, C', H', W'); `rows` of the output at a time."""
        height = x.shape[2] // self.convolution.stride
        if rows is not None:
            return self._in_strips(x, styles, [slice(i, min(i + rows, height)) for i in range(0, height, rows)])
        y = self.convolution(x, 0, height)
        if self.normalisation is not None:
            y = self.normalisation(y, styles)
        return F.relu(y) if self._rectified else y

    def _in_strips(self, x: Tensor, styles: Tensor, strips: Sequence[slice]) -> Tensor:
        """The same with nothing larger than one tensor of the output's size; without gradients."""
        size = (len(x), len(self.convolution.weight), strips[-1].stop, x.shape[3] // self.convolution.stride)
        y = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        for rows in strips:
            y[:, :, rows] = self.convolution(x, rows.start, rows.stop)
        if self.normalisation is not None:
            self.normalisation.in_place(y, styles, strips)
        return y.relu_() if self._rectified else y


class StyleTransformer(nn.Module):
    """T: contents (N, 3, H, W) RGB in [0, 1], sides multiples of 4, and styles (N, D) -> (N, 3, H, W) in [0, 1].

    `state` holds the published weights as shared.ml.style.conversion names them, and tells the architecture: how
    many residual blocks there are, and whether the contraction is normalised. Convolutions compute in `dtype`, the
    statistics of the normalisations always in float32 or better.
    """

    def __init__(self, state: Mapping[str, Tensor], *, dtype: torch.dtype) -> None:
        super().__init__()

        def layers(part: str, *kinds: _Kind, rectified: Sequence[bool]) -> nn.ModuleList:
            return nn.ModuleList(
                _Layer(state, f"{part}.{i}", kind, dtype=dtype, rectified=rectified[i]) for i, kind in enumerate(kinds)
            )

        self._dtype = dtype
        contracting = (_Kind.FULL, _Kind.HALVING_PHASES, _Kind.HALVING)
        self.contract = layers("contract", *contracting, rectified=(True, True, True))
        blocks = len({name.split(".")[1] for name in state if name.startswith("residual.")})
        self.residual = nn.ModuleList(
            layers(f"residual.{i}", _Kind.SAME, _Kind.SAME, rectified=(True, False)) for i in range(blocks)
        )
        expanding = (_Kind.DOUBLING, _Kind.DOUBLING, _Kind.FULL)
        self.expand = layers("expand", *expanding, rectified=(True, True, False))

    def forward(self, contents: Tensor, styles: Tensor, *, rows: int | None = None) -> Tensor:
        """`rows`: each convolution is computed in strips of that many rows of its output; None: in one piece."""
        x = F.pixel_unshuffle(contents.to(self._dtype).contiguous(memory_format=torch.channels_last), 2)
        for layer in self.contract:
            x = layer(x, styles, rows)
        for block in self.residual:
            first, second = cast(nn.ModuleList, block)
            x = x + second(first(x, styles, rows), styles, rows)
        wide, narrow, last = self.expand
        x = narrow(F.pixel_shuffle(wide(x, styles, rows), 2), styles, rows)
        return torch.sigmoid(F.pixel_shuffle(last(x, styles, rows), 2).float())


def _phases(kind: _Kind) -> int:
    """How many numbers of the output stand for one channel at one position."""
    return 4 if kind in (_Kind.FULL, _Kind.DOUBLING) else 1


def _planes(per_channel: Tensor) -> Tensor:
    """Numbers (N, C) as (N, C, 1, 1) float32."""
    return per_channel[..., None, None].float()


def _rewritten(weight: Tensor, kind: _Kind) -> Tensor:
    match kind:
        case _Kind.FULL:
            return phases.keeping_size(weight)
        case _Kind.HALVING_PHASES:
            return phases.halving(weight)
        case _Kind.DOUBLING:
            return phases.doubling(weight)
        case _Kind.HALVING | _Kind.SAME:
            return weight
        case _:
            assert_never(kind)


def _bordered(x: Tensor, edges: tuple[int, int, int, int], kind: _Kind) -> Tensor:
    """`x` and as many positions to its left, right, top and bottom as `edges` says, of the mirrored picture.

    Where a position stands for two pixels, mirroring the picture by one pixel repeats the border.
    """
    match kind:
        case _Kind.FULL:
            left, right, top, bottom = edges
            return phases.mirrored(phases.mirrored(x, top, bottom, dim=2), left, right, dim=3)
        case _Kind.HALVING_PHASES | _Kind.DOUBLING:
            return F.pad(x, edges, mode="replicate")
        case _Kind.HALVING | _Kind.SAME:
            return F.pad(x, edges, mode="reflect")
        case _:
            assert_never(kind)
