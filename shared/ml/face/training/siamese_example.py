"""A Siamese network trained from scratch, in a minute, on people that do not exist.

    python -m shared.ml.face.training.siamese_example

A generated "person" is a handful of strokes whose shape is hers for ever. A "photo" of her draws them again with
what a photo changes: a shaky hand, position, turn, size, pen, light and noise. The encoder learns from some people
what makes two photos one person's; it is judged on people it never saw, as a face is enrolled from one photo:

- 20-way one-shot: one photo each of 20 new people, a second photo of one of them: whose is it? Chance is 5 %.
  (Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning", Science 2015, doi:10.1126/science.aab3050.)
- pairs: one person or two, at a threshold found on the validation people? Chance is 50 %.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from shared.ml.face.training.checkpoints import EpochResult
from shared.ml.face.training.encoder import ConvEncoder
from shared.ml.face.training.measures import balanced_accuracy, best_threshold, pair_scores
from shared.ml.face.training.options import Mining
from shared.ml.face.training.sampling import Samples
from shared.ml.face.training.splits import split_people
from shared.ml.face.training.trainer import Plan, Trainer, embed

SIZE = 32  # pixels, both ways
WAYS = 20
_EPISODES = 1000
_STROKES = 3
_CURVE = 12  # straight pieces of a stroke

Strokes = npt.NDArray[np.float64]  # (strokes, 3, 2): the control points of quadratic Bézier curves in [-1, 1]²


@dataclass(frozen=True)
class Scores:
    """On people of the test part."""

    one_shot: float  # part of the 20-way episodes that name the right person
    pairs: float  # balanced accuracy


@dataclass(frozen=True)
class Outcome:
    untrained: Scores
    trained: Scores
    seconds: float


def generate(*, persons: int, photos: int, seed: int) -> Samples:
    """(persons · photos, 1, 32, 32) uint8, and whose each is."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(persons):
        strokes = rng.uniform(-0.8, 0.8, (_STROKES, 3, 2))
        pictures += [_photo(strokes, rng) for _ in range(photos)]
    return Samples(torch.from_numpy(np.stack(pictures))[:, None], torch.arange(persons).repeat_interleave(photos))


def _photo(strokes: Strokes, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """(32, 32) uint8: the strokes by a shaky hand, moved, under a light from somewhere, with noise."""
    shaky = strokes + rng.normal(scale=0.06, size=strokes.shape)
    angle, scale = rng.uniform(-0.3, 0.3), rng.uniform(0.75, 1.1, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (shaky * scale) @ turn.T + rng.uniform(-0.2, 0.2, 2)
    t = np.linspace(0, 1, _CURVE)[:, None]
    weights = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2])  # (3, pieces, 1)
    curves = (points[:, :, None, :] * weights).sum(axis=1)  # (strokes, pieces, 2)
    pixels = np.round((curves + 1) / 2 * (SIZE - 1) * 16).astype(np.int32)  # with 4 bits behind the point
    canvas = np.zeros((SIZE, SIZE), dtype=np.uint8)
    cv2.polylines(canvas, list(pixels), False, 255, int(rng.integers(1, 4)), cv2.LINE_AA, shift=4)
    light = np.linspace(0, 1, SIZE) * rng.uniform(-60, 60)
    shaded = 40 + canvas * rng.uniform(0.4, 0.8) + light[None, :] + rng.normal(scale=12, size=canvas.shape)
    return np.clip(shaded, 0, 255).astype(np.uint8)


def one_shot_accuracy(embeddings: npt.NDArray[np.float32], people: npt.NDArray[np.int64], *, seed: int) -> float:
    """Part of the episodes in which the nearest of 20 enrolled photos is the probe's person's."""
    rng = np.random.default_rng(seed)
    photos = [np.flatnonzero(people == person) for person in np.unique(people)]
    right = 0
    for _ in range(_EPISODES):
        chosen = rng.choice(len(photos), WAYS, replace=False)
        enrolled = np.array([rng.choice(photos[person]) for person in chosen])
        probe = rng.choice(np.setdiff1d(photos[chosen[0]], enrolled))
        right += int(np.argmax(embeddings[enrolled] @ embeddings[probe]) == 0)
    return right / _EPISODES


def run(
    *, persons: int = 600, photos: int = 10, epochs: int = 20, seed: int = 0, on_event: Callable[[str], None]
) -> Outcome:
    """Generate, split by person, train, and judge before and after."""
    data = generate(persons=persons, photos=photos, seed=seed)
    split = split_people(data.people.numpy(), seed=seed)
    train, validation, test = (data[part] for part in (split.train, split.validation, split.test))
    torch.manual_seed(seed)
    encoder = ConvEncoder(channels=1, size=(SIZE, SIZE))
    device = torch.device("cpu")

    def judge() -> Scores:
        known, new = (embed(encoder, part.pixels, device=device) for part in (validation, test))
        threshold = best_threshold(pair_scores(known, validation.people.numpy()))
        return Scores(
            one_shot=one_shot_accuracy(new, test.people.numpy(), seed=seed),
            pairs=balanced_accuracy(pair_scores(new, test.people.numpy()), threshold),
        )

    untrained = judge()
    plan = Plan(mining=Mining.SEMI_HARD, people=32, photos=5, epochs=epochs, learning_rate=2e-3, seed=seed, jitter=None)
    trainer = Trainer(encoder, train=train, validation=validation, plan=plan, device=device)
    for event in trainer.run():
        if isinstance(event, EpochResult):
            on_event(f"epoch {event.epoch:2}: loss {event.loss:.3f}, validation TAR {event.validation:.3f}")
    return Outcome(untrained, judge(), sum(result.seconds for result in trainer.history))


def main() -> None:
    outcome = run(on_event=_say)
    for name, scores in (("untrained", outcome.untrained), ("trained", outcome.trained)):
        _say(f"{name}: 20-way one-shot {scores.one_shot:.1%}, pairs {scores.pairs:.1%}")
    _say(f"chance: {1 / WAYS:.1%} and 50.0%; {outcome.seconds:.0f} s of training")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
