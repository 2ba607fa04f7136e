"""From the options of an offline command to embedded faces."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from shared.errors import UnknownModel
from shared.images import ImageLimits
from shared.ml import device as devices
from shared.ml import weights
from shared.ml.face import models
from shared.ml.face.detector import FaceDetector
from shared.ml.face.face_set import FaceSet
from shared.ml.face.people import read_folder
from shared.ml.face.reading import FaceRule, PhotoReader
from workers.tools.console import list_problems, progress

# The folder is the operator's own: the limits only keep one file from taking all the memory.
LIMITS = ImageLimits(max_bytes=64 * 2**20, max_pixels=100_000_000, max_side=20_000, min_side=16)

Folder = Annotated[Path, typer.Argument(help="a directory with a folder of photos per person")]
Model = Annotated[str, typer.Option(help=f"the face model: {', '.join(models.NAMES)}")]
Rule = Annotated[
    FaceRule,
    typer.Option("--faces", help="service: as the API takes a photo or refuses it; central: the middle face, always"),
]
Device = Annotated[str, typer.Option(envvar=["LIKENESS_DEVICE", "DEVICE"], help="auto | cpu | cuda")]
WeightsDir = Annotated[
    Path | None, typer.Option(envvar="LIKENESS_WEIGHTS_DIR", help="a directory of weight files, tried first")
]


def read_faces(folder: Path, reader: PhotoReader) -> FaceSet:
    """With a bar; the files that were left out are listed."""
    with progress("reading photos") as report:
        faces = reader.read(read_folder(folder, max_bytes=LIMITS.max_bytes), progress=report)
    list_problems(faces.problems)
    return faces


def photo_reader(model: str, device: str, *, rule: FaceRule, weights_dir: Path | None) -> PhotoReader:
    """The detector and the model, loaded.

    Raises:
        UnknownModel
    """
    if model not in models.NAMES:
        raise UnknownModel(f"There is no face model {model!r}: choose one of {', '.join(models.NAMES)}.")
    # Photos are looked at on all cores while the last ones are embedded; more threads would only spin and wait
    # for each other: 133 CPU seconds for 2,000 photos where 49 do.
    torch.set_num_threads(1)
    supply = weights.Supply(local_dir=weights_dir)
    detector = FaceDetector(weights.fetch(weights.YUNET, supply=supply))
    network = models.load_model(model, devices.resolve(device), supply=supply)
    return PhotoReader(detector, network, LIMITS, rule)
