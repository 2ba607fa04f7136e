"""`train`: a folder of people to a fine-tuned model, its report and its curves."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, assert_never

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.errors import InvalidCheckpoint
from shared.ml import device as devices
from shared.ml.face.people import read_folder
from shared.ml.face.reading import FaceRule
from shared.ml.face.training.checkpoints import EpochResult
from shared.ml.face.training.dataset import LEAST_PHOTOS, FaceData, read_faces
from shared.ml.face.training.finetuning import Unfreeze
from shared.ml.face.training.options import Mining
from shared.ml.face.training.session import Job, Outcome, Parts, files, fit_head, tune_encoder
from shared.ml.face.training.trained import save_trained
from shared.ml.face.training.trainer import Event, Plan, Step
from shared.ml.weights import SFACE, Supply, load
from workers.tools.console import complain, err, list_problems, out, progress
from workers.tools.faces import LIMITS, Device, Folder, Rule, WeightsDir, photo_reader

CHECKPOINT = "checkpoint.pt"
_SHOWN = 5  # names of people, who may be hundreds


class Loss(StrEnum):
    TRIPLET = "triplet"
    LOGISTIC = "logistic"


def train(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="a directory for the model and its report")],
    loss: Annotated[Loss, typer.Option(help="triplet tunes the encoder, logistic fits a unit on pairs")] = Loss.TRIPLET,
    mining: Annotated[Mining, typer.Option(help="which triplets of a batch to learn from")] = Mining.SEMI_HARD,
    unfreeze: Annotated[Unfreeze, typer.Option(help="which part of the encoder learns")] = Unfreeze.LAST,
    people: Annotated[int, typer.Option(min=2, help="people in a batch")] = Plan.people,
    photos: Annotated[int, typer.Option(min=2, help="photos of each of them")] = Plan.photos,
    epochs: Annotated[int, typer.Option(min=1, help="at most")] = Plan.epochs,
    patience: Annotated[int, typer.Option(min=1, help="epochs without a gain before it ends")] = Plan.patience,
    margin: Annotated[float, typer.Option(min=0.001, max=4, help="between squared distances")] = Plan.margin,
    learning_rate: Annotated[float, typer.Option(min=1e-9, max=1, help="of AdamW")] = Plan.learning_rate,
    seed: Annotated[int, typer.Option(min=0, help="of the split, the batches and the augmentation")] = Plan.seed,
    name: Annotated[str, typer.Option(help="the new model's name")] = "sface-tuned",
    resume: Annotated[bool, typer.Option("--resume", help="go on from the output directory's checkpoint")] = False,
    faces: Rule = FaceRule.SERVICE,
    device: Device = "auto",
    weights_dir: WeightsDir = None,
) -> None:
    """Train on a folder of people, and say on people held out whether it helped."""
    checkpoint = output / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise InvalidCheckpoint(f"{checkpoint} is there: add --resume to go on with it, or choose another directory")
    output.mkdir(parents=True, exist_ok=True)
    job = Job(name=name, device=devices.resolve(device))
    reader = photo_reader(SFACE.name, device, rule=faces, weights_dir=weights_dir)
    with progress("reading photos") as report:
        data = read_faces(read_folder(folder, max_bytes=LIMITS.max_bytes), reader, progress=report)
    _introduce(data)
    parts = Parts.of(data.samples, seed=seed)
    state = load(SFACE, supply=Supply(local_dir=weights_dir))
    match loss:
        case Loss.LOGISTIC:
            outcome = fit_head(state, parts, job, seed=seed)
        case Loss.TRIPLET:
            plan = Plan(
                mining=mining,
                margin=margin,
                people=people,
                photos=photos,
                epochs=epochs,
                patience=patience,
                learning_rate=learning_rate,
                seed=seed,
            )
            with _Bars() as bars:
                outcome = tune_encoder(
                    state, parts, job, plan=plan, unfreeze=unfreeze, checkpoint=checkpoint, on_event=bars.show
                )
        case _:
            assert_never(loss)
    _write(output, outcome, name)


def _introduce(data: FaceData) -> None:
    list_problems(data.problems)
    if data.too_few:
        first, more = ", ".join(data.too_few[:_SHOWN]), len(data.too_few) - _SHOWN
        complain(f"left out, with less than {LEAST_PHOTOS} usable photos: {first}{f' and {more:,} more' * (more > 0)}")
    out.print(f"{len(data.names):,} people, {len(data.samples.people):,} photos", highlight=False)


class _Bars:
    """A bar for the batches of an epoch, and a line when it is over."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bars.add_task("measuring the original", total=None)

    def __enter__(self) -> "_Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, event: Event) -> None:
        match event:
            case Step():
                what = f"epoch {event.epoch}, loss {event.loss:.4f}"
                self._bars.update(self._task, description=what, completed=event.batch, total=event.batches)
            case EpochResult():
                taught = f"loss {event.loss:.4f}, {event.active:.0%} of the triplets active, " if event.epoch else ""
                err.print(
                    f"epoch {event.epoch}: {taught}validation TAR {event.validation:.3%}, {event.seconds:.0f} s",
                    highlight=False,
                    soft_wrap=True,
                )


def _write(output: Path, outcome: Outcome, name: str) -> None:
    written = files(outcome, name)
    for file, text in written.items():
        if outcome.history or file != "curves.csv":
            with (output / file).open("w", newline="", encoding="utf-8") as opened:
                opened.write(text)
    out.print(written["report.md"], markup=False, highlight=False, soft_wrap=True)
    if outcome.model is None:
        end = "Nothing did better than the original on the validation people: it stays, and no model was written."
    else:
        save_trained(output, outcome.model.content, outcome.model.manifest)
        end = f"{name} ({outcome.model.manifest.digest}) is in {output}: {outcome.comparison.gain.shown}."
    out.print(end, markup=False, highlight=False, soft_wrap=True)
