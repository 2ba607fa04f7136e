"""A small client of the HTTP API, on httpx only.

with Client(url, api_key) as likeness:
    likeness.create_gallery("staff")
    likeness.enrol("staff", "ada", Path("ada.jpg"))
    print(likeness.verify("staff", "ada", Path("door.jpg"))["result"]["verdict"])
"""

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

WAIT_S = 25  # asked of the gateway by `Prefer: wait`; polling takes over after that
POLL_S = 0.3


class ApiError(Exception):
    """The gateway's problem document (RFC 9457): status, stable code, and what to do in the message."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code


class Client:
    def __init__(self, url: str, api_key: str, *, timeout: float = 40) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def create_gallery(self, gallery: str) -> dict[str, Any]:
        return self._json("POST", "/v1/galleries", json={"id": gallery})

    def galleries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", "/v1/galleries")["galleries"]
        return found

    def enrol(self, gallery: str, person: str, photo: Path) -> dict[str, Any]:
        """Enrol a person from one photo; the finished job."""
        return self._job(f"/v1/galleries/{gallery}/persons/{person}/faces", {"image": photo})

    def verify(self, gallery: str, person: str, photo: Path) -> dict[str, Any]:
        return self._job(f"/v1/galleries/{gallery}/verifications", {"image": photo}, {"person": person})

    def compare(self, photo_a: Path, photo_b: Path) -> dict[str, Any]:
        return self._job("/v1/comparisons", {"image_a": photo_a, "image_b": photo_b})

    def recognise(self, gallery: str, photo: Path, *, top_k: int = 5) -> dict[str, Any]:
        return self._job(f"/v1/galleries/{gallery}/recognitions", {"image": photo}, {"top_k": str(top_k)})

    def stylize(self, content: Path, style_id: str, **options: str | float) -> dict[str, Any]:
        """Start a stylisation; the job as accepted. Follow it with `progress`."""
        fields = {"style_id": style_id, **{name: str(value) for name, value in options.items()}}
        return self._upload("/v1/stylizations", {"content": content}, fields, wait=0)

    def job(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/jobs/{job_id}")

    def progress(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The job again and again, the finished one last."""
        while True:
            job = self.job(job_id)
            yield job
            if job["status"] not in {"queued", "running"}:
                return
            time.sleep(POLL_S)

    def image(self, job: dict[str, Any]) -> bytes:
        """The picture a finished stylisation made."""
        response = self._http.get(job["result"]["image"]["url"])
        self._check(response)
        return response.content

    def _job(self, path: str, files: dict[str, Path], fields: dict[str, str] | None = None) -> dict[str, Any]:
        job = self._upload(path, files, fields or {}, wait=WAIT_S)
        return job if job["status"] not in {"queued", "running"} else list(self.progress(job["id"]))[-1]

    def _upload(self, path: str, files: dict[str, Path], fields: dict[str, str], *, wait: int) -> dict[str, Any]:
        parts = {name: (file.name, file.read_bytes()) for name, file in files.items()}
        return self._json("POST", path, files=parts, data=fields, headers={"Prefer": f"wait={wait}"})

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = self._http.request(method, path, **arguments)
        self._check(response)
        answer: dict[str, Any] = response.json()
        return answer

    @staticmethod
    def _check(response: httpx.Response) -> None:
        if response.is_error:
            try:
                problem = response.json()
            except ValueError:
                problem = {}
            raise ApiError(
                response.status_code,
                problem.get("code", "no_problem_document"),
                problem.get("detail", response.reason_phrase),
            )
