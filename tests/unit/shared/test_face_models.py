"""The models a tenant can choose."""

from collections.abc import Iterator
from datetime import date

import pytest
from pydantic import ValidationError

from shared.errors import ModelExists, ModelNotFound, StorageUnavailable, UnknownModel
from shared.face_models import FaceModelStore, card_of
from shared.ml.face.catalogue import CATALOGUE, DEFAULT_MODEL
from shared.ml.face.evaluation.report import Rate, TarAtFar
from shared.ml.face.training.manifest import Figures, Kind, Manifest, TrainingData
from shared.ml.weight_registry import SFACE
from shared.storage.store import MemoryStore

FIGURES = Figures(accuracy=0.99, mean_true_match_rate=0.98, tar_at_far=())


def manifest(name: str = "staff-tuned", sha256: str = "ab" * 32, thresholds: bool = True) -> Manifest:
    rate = Rate(errors=1, trials=1000, low=1e-4, high=5e-3)
    measured = tuple(
        TarAtFar(target=t, threshold=score, far=rate, tar=rate) for t, score in ((1e-2, 0.3), (1e-3, 0.38))
    )
    return Manifest(
        name=name,
        kind=Kind.EMBEDDER,
        sha256=sha256,
        size=3,
        parent=SFACE.name,
        parent_digest=SFACE.digest,
        licence_note="made-up data",
        data=TrainingData(people=100, photos=500, validation_people=20, test_people=20),
        settings={"seed": 0},
        thresholds=measured if thresholds else (),
        before=FIGURES,
        after=FIGURES,
        created=date(2026, 11, 22),
    )


@pytest.fixture
def models() -> FaceModelStore:
    return FaceModelStore(MemoryStore())


def test_the_shipped_models_are_everybodys(models: FaceModelStore) -> None:
    assert models.cards("acme") == list(CATALOGUE.values())
    found = models.find("acme", DEFAULT_MODEL.name)
    assert models.find("acme", DEFAULT_MODEL.digest) == found


def test_a_registered_model_is_found_by_name_and_digest_and_by_its_tenant_only(models: FaceModelStore) -> None:
    models.put("acme", manifest(), b"abc")
    found = models.find("acme", "staff-tuned")
    assert found.digest == "ab" * 8
    assert models.find("acme", found.digest) == found
    assert models.get("acme", found.digest) == (manifest(), b"abc")
    with pytest.raises(UnknownModel, match=DEFAULT_MODEL.name):
        models.find("other", "staff-tuned")
    with pytest.raises(ModelNotFound):
        models.get("other", found.digest)


def test_the_same_weights_have_one_name_and_may_be_registered_again(models: FaceModelStore) -> None:
    models.put("acme", manifest(), b"abc")
    models.put("acme", manifest(), b"abc")
    with pytest.raises(ModelExists, match="staff-tuned"):
        models.put("acme", manifest("another"), b"abc")
    assert models.find("acme", "staff-tuned").digest == manifest().digest


@pytest.mark.parametrize(
    "change",
    [
        {"name": "ab" * 8},
        {"size": 10**30},
        {"thresholds": ({"target": 0.0, "threshold": 0.3},)},
        {"thresholds": ({"target": 1e-3, "threshold": 0.3}, {"target": 1e-2, "threshold": 0.2})},
        {"thresholds": ({"target": 1e-2, "threshold": 5.0},)},
        {"settings": {"margin": float("nan")}},
    ],
    ids=str,
)
def test_a_manifest_that_no_training_wrote_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate({**manifest().model_dump(round_trip=True), **change})


def test_the_newest_of_a_name_is_meant(models: FaceModelStore) -> None:
    models.put("acme", manifest(), b"abc")
    newer = manifest(sha256="01" * 32).model_copy(update={"created": date(2026, 12, 1)})
    models.put("acme", newer, b"abd")
    assert models.find("acme", "staff-tuned").digest == "01" * 8


def test_a_model_of_likenesss_own_is_found_without_asking_the_store() -> None:
    class Unreachable(MemoryStore):
        def folders(self, prefix: str) -> Iterator[str]:
            raise StorageUnavailable(prefix)

    assert FaceModelStore(Unreachable()).find("acme", DEFAULT_MODEL.name).digest == DEFAULT_MODEL.digest


def test_a_trained_model_brings_its_own_thresholds() -> None:
    card = card_of(manifest())
    assert [tuple(point) for point in card.curve.points[:2]] == [(1e-2, 0.3), (1e-3, 0.38)]
    assert card.curve.margin == DEFAULT_MODEL.curve.margin


def test_below_the_rates_it_could_show_a_trained_model_follows_its_parents_line() -> None:
    parent = DEFAULT_MODEL.curve
    curve = card_of(manifest()).curve
    for rate in (1e-4, 1e-5):
        assert curve.threshold(rate) - 0.38 == pytest.approx(parent.threshold(rate) - parent.threshold(1e-3))
    assert curve.threshold(1e-6) > curve.threshold(1e-5)


def test_a_model_without_thresholds_cannot_be_served() -> None:
    with pytest.raises(UnknownModel, match="more people"):
        card_of(manifest(thresholds=False))
