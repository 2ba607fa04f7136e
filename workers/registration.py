"""Registering a trained face model: it is loaded and run before any gallery may use it."""

from pydantic import ValidationError

from shared.errors import InvalidField, WeightsError
from shared.face_models import FaceModelStore
from shared.ml.face.catalogue import CATALOGUE
from shared.ml.face.training.manifest import Manifest
from shared.ml.weight_registry import SFACE
from shared.schemas import Message, Model, RegistrationPayload, RegistrationResult
from shared.storage.store import ObjectStore
from workers.face_models import FaceModels
from workers.runner import Held


class Registrar:
    def __init__(self, models: FaceModels, store: ObjectStore) -> None:
        self._models = models
        self._store = store

    def register(self, payload: RegistrationPayload, held: Held) -> tuple[Message, Model]:
        """Check a model's files and keep them.

        Raises:
            InvalidField: the files are not those of a model that this version can run.
            UnknownModel: it has no thresholds, so nothing could be decided with it.
            ModelExists
        """
        weights = self._store.get(payload.weights_key)
        try:
            manifest = Manifest.model_validate_json(self._store.get(payload.manifest_key))
            if manifest.name in CATALOGUE:
                raise InvalidField(f"`manifest`: {manifest.name!r} is the name of a model of Likeness's own.")
            if (manifest.parent, manifest.size) != (SFACE.name, len(weights)):
                raise InvalidField(f"`manifest` must describe these weights, trained from {SFACE.name}.")
            served = self._models.try_out(manifest, weights)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidField(f"`manifest` is not one that a training wrote: {where}: {first['msg']}.") from None
        except WeightsError as error:
            raise InvalidField(f"`weights`: {error}") from None
        FaceModelStore(self._store).put(held.job.tenant, manifest, weights)
        return RegistrationResult(model=served.identity, description=served.card.description), served.identity
