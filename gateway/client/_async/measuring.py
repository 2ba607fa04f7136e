"""How good it is, and the models behind it: evaluations, calibrations, trainings, migrations."""

from typing import Any, Unpack

from gateway.client._async.jobs import WAIT_S, AsyncJob, AsyncJobs
from gateway.client._async.paging import pages
from gateway.client._async.transport import AsyncTransport
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


class AsyncMeasuring:
    """What takes minutes is not waited for unless asked."""

    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport = transport
        self._jobs = jobs

    async def evaluate(
        self,
        gallery: str,
        archive: File | None = None,
        *,
        pairs: File | None = None,
        seed: int = 0,
        wait: float = 0,
    ) -> AsyncJob[Evaluation]:
        """Measure the gallery's model on its own templates, or on a ZIP of photos.

        `pairs` is a file in the format of LFW's pairs.txt.
        """
        files = {"archive": archive, "pairs": pairs}
        return await self._jobs.start(at("galleries", gallery, "evaluations"), files, {"seed": seed}, wait=wait)

    async def calibrate(
        self,
        gallery: str,
        archive: File | None = None,
        *,
        target_fmr: float | None = None,
        target_fpir: float | None = None,
        wait: float = 0,
    ) -> AsyncJob[CalibrationResult]:
        """Measure the threshold that keeps an error rate; the gallery uses it from then on."""
        targets = {"target_fmr": target_fmr, "target_fpir": target_fpir}
        path = at("galleries", gallery, "calibrations")
        return await self._jobs.start(path, {"archive": archive}, targets, wait=wait)

    async def calibrations(self, gallery: str) -> list[KnownCalibration]:
        path = at("galleries", gallery, "calibrations")
        return [one async for one in pages(self._transport, path, "calibrations")]

    async def delete_calibration(self, gallery: str, policy: str) -> None:
        """Back to the model's own threshold."""
        await self._transport.json(Call("DELETE", at("galleries", gallery, "calibrations", policy)))


class AsyncModels:
    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport = transport
        self._jobs = jobs

    async def register(self, manifest: File, weights: File, *, wait: float = WAIT_S) -> AsyncJob[Registration]:
        """Register what `likeness train` wrote: manifest.json and model.safetensors."""
        return await self._jobs.start(at("models"), {"manifest": manifest, "weights": weights}, {}, wait=wait)

    async def train(
        self,
        name: str,
        archive: File,
        *,
        mining: str | None = None,
        margin: float | None = None,
        epochs: int | None = None,
        seed: int | None = None,
    ) -> AsyncJob[Training]:
        """Fine-tune a model on a ZIP of photos."""
        fields = {"name": name, "mining": mining, "margin": margin, "epochs": epochs, "seed": seed}
        return await self._jobs.start(at("trainings"), {"archive": archive}, fields, wait=0)

    async def delete(self, digest: str) -> None:
        """Delete a model of your own."""
        await self._transport.json(Call("DELETE", at("models", digest)))

    async def liveness(self) -> LivenessAvailability:
        """Which checks of liveness the installation can make, and what is missing for the others."""
        found: LivenessAvailability = (await self._transport.json(Call("GET", at("models"))))["liveness"]
        return found

    async def list(self) -> list[ModelCard]:
        return [one async for one in pages(self._transport, at("models"), "models")]


class AsyncMigrations:
    """A gallery moves to another model while it is in use."""

    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport = transport
        self._jobs = jobs

    async def start(self, gallery: str, model: str) -> Migration:
        """Begin: from now on faces are enrolled for both models."""
        return await self._migration("POST", at("galleries", gallery, "migrations"), {"model": model})

    async def get(self, gallery: str, migration: str) -> Migration:
        """How far it is, and who still needs a photo."""
        return await self._migration("GET", at("galleries", gallery, "migrations", migration))

    async def reembed(
        self,
        gallery: str,
        migration: str,
        person: str,
        image: File,
        *,
        wait: float = WAIT_S,
        **options: Unpack[PhotoOptions],
    ) -> AsyncJob[Enrolment]:
        """Supply a photo of a person again, for the new model."""
        path = at("galleries", gallery, "migrations", migration, "faces")
        return await self._jobs.start(path, {"image": image}, placed({"person": person, **options}), wait=wait)

    async def cut_over(self, gallery: str, migration: str, *, leave_behind: bool = False) -> Migration:
        """Search with the new model from now on; `leave_behind` although some people are not found then."""
        path = at("galleries", gallery, "migrations", migration, "cut-over")
        return await self._migration("POST", path, {"leave_behind": leave_behind})

    async def roll_back(self, gallery: str, migration: str) -> Migration:
        """Search with the former model again."""
        return await self._migration("POST", at("galleries", gallery, "migrations", migration, "roll-back"))

    async def complete(self, gallery: str, migration: str) -> None:
        """End it after the cut-over: the former model's templates are deleted."""
        await self._transport.json(Call("POST", at("galleries", gallery, "migrations", migration, "complete")))

    async def abandon(self, gallery: str, migration: str) -> None:
        """Give it up before the cut-over: the new model's templates are deleted."""
        await self._transport.json(Call("DELETE", at("galleries", gallery, "migrations", migration)))

    async def _migration(self, method: str, path: str, body: Any = None) -> Migration:
        found: Migration = await self._transport.json(Call(method, path, json=body))
        return found
