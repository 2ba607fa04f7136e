"""Trained models on disk: found again, checked, and never mistaken for another."""

import dataclasses
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.errors import ModelMismatch, WeightsCorrupt, WeightsNotFound
from shared.ml.face.evaluation.report import TarAtFar
from shared.ml.face.sface import SFace
from shared.ml.face.training.logistic_head import LogisticHead, PairFeatures
from shared.ml.face.training.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    Figures,
    Kind,
    Manifest,
    TrainingData,
    read_manifest,
)
from shared.ml.face.training.trained import (
    head_tensors,
    load_head,
    load_trained,
    model_bytes,
    save_trained,
    sha256,
)
from shared.ml.weights import SFACE, Supply, load

FIGURES = Figures(accuracy=0.9, mean_true_match_rate=0.8, tar_at_far=())
POINTS = (TarAtFar(target=1e-2, threshold=0.31), TarAtFar(target=1e-3, threshold=0.42))


def manifest(content: bytes, kind: Kind = Kind.EMBEDDER) -> Manifest:
    return Manifest(
        name="sface-tuned",
        kind=kind,
        sha256=sha256(content),
        size=len(content),
        parent=SFACE.name,
        parent_digest=SFACE.digest,
        licence_note="ours",
        data=TrainingData(people=20, photos=90, validation_people=4, test_people=6),
        settings={"margin": 0.2},
        thresholds=POINTS,
        before=FIGURES,
        after=FIGURES,
        created=date(2026, 11, 22),
    )


@pytest.fixture(scope="module")
def network() -> SFace:
    torch.manual_seed(0)
    return SFace()


@pytest.fixture(scope="module")
def folder(network: SFace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    content = model_bytes(network.state_dict())
    save_trained(folder, content, manifest(content))
    return folder


def test_a_trained_model_serves_under_its_own_identity(folder: Path, network: SFace, tmp_path: Path) -> None:
    model = load_trained(folder, torch.device("cpu"), cache_dir=tmp_path)
    crop = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (embedding,) = model.embed([(crop,)])
    with torch.inference_mode():
        expected = network(torch.from_numpy(crop).permute(2, 0, 1)[None])[0]
    assert embedding @ (expected / expected.norm()).numpy() > 0.999  # bfloat16 where the CPU has it
    assert model.name == "sface-tuned"
    assert model.digest == read_manifest(folder).digest != SFACE.digest


def test_its_weights_are_found_in_the_object_store_too(folder: Path, network: SFace, tmp_path: Path) -> None:
    objects = {"models/sface-tuned/model.safetensors": (folder / MODEL_FILE).read_bytes()}
    state = load(read_manifest(folder).weights, tmp_path, supply=Supply(fetch_object=objects.get))
    assert torch.equal(state["head.weight"], network.head.weight)


def test_a_changed_file_is_not_served(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / MODEL_FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / MODEL_FILE).write_bytes(content)
    (tmp_path / MANIFEST_FILE).write_bytes((folder / MANIFEST_FILE).read_bytes())
    with pytest.raises(WeightsCorrupt):
        load_trained(tmp_path, torch.device("cpu"), cache_dir=tmp_path / "cache")


def test_other_parameters_have_another_digest(network: SFace) -> None:
    state = network.state_dict()
    moved = {**state, "head.bias": state["head.bias"] + 1e-3}
    assert model_bytes(state) == model_bytes(dict(reversed(state.items())))
    assert manifest(model_bytes(state)).digest != manifest(model_bytes(moved)).digest


def test_a_manifest_of_another_file_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="another file"):
        save_trained(tmp_path, b"one", manifest(b"two"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("features", PairFeatures)
def test_a_pair_head_comes_back_as_it_was(features: PairFeatures, tmp_path: Path) -> None:
    head = LogisticHead(features, torch.linspace(-1, 1, 256, dtype=torch.float64), bias=0.5)
    content = model_bytes(head_tensors(head))
    save_trained(tmp_path, content, manifest(content, Kind.PAIR_HEAD))
    again = load_head(tmp_path, cache_dir=tmp_path / "cache")
    assert (again.features, again.bias) == (head.features, head.bias)
    assert torch.equal(again.weights, head.weights)


def test_a_pair_head_is_no_embedder_and_an_embedder_no_pair_head(folder: Path, tmp_path: Path) -> None:
    content = model_bytes(head_tensors(LogisticHead(PairFeatures.ABSOLUTE, torch.zeros(128), 0.0)))
    save_trained(tmp_path, content, manifest(content, Kind.PAIR_HEAD))
    with pytest.raises(ModelMismatch, match="pair-head"):
        load_trained(tmp_path, torch.device("cpu"))
    with pytest.raises(ModelMismatch, match="embedder"):
        load_head(folder)


def test_an_empty_directory_has_no_model(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound, match="no trained model"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("damage", [{"sha256": "short"}, {"name": "../up"}, {"kind": "oracle"}, {"extra": 1}])
def test_a_manifest_that_is_none_is_refused(folder: Path, tmp_path: Path, damage: dict[str, object]) -> None:
    content = json.loads((folder / MANIFEST_FILE).read_text())
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(content | damage))
    with pytest.raises(WeightsCorrupt, match=next(iter(damage))):
        read_manifest(tmp_path)


def test_a_parent_that_is_not_known_is_refused() -> None:
    orphan = manifest(b"x").model_copy(update={"parent_digest": "0" * 16})
    with pytest.raises(WeightsNotFound, match="train it again"):
        _ = orphan.weights


def test_the_weights_value_says_where_the_model_comes_from() -> None:
    weights = manifest(b"x").weights
    assert weights.preprocessing == SFACE.preprocessing
    assert SFACE.digest in weights.provenance
    assert SFACE.unknown in weights.unknown
    assert dataclasses.asdict(weights)["sha256"] == sha256(b"x")


def test_the_card_carries_the_measured_thresholds() -> None:
    card = manifest(b"x").card(margin=0.05)
    assert card is not None
    assert [tuple(point) for point in card.curve.points] == [(1e-2, 0.31), (1e-3, 0.42)]
    assert card.curve.threshold(1e-3) == pytest.approx(0.42)


def test_without_a_measured_threshold_there_is_no_card() -> None:
    assert manifest(b"x").model_copy(update={"thresholds": ()}).card(margin=0.05) is None
    assert manifest(b"x", Kind.PAIR_HEAD).card(margin=0.05) is None
