"""The face models of a worker: each loaded once and run through a micro-batcher on the one device thread."""

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors.torch
import structlog
import torch
from safetensors import SafetensorError

from shared.errors import WeightsCorrupt
from shared.face_models import FaceModelStore, card_of, identity
from shared.ml.face.alignment import TEMPLATE
from shared.ml.face.branch import CPU_BATCH
from shared.ml.face.catalogue import CATALOGUE, DEFAULT_MODEL, ModelCard
from shared.ml.face.detector import Image, Landmarks
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.model import Aligned, Doubts, Embeddings, FaceModel
from shared.ml.face.models import load_model
from shared.ml.face.sface import SFace
from shared.ml.face.training.manifest import Manifest
from shared.schemas import Model
from workers.batching import MicroBatcher
from workers.models import choose_device, device_thread, weights_supply
from workers.services import Services

log = structlog.get_logger("worker")

MOST_TRAINED = 8  # models of tenants' own in memory, 40 MB each

Embedding = npt.NDArray[np.float32]  # (dimensions,), unit length


class Embedded(NamedTuple):
    """A face's embedding, and how much it is to be doubted (FaceModel.doubts)."""

    embedding: Embedding
    doubt: float | None


class OnDeviceThread:
    """A FaceModel whose forward pass runs on the device's thread, whoever asks."""

    def __init__(self, network: FaceModel, executor: Executor) -> None:
        self._network = network
        self._executor = executor
        self.name, self.digest = network.name, network.digest
        self.dimensions, self.device = network.dimensions, network.device

    def align(self, image: Image, landmarks: Landmarks) -> Aligned:
        return self._network.align(image, landmarks)

    def prepare(self, faces: Sequence[Aligned]) -> tuple[torch.Tensor, ...]:
        return self._network.prepare(faces)

    def forward(self, pixels: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return self._executor.submit(self._network.forward, pixels).result()

    def finish(self, raw: torch.Tensor) -> Embeddings:
        return self._network.finish(raw)

    def doubts(self, raw: torch.Tensor) -> Doubts | None:
        return self._network.doubts(raw)

    def embed(self, faces: Sequence[Aligned]) -> Embeddings:
        return self.finish(self.forward(self.prepare(faces)))


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model, what its scores mean, and the batcher through which all jobs use it."""

    network: FaceModel
    card: ModelCard
    batcher: MicroBatcher[Aligned, Embedded]

    @property
    def identity(self) -> Model:
        return identity(self.card)


class FaceModels:
    """The models of the catalogue, warm before the first job, and trained ones from their first job on."""

    def __init__(self, services: Services) -> None:
        """Load every model of the catalogue and run it once, so that the first client waits no longer."""
        settings = services.settings
        self.executor = device_thread()
        self.device = choose_device(settings)
        self._settings = settings.workers
        self._store = FaceModelStore(services.store)
        self._supply = weights_supply(settings, services.store)
        self._cache = settings.weights_cache
        self._trained: OrderedDict[tuple[str, str], ServedModel] = OrderedDict()
        self._lock = threading.Lock()
        self._shipped = {
            card.digest: self._serve(
                load_model(card.name, self.device, cache_dir=self._cache, supply=self._supply), card
            )
            for card in CATALOGUE.values()
        }

    @property
    def default(self) -> ServedModel:
        return self._shipped[DEFAULT_MODEL.digest]

    def of(self, tenant: str, wanted: Model) -> ServedModel:
        """The model that a gallery's templates were made with.

        Raises:
            ModelNotFound: it is neither in the catalogue nor one of the tenant's.
        """
        if served := self._shipped.get(wanted.digest):
            return served
        key = (tenant, wanted.digest)
        with self._lock:  # one of the first jobs loads it, the others wait
            if key not in self._trained:
                self._trained[key] = self.try_out(*self._store.get(tenant, wanted.digest))
            self._trained.move_to_end(key)
            if len(self._trained) > MOST_TRAINED:
                self._trained.popitem(last=False)
            return self._trained[key]

    def try_out(self, manifest: Manifest, weights: bytes) -> ServedModel:
        """Load a trained model and run it.

        Raises:
            UnknownModel: it has no thresholds.
            WeightsCorrupt: the weights are not those of the manifest, or not a network's.
        """
        card = card_of(manifest)
        if hashlib.sha256(weights).hexdigest() != manifest.sha256:
            raise WeightsCorrupt(f"{manifest.name}: the file is not the one that its manifest describes")
        network = SFace()
        try:
            # from memory: a container's cache of weights is read-only
            network.load_state_dict(safetensors.torch.load(weights))
        except (SafetensorError, RuntimeError, KeyError) as error:
            reason = f"{manifest.name} is not a network that can be run ({type(error).__name__})"
            raise WeightsCorrupt(reason) from error
        served = self._serve(FaceEmbedder(network, device=self.device, weights=manifest.weights), card)
        if not np.isfinite(served.network.embed([_blank(served.network)])).all():
            raise WeightsCorrupt(f"{manifest.name} makes embeddings that are no numbers")
        return served

    def _serve(self, network: FaceModel, card: ModelCard) -> ServedModel:
        threaded = OnDeviceThread(network, self.executor)

        def forward(faces: Sequence[Aligned]) -> Sequence[Embedded]:
            raw = threaded.forward(threaded.prepare(faces))
            doubts = threaded.doubts(raw)
            known = [None] * len(faces) if doubts is None else doubts.tolist()
            return list(map(Embedded, threaded.finish(raw), known))

        blank = _blank(network)
        # the shapes that the network will see, so that the first client waits for none of them to be prepared
        largest = self._settings.batch_size
        for size in (1, min(largest, CPU_BATCH) if self.device.type == "cpu" else largest):
            forward([blank] * size)
        log.info("model is warm", model=card.name, digest=card.digest)
        batcher = MicroBatcher(
            forward, max_size=self._settings.batch_size, max_wait=self._settings.batch_wait_ms / 1000
        )
        served = ServedModel(threaded, card, batcher)
        weakref.finalize(served, batcher.close)  # when the last job that uses it is done
        return served


def _blank(network: FaceModel) -> Aligned:
    return network.align(np.zeros((112, 112, 3), np.uint8), TEMPLATE)
