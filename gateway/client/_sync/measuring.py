# Made of gateway/client/_async by `make client`: change it there.
"""How good it is, and the models behind it: evaluations, calibrations, trainings, migrations."""

from typing import Any, Unpack

from gateway.client._sync.jobs import WAIT_S, Job, Jobs
from gateway.client._sync.paging import pages
from gateway.client._sync.transport import Transport
from gateway.client.calls import Call, File, at, placed
from gateway.client.documents import Enrolment
from gateway.client.model_documents import (
    CalibrationResult,
    Evaluation,
    KnownCalibration,
    LivenessAvailability,
    Migration,
    ModelCard,
    Registration,
    Training,
)
from gateway.client.options import PhotoOptions


class Measuring:
    """What takes minutes is not waited for unless asked."""

    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport = transport
        self._jobs = jobs

    def evaluate(
        self,
        gallery: str,
        archive: File | None = None,
        *,
        pairs: File | None = None,
        seed: int = 0,
        wait: float = 0,
    ) -> Job[Evaluation]:
        """Measure the gallery's model on its own templates, or on a ZIP of photos.

        `pairs` is a file in the format of LFW's pairs.txt.
        """
        files = {"archive": archive, "pairs": pairs}
        return self._jobs.start(at("galleries", gallery, "evaluations"), files, {"seed": seed}, wait=wait)

    def calibrate(
        self,
        gallery: str,
        archive: File | None = None,
        *,
        target_fmr: float | None = None,
        target_fpir: float | None = None,
        wait: float = 0,
    ) -> Job[CalibrationResult]:
        """Measure the threshold that keeps an error rate; the gallery uses it from then on."""
        targets = {"target_fmr": target_fmr, "target_fpir": target_fpir}
        path = at("galleries", gallery, "calibrations")
        return self._jobs.start(path, {"archive": archive}, targets, wait=wait)

    def calibrations(self, gallery: str) -> list[KnownCalibration]:
        path = at("galleries", gallery, "calibrations")
        return list(pages(self._transport, path, "calibrations"))

    def delete_calibration(self, gallery: str, policy: str) -> None:
        """Back to the model's own threshold."""
        self._transport.json(Call("DELETE", at("galleries", gallery, "calibrations", policy)))


class Models:
    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport = transport
        self._jobs = jobs

    def register(self, manifest: File, weights: File, *, wait: float = WAIT_S) -> Job[Registration]:
        """Register what `likeness train` wrote: manifest.json and model.safetensors."""
        return self._jobs.start(at("models"), {"manifest": manifest, "weights": weights}, {}, wait=wait)

    def train(
        self,
        name: str,
        archive: File,
        *,
        mining: str | None = None,
        margin: float | None = None,
        epochs: int | None = None,
        seed: int | None = None,
    ) -> Job[Training]:
        """Fine-tune a model on a ZIP of photos."""
        fields = {"name": name, "mining": mining, "margin": margin, "epochs": epochs, "seed": seed}
        return self._jobs.start(at("trainings"), {"archive": archive}, fields, wait=0)

    def delete(self, digest: str) -> None:
        """Delete a model of your own."""
        self._transport.json(Call("DELETE", at("models", digest)))

    def liveness(self) -> LivenessAvailability:
        """Which checks of liveness the installation can make, and what is missing for the others."""
        found: LivenessAvailability = (self._transport.json(Call("GET", at("models"))))["liveness"]
        return found

    def list(self) -> list[ModelCard]:
        return list(pages(self._transport, at("models"), "models"))


class Migrations:
    """A gallery moves to another model while it is in use."""

    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport = transport
        self._jobs = jobs

    def start(self, gallery: str, model: str) -> Migration:
        """Begin: from now on faces are enrolled for both models."""
        return self._migration("POST", at("galleries", gallery, "migrations"), {"model": model})

    def get(self, gallery: str, migration: str) -> Migration:
        """How far it is, and who still needs a photo."""
        return self._migration("GET", at("galleries", gallery, "migrations", migration))

    def reembed(
        self,
        gallery: str,
        migration: str,
        person: str,
        image: File,
        *,
        wait: float = WAIT_S,
        **options: Unpack[PhotoOptions],
    ) -> Job[Enrolment]:
        """Supply a photo of a person again, for the new model."""
        path = at("galleries", gallery, "migrations", migration, "faces")
        return self._jobs.start(path, {"image": image}, placed({"person": person, **options}), wait=wait)

    def cut_over(self, gallery: str, migration: str, *, leave_behind: bool = False) -> Migration:
        """Search with the new model from now on; `leave_behind` although some people are not found then."""
        path = at("galleries", gallery, "migrations", migration, "cut-over")
        return self._migration("POST", path, {"leave_behind": leave_behind})

    def roll_back(self, gallery: str, migration: str) -> Migration:
        """Search with the former model again."""
        return self._migration("POST", at("galleries", gallery, "migrations", migration, "roll-back"))

    def complete(self, gallery: str, migration: str) -> None:
        """End it after the cut-over: the former model's templates are deleted."""
        self._transport.json(Call("POST", at("galleries", gallery, "migrations", migration, "complete")))

    def abandon(self, gallery: str, migration: str) -> None:
        """Give it up before the cut-over: the new model's templates are deleted."""
        self._transport.json(Call("DELETE", at("galleries", gallery, "migrations", migration)))

    def _migration(self, method: str, path: str, body: Any = None) -> Migration:
        found: Migration = self._transport.json(Call(method, path, json=body))
        return found
