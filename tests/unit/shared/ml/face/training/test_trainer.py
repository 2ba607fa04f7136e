"""On a toy: a photo is eight numbers, of which two say who it is, and the encoder is one linear layer."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from shared.errors import InvalidCheckpoint, NumericalError
from shared.ml.device import cpu_has_bfloat16
from shared.ml.face.training.checkpoints import EpochResult
from shared.ml.face.training.measures import mean_true_match_rate, pair_scores
from shared.ml.face.training.options import Mining
from shared.ml.face.training.sampling import Samples
from shared.ml.face.training.trainer import Plan, Step, Trainer, autocast, embed

CPU = torch.device("cpu")
PLAN = Plan(mining=Mining.SEMI_HARD, people=8, photos=4, epochs=4, patience=9, learning_rate=0.03, seed=3, jitter=None)


def toy(seed: int, persons: int = 24, photos: int = 6) -> Samples:
    """Two components of eight are the person's; the others are louder noise."""
    rng = torch.Generator().manual_seed(seed)
    people = torch.arange(persons).repeat_interleave(photos)
    vectors = 3 * torch.randn(len(people), 8, generator=rng)
    vectors[:, :2] = torch.randn(persons, 2, generator=rng)[people] + 0.05 * torch.randn(len(people), 2, generator=rng)
    return Samples(vectors, people)


def trainer(plan: Plan = PLAN, network: nn.Module | None = None) -> Trainer:
    torch.manual_seed(0)
    return Trainer(network or nn.Linear(8, 4), train=toy(1), validation=toy(2), plan=plan, device=CPU)


def trained(plan: Plan = PLAN, checkpoint: Path | None = None) -> Trainer:
    run = trainer(plan)
    list(run.run(checkpoint))
    return run


def without_time(run: Trainer) -> list[EpochResult]:
    return [dataclasses.replace(result, seconds=0) for result in run.history]


@pytest.mark.parametrize("mining", Mining)
def test_it_learns_what_tells_people_apart(mining: Mining) -> None:
    run = trained(dataclasses.replace(PLAN, mining=mining, epochs=15))
    assert run.history[0].validation < 0.35
    assert run.best.validation > 2 * run.history[0].validation


def test_one_seed_gives_one_network_and_another_seed_another() -> None:
    first, again, other = trained(), trained(), trained(dataclasses.replace(PLAN, seed=4))
    assert torch.equal(first.network.weight, again.network.weight)  # type: ignore[arg-type]
    assert without_time(first) == without_time(again)
    assert not torch.equal(first.network.weight, other.network.weight)  # type: ignore[arg-type]


@pytest.mark.parametrize("killed_in", [1, 3])
def test_a_killed_and_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path, killed_in: int) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    for event in trainer().run(checkpoint):
        if isinstance(event, Step) and (event.epoch, event.batch) == (killed_in, 2):
            break
    resumed, whole = trained(checkpoint=checkpoint), trained()
    assert torch.equal(resumed.network.weight, whole.network.weight)  # type: ignore[arg-type]
    assert without_time(resumed) == without_time(whole)


def test_a_finished_run_can_be_taken_further(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    trained(dataclasses.replace(PLAN, epochs=2), checkpoint)
    assert without_time(trained(checkpoint=checkpoint)) == without_time(trained())


@pytest.mark.parametrize("change", [{"margin": 0.3}, {"seed": 9}, {"mining": Mining.RANDOM}])
def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    trained(dataclasses.replace(PLAN, epochs=1), checkpoint)
    other = trainer(dataclasses.replace(PLAN, **change))  # type: ignore[arg-type]
    with pytest.raises(InvalidCheckpoint, match="other settings"):
        list(other.run(checkpoint))


def test_a_checkpoint_of_other_photos_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    trained(dataclasses.replace(PLAN, epochs=1), checkpoint)
    torch.manual_seed(0)
    other = Trainer(nn.Linear(8, 4), train=toy(7), validation=toy(2), plan=PLAN, device=CPU)
    with pytest.raises(InvalidCheckpoint, match="other photos"):
        list(other.run(checkpoint))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn"], ids=["empty", "text", "torn"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(content)
    with pytest.raises(InvalidCheckpoint, match="not a whole checkpoint"):
        list(trainer().run(checkpoint))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    torch.save({"weights": torch.zeros(2)}, checkpoint)
    with pytest.raises(InvalidCheckpoint, match="this version"):
        list(trainer().run(checkpoint))


def test_training_that_only_harms_ends_early_with_the_network_as_it_came() -> None:
    """The best projection possible, and a learning rate that can only leave it."""
    network = nn.Linear(8, 4, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.eye(4, 8) * torch.tensor([[1.0], [1.0], [0.0], [0.0]]))
    before = network.weight.clone()
    run = trainer(dataclasses.replace(PLAN, learning_rate=3.0, epochs=50, patience=3), network)
    list(run.run())
    assert run.best.epoch == 0
    assert [result.epoch for result in run.history] == [0, 1, 2, 3]
    assert torch.equal(network.weight, before)


def test_the_network_of_the_best_epoch_is_the_result() -> None:
    run = trained(dataclasses.replace(PLAN, learning_rate=0.3, epochs=12))
    validation = toy(2)
    scores = pair_scores(embed(run.network, validation.pixels, device=CPU), validation.people.numpy())
    assert mean_true_match_rate(scores) == max(result.validation for result in run.history)


def test_frozen_parameters_stay_as_they_are() -> None:
    frozen, free = nn.Linear(8, 8), nn.Linear(8, 4)
    network = nn.Sequential(frozen.requires_grad_(False), free)
    first, second = frozen.weight.clone(), free.weight.clone()
    run = trainer(network=network)
    list(run.run())
    assert run.best.epoch > 0
    assert torch.equal(frozen.weight, first)
    assert not torch.equal(free.weight, second)


def test_progress_counts_every_batch() -> None:
    events = list(trainer(dataclasses.replace(PLAN, epochs=2)).run())
    assert [event.epoch for event in events if isinstance(event, EpochResult)] == [0, 1, 2]
    steps = [(event.epoch, event.batch, event.batches) for event in events if isinstance(event, Step)]
    assert steps == [(epoch, batch, 3) for epoch in (1, 2) for batch in (1, 2, 3)]


def test_embeddings_that_are_not_finite_are_an_error() -> None:
    network = nn.Linear(8, 4)
    with torch.no_grad():
        network.weight[0, 0] = torch.nan
    run = trainer(network=network)
    with pytest.raises(NumericalError, match="learning rate below"):
        list(run.run())


def test_layers_run_in_bfloat16_where_the_cpu_has_it_and_embeddings_are_float32() -> None:
    network = nn.Linear(8, 4)
    with autocast(CPU):
        assert network(torch.zeros(1, 8)).dtype == (torch.bfloat16 if cpu_has_bfloat16() else torch.float32)
    assert network.weight.dtype == torch.float32
    embeddings = embed(network, torch.ones(3, 8), device=CPU)
    assert embeddings.dtype == np.float32
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("impossible", [{"people": 1}, {"photos": 1}, {"margin": 0.0}])
def test_a_plan_that_can_teach_nothing_is_refused(impossible: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"margin|a batch needs"):
        Plan(**impossible)  # type: ignore[arg-type]
