"""The face models that a tenant can choose: the catalogue's, and those he trained.

models/{tenant}/{digest}/manifest.json
models/{tenant}/{digest}/model.safetensors
"""

from collections.abc import Iterator
from dataclasses import replace

from shared.errors import ModelExists, ModelNotFound, ObjectNotFound, UnknownModel
from shared.ml.face.catalogue import CATALOGUE, DEFAULT_MODEL, ModelCard, OperatingPoint
from shared.ml.face.training.manifest import MANIFEST_FILE, MODEL_FILE, Manifest
from shared.schemas import Model
from shared.storage.store import ObjectStore


class FaceModelStore:
    """Raises StorageUnavailable when the object store cannot be reached."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def cards(self, tenant: str) -> list[ModelCard]:
        """The models that come with Likeness, then the tenant's own, the newest last."""
        own = (card_of(manifest) for manifest in self._manifests(tenant))
        return [*CATALOGUE.values(), *own]

    def card(self, tenant: str, digest: str) -> ModelCard | None:
        """That of one model; None when it was deleted."""
        for card in CATALOGUE.values():
            if card.digest == digest:
                return card
        try:
            described = self._store.get(f"{_folder(tenant, digest)}{MANIFEST_FILE}")
        except ObjectNotFound:
            return None
        return card_of(Manifest.model_validate_json(described))

    def find(self, tenant: str, wanted: str) -> Model:
        """The model of that name or digest; of several that share a name one of Likeness's, or the newest.

        Raises:
            UnknownModel: the message names those there are.
        """
        for card in CATALOGUE.values():
            if wanted in {card.name, card.digest}:
                return identity(card)
        cards = self.cards(tenant)
        for card in reversed(cards):
            if wanted in {card.name, card.digest}:
                return identity(card)
        names = ", ".join(dict.fromkeys(card.name for card in cards))
        raise UnknownModel(f"There is no face model {wanted!r}; the models are: {names}.")

    def put(self, tenant: str, manifest: Manifest, weights: bytes) -> None:
        """Register a trained model. The manifest is written last: what can be found is whole. Repeating it is harmless.

        Raises:
            ModelExists: the same weights are registered under another name.
        """
        folder = _folder(tenant, manifest.digest)
        self._store.put(f"{folder}{MODEL_FILE}", weights)
        # without what is computed, which is not read back
        described = manifest.model_dump_json(round_trip=True).encode()
        if self._store.put_if_absent(f"{folder}{MANIFEST_FILE}", described):
            return
        known, _ = self.get(tenant, manifest.digest)
        if known.name != manifest.name:
            raise ModelExists(f"This model is registered already, as {known.name!r}.")

    def delete(self, tenant: str, digest: str) -> None:
        """Raises ModelNotFound."""
        folder = _folder(tenant, digest)
        self.get(tenant, digest)
        self._store.delete(f"{folder}{MANIFEST_FILE}")
        self._store.delete_prefix(folder)

    def get(self, tenant: str, digest: str) -> tuple[Manifest, bytes]:
        """A trained model and its weights, a safetensors file.

        Raises:
            ModelNotFound
        """
        folder = _folder(tenant, digest)
        try:
            manifest = Manifest.model_validate_json(self._store.get(f"{folder}{MANIFEST_FILE}"))
            return manifest, self._store.get(f"{folder}{MODEL_FILE}")
        except ObjectNotFound:
            raise ModelNotFound(f"There is no trained model with the digest {digest}.") from None

    def _manifests(self, tenant: str) -> list[Manifest]:
        def read() -> Iterator[Manifest]:
            for digest in self._store.folders(f"models/{tenant}/"):
                try:
                    found = self._store.get(f"{_folder(tenant, digest)}{MANIFEST_FILE}")
                except ObjectNotFound:
                    continue  # half written
                yield Manifest.model_validate_json(found)

        return sorted(read(), key=lambda manifest: manifest.created)


def card_of(manifest: Manifest) -> ModelCard:
    """What a registered model's scores mean.

    Raises:
        UnknownModel: it has no thresholds, so nothing can be decided with it.
    """
    parent = DEFAULT_MODEL.curve
    card = manifest.card(parent.margin)
    if card is None:
        raise UnknownModel(
            f"{manifest.name} cannot be served: it is no embedder, or too few people were left to measure its "
            "thresholds on. Train it on more people."
        )
    # A training's validation people are too few to show small rates. Below what they show the parent's line
    # goes on: a threshold that stayed where it is would promise what was not measured.
    *_, last = card.curve.points
    shift = last.threshold - parent.threshold(last.false_match_rate)
    beyond = tuple(
        OperatingPoint(point.false_match_rate, point.threshold + shift)
        for point in parent.points
        if point.false_match_rate < last.false_match_rate
    )
    return replace(card, curve=replace(card.curve, points=(*card.curve.points, *beyond)))


def identity(card: ModelCard) -> Model:
    return Model(name=card.name, digest=card.digest)


def _folder(tenant: str, digest: str) -> str:
    return f"models/{tenant}/{digest}/"
