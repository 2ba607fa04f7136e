"""Faces: who is in a photo, is it him, who is it; and challenges before a camera."""

from collections.abc import Sequence
from typing import Unpack

from gateway.client._async.jobs import WAIT_S, AsyncJob, AsyncJobs
from gateway.client._async.transport import AsyncTransport
from gateway.client.calls import Call, File, at, checked_id, photos, placed
from gateway.client.documents import (
    Comparison,
    Detection,
    Enrolment,
    LivenessCheck,
    LivenessSession,
    Recognition,
    Verification,
)
from gateway.client.options import ComparisonOptions, EnrolmentOptions, RecognitionOptions, VerificationOptions


class AsyncFaces:
    """Every call makes a job and waits up to `wait` seconds for it; 0 returns it at once."""

    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport = transport
        self._jobs = jobs

    async def enrol(
        self, gallery: str, person: str, image: File, *, wait: float = WAIT_S, **options: Unpack[EnrolmentOptions]
    ) -> AsyncJob[Enrolment]:
        """Enrol a person from one photo; the first face that is stored makes the person."""
        path = at("galleries", gallery, "persons", person, "faces")
        return await self._jobs.start(path, {"image": image}, placed(options), wait=wait)

    async def delete(self, gallery: str, person: str, face: str, *, undo: bool = False) -> None:
        """Forget one photo's template; with `undo` also the person, when its enrolment made them."""
        path = at("galleries", gallery, "persons", person, "faces", face)
        await self._transport.json(Call("DELETE", path, query={"undo": "true"} if undo else {}))

    async def thumbnail(self, gallery: str, person: str, face: str) -> bytes:
        """A small JPEG of an enrolled face, where the gallery keeps one."""
        return await self._transport.content(at("galleries", gallery, "persons", person, "faces", face, "thumbnail"))

    async def verify(
        self,
        gallery: str,
        person: str | None,
        image: File | Sequence[File],
        *,
        wait: float = WAIT_S,
        **options: Unpack[VerificationOptions],
    ) -> AsyncJob[Verification]:
        """Is this the person? (1:1). A list of up to five frames is one attempt with one answer.

        Without a person `external_id` says who is claimed.
        """
        fields = placed({"person": person, **options})
        return await self._jobs.start(at("galleries", gallery, "verifications"), photos(image), fields, wait=wait)

    async def recognise(
        self,
        gallery: str,
        image: File | Sequence[File],
        *,
        wait: float = WAIT_S,
        **options: Unpack[RecognitionOptions],
    ) -> AsyncJob[Recognition]:
        """Who is this? (1:K). Every face of the photo has its own answer; a list of up to five frames has one."""
        return await self._jobs.start(at("galleries", gallery, "recognitions"), photos(image), options, wait=wait)

    async def compare(
        self, image_a: File, image_b: File, *, wait: float = WAIT_S, **options: Unpack[ComparisonOptions]
    ) -> AsyncJob[Comparison]:
        """Do two photos show one person? Nothing is stored."""
        files = {"image_a": image_a, "image_b": image_b}
        return await self._jobs.start(at("comparisons"), files, placed(options), wait=wait)

    async def detect(
        self, image: File, *, thorough: bool = False, max_faces: int | None = None, wait: float = WAIT_S
    ) -> AsyncJob[Detection]:
        """Every face with its box, landmarks, pose, quality and advice."""
        fields = {"thorough": thorough, "max_faces": max_faces}
        return await self._jobs.start(at("detections"), {"image": image}, fields, wait=wait)

    async def start_liveness(self, gallery: str | None = None) -> LivenessSession:
        """A liveness session: its challenge, to be answered within three minutes."""
        wanted = {} if gallery is None else {"gallery": checked_id(gallery)}
        made: LivenessSession = await self._transport.json(Call("POST", at("liveness-sessions"), json=wanted))
        return made

    async def liveness(self, session: str) -> LivenessSession:
        """The state of a liveness session."""
        found: LivenessSession = await self._transport.json(Call("GET", at("liveness-sessions", session)))
        return found

    async def answer_liveness(
        self, session: str, frames: Sequence[File], *, wait: float = WAIT_S
    ) -> AsyncJob[LivenessCheck]:
        """Send the frames of a camera, in order. Name the session in `verify` when it passed."""
        return await self._jobs.start(at("liveness-sessions", session, "frames"), {"frames": frames}, {}, wait=wait)
