"""`visualise`: what the units of a layer see, or what layers keep of a picture, as a PNG sheet."""

from pathlib import Path
from typing import Annotated

import typer

from shared.errors import InvalidField
from shared.ml.style.features import MIN_SIDE
from shared.ml.style.options import LAYERS, Method, check_layers
from shared.ml.style.picture_files import PictureFile, in_path
from shared.ml.style.reconstruction import STEPS, Kept
from shared.ml.style.sheets import to_png
from shared.ml.style.visualisation import (
    COUNT,
    Picture,
    ReconstructionVisualisation,
    UnitVisualisation,
    Visualised,
)
from workers.tools.console import list_problems, out, progress
from workers.tools.faces import LIMITS
from workers.tools.style_networks import Device, WeightsDir, load_features

UNITS_SIDE = 448  # px: deep layers see up to 196 of them at once
RECONSTRUCTED_SIDE = 224  # px: five optimisations per picture

_Layer = Annotated[str | None, typer.Option(help=f"of VGG-16: {LAYERS[0]}, {LAYERS[1]} … {LAYERS[-1]}")]


def visualise(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    images: Annotated[Path, typer.Option(help="a picture or a directory of pictures")],
    layer: _Layer = None,
    units: Annotated[str | None, typer.Option(help="their numbers, such as 3,17; the most telling by default")] = None,
    count: Annotated[int, typer.Option(min=1, max=60, help="how many units are chosen")] = COUNT,
    method: Annotated[Method, typer.Option(help="how to go back from a unit to the pixels")] = Method.GUIDED,
    reconstruct: Annotated[
        Kept | None, typer.Option(help="instead: what layers keep of the content or the style of a picture")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="of each reconstruction")] = STEPS,
    seed: Annotated[int, typer.Option(min=0, help="of the noise that a reconstruction begins with")] = 0,
    size: Annotated[
        int | None, typer.Option(min=MIN_SIDE, max=4096, help="px: longer pictures are scaled down to it")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="the sheet, a PNG file")] = Path("sheet.png"),
    device: Device = "auto",
    weights_dir: WeightsDir = None,
) -> None:
    """Show what the network sees: the patches that activate units most, or what layers keep of a picture."""
    if (layer is None) == (reconstruct is None):
        raise InvalidField("Name one of --layer (what its units see) and --reconstruct (what layers keep).")
    numbers = None if units is None else _numbers(units)
    check_layers([layer] if layer else [])
    found = in_path(images, max_bytes=LIMITS.max_bytes)
    features = load_features(device, weights_dir)
    side = size or (UNITS_SIDE if layer else RECONSTRUCTED_SIDE)
    pictures = [_picture(file, side) for file in found.files]
    making: UnitVisualisation | ReconstructionVisualisation
    if reconstruct is None:
        making = UnitVisualisation(features, pictures, f"{layer}", units=numbers, count=count, method=method)
    else:
        making = ReconstructionVisualisation(features, pictures, reconstruct, steps=steps, seed=seed)
    with progress("loading") as report:
        for piece in making:
            report(piece.done, piece.total)
    made = making.result()
    list_problems((*found.problems, *made.problems))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(to_png(made.sheet))
    out.print(f"{_summary(made)} Sheet: {output}", markup=False, highlight=False, soft_wrap=True)


def _picture(file: PictureFile, side: int) -> Picture:
    return Picture(file.name, lambda: file.pixels(LIMITS, side))


def _numbers(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise InvalidField(f"--units takes numbers with commas between, such as 3,17, not {text!r}.") from None


def _summary(made: Visualised) -> str:
    units = f"Units {', '.join(map(str, made.units))}, of" if made.units else "Of"
    return f"{units} {made.pictures:,} {'picture' if made.pictures == 1 else 'pictures'}."
