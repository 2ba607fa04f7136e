"""Whole trainings, small ones: SFace on drawn people."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from shared.errors import InvalidDataset, InvalidField
from shared.ml.face.training.finetuning import Unfreeze, trainable_sface
from shared.ml.face.training.manifest import Kind
from shared.ml.face.training.options import Mining
from shared.ml.face.training.sampling import Samples
from shared.ml.face.training.session import Job, Parts, fit_head, tune_encoder
from shared.ml.face.training.siamese_example import generate
from shared.ml.face.training.trained import load_head, load_trained, save_trained
from shared.ml.face.training.trainer import Plan
from shared.ml.weights import SFACE, load

JOB = Job(name="drawn", device=torch.device("cpu"))
PLAN = Plan(mining=Mining.SEMI_HARD, people=8, photos=4, epochs=2, learning_rate=3e-5)


@pytest.fixture(scope="module")
def parts() -> Parts:
    """People of the Siamese example, enlarged: SFace knows them badly, so that there is something to gain."""
    drawn = generate(persons=32, photos=4, seed=1)
    photos = functional.interpolate(drawn.pixels.float(), (112, 112), mode="bilinear").expand(-1, 3, -1, -1)
    return Parts.of(Samples(photos.to(torch.uint8), drawn.people), seed=0)


@pytest.fixture(scope="module")
def state(weights_dir: Path) -> dict[str, torch.Tensor]:
    return load(SFACE, weights_dir)


def test_an_encoder_that_gained_on_validation_people_can_be_served(
    parts: Parts, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    outcome = tune_encoder(state, parts, JOB, plan=PLAN, unfreeze=Unfreeze.HEAD)
    assert outcome.model is not None
    assert max(result.validation for result in outcome.history[1:]) > outcome.history[0].validation
    assert outcome.comparison.before != outcome.comparison.after
    save_trained(tmp_path, outcome.model.content, outcome.model.manifest)
    assert load_trained(tmp_path, JOB.device, cache_dir=tmp_path / "cache").name == "drawn"
    manifest = outcome.model.manifest
    assert (manifest.kind, manifest.data.people, manifest.data.photos) == (Kind.EMBEDDER, 19, 76)
    assert manifest.settings["best_epoch"] != 0


def test_without_a_gain_the_original_stays(parts: Parts, state: dict[str, torch.Tensor]) -> None:
    plan = Plan(people=8, photos=3, epochs=1, learning_rate=1e-12)
    outcome = tune_encoder(state, parts, JOB, plan=plan, unfreeze=Unfreeze.HEAD)
    assert outcome.model is None
    assert outcome.comparison.before == outcome.comparison.after


def test_a_fitted_head_is_described_and_comes_back(
    parts: Parts, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    outcome = fit_head(state, parts, JOB, seed=0)
    assert outcome.model is not None
    assert outcome.model.manifest.kind is Kind.PAIR_HEAD
    save_trained(tmp_path, outcome.model.content, outcome.model.manifest)
    assert load_head(tmp_path, cache_dir=tmp_path / "cache").features == outcome.model.manifest.settings["features"]


@pytest.mark.parametrize(
    ("unfreeze", "parts"),
    [(Unfreeze.HEAD, {"head"}), (Unfreeze.LAST, {"head", "features.25", "features.26"}), (Unfreeze.ALL, None)],
)
def test_only_what_is_unfrozen_may_learn(
    unfreeze: Unfreeze, parts: set[str] | None, state: dict[str, torch.Tensor]
) -> None:
    free = {name for name, value in trainable_sface(state, unfreeze).named_parameters() if value.requires_grad}
    every = set(state)
    expected = every if parts is None else {name for name in every if any(name.startswith(f"{p}.") for p in parts)}
    assert free == expected


def test_five_people_cannot_be_split() -> None:
    with pytest.raises(InvalidDataset):
        Parts.of(Samples(torch.zeros(10, 3, 112, 112), torch.arange(5).repeat_interleave(2)), seed=0)


@pytest.mark.parametrize("name", ["", "../up", "Upper", "-dash", "sface-2021dec", "x" * 64])
def test_a_name_that_cannot_be_a_new_models_is_refused_before_training(name: str) -> None:
    with pytest.raises(InvalidField, match="cannot name a new model"):
        Job(name=name, device=torch.device("cpu"))
