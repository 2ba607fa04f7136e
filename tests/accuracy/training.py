"""What training gains: on photos that SFace knows how to read, on photos it reads badly, and from scratch."""

from pathlib import Path

import cv2
import numpy as np
import torch

from shared.images import ImageLimits
from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.people import read_folder
from shared.ml.face.reading import FaceRule, PhotoReader
from shared.ml.face.training import siamese_example
from shared.ml.face.training.dataset import read_faces
from shared.ml.face.training.sampling import Samples
from shared.ml.face.training.session import Job, Outcome, Parts, fit_head, tune_encoder
from shared.ml.face.training.trainer import Plan
from shared.ml.weights import SFACE, YUNET, fetch, load

SEED = 0
SMALL = 18  # pixels a face is left with, in the hard case
_LIMITS = ImageLimits(max_bytes=2**24, max_pixels=10**8, max_side=20_000, min_side=16)


def section(data: Path) -> str:
    """Markdown; the folder's people with two photos and more, split by person with a fixed seed."""
    device = torch.device("cpu")
    reader = PhotoReader(FaceDetector(fetch(YUNET)), FaceEmbedder.from_weights(device), _LIMITS, FaceRule.CENTRAL)
    samples = read_faces(read_folder(data), reader).samples
    state = load(SFACE)
    as_they_are, small = (Parts.of(photos, seed=SEED) for photos in (samples, shrunk(samples)))
    plan = Plan(epochs=6, seed=SEED)
    job = Job(name="trained", device=device)
    rows = [
        _row("triplets, photos as they are", tune_encoder(state, as_they_are, job, plan=plan)),
        _row("logistic head, photos as they are", fit_head(state, as_they_are, job, seed=SEED)),
        _row(f"triplets, faces of {SMALL} × {SMALL} px", tune_encoder(state, small, job, plan=plan)),
        _row(f"logistic head, faces of {SMALL} × {SMALL} px", fit_head(state, small, job, seed=SEED)),
    ]
    people = f"{as_they_are.train.persons} people to learn from, {as_they_are.validation.persons} to choose the best "
    return "\n".join(
        [
            "## Training",
            "",
            f"SFace fine-tuned with the defaults of `train` ({people}epoch, {as_they_are.test.persons} to judge).",
            "Mean TAR is over FAR 1e-3 to 1e-1; intervals are 95 %, over people.",
            "",
            "| | mean TAR before | after | gain | |",
            "|---|---|---|---|---|",
            *rows,
            "",
            *_from_scratch(),
            "",
        ]
    )


def shrunk(samples: Samples) -> Samples:
    """Every crop at 18 × 18 px and enlarged again, as a distant camera would have it."""
    crops = samples.pixels.permute(0, 2, 3, 1).numpy()
    small = [cv2.resize(crop, (SMALL, SMALL), interpolation=cv2.INTER_AREA) for crop in crops]
    large = np.stack([cv2.resize(crop, crops.shape[1:3], interpolation=cv2.INTER_LINEAR) for crop in small])
    return Samples(torch.from_numpy(large).permute(0, 3, 1, 2).contiguous(), samples.people)


def _row(what: str, outcome: Outcome) -> str:
    found = outcome.comparison
    before, after = found.before.mean_true_match_rate, found.after.mean_true_match_rate
    gain = f"{found.gain.value:+.2%} ({found.gain.low:+.2%} to {found.gain.high:+.2%})"
    kept = found.gain.shown if outcome.model else "nothing better on validation: the original stays"
    return f"| {what} | {before:.2%} | {after:.2%} | {gain} | {kept} |"


def _from_scratch() -> list[str]:
    outcome = siamese_example.run(on_event=lambda _: None)
    return [
        "A Siamese network from scratch (`python -m shared.ml.face.training.siamese_example`), on new people:",
        f"20-way one-shot {outcome.trained.one_shot:.1%} (chance 5 %, untrained {outcome.untrained.one_shot:.1%}),",
        f"pairs {outcome.trained.pairs:.1%} (chance 50 %, untrained {outcome.untrained.pairs:.1%});",
        f"{outcome.seconds:.0f} s of training.",
    ]
