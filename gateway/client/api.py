"""A small client of the HTTP API, on httpx only.

with Client(url, api_key) as likeness:
    likeness.create_gallery("staff")
    likeness.enrol("staff", "ada", Path("ada.jpg"))
    print(likeness.verify("staff", "ada", Path("door.jpg"))["result"]["verdict"])
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

WAIT_S = 25  # asked of the gateway by `Prefer: wait`; polling takes over after that
POLL_S = 0.3
BATCH_TIMEOUT_S = 600

Part = tuple[str, tuple[str | None, bytes]]  # of a form: field, file name if it is a file, content


def _id(text: str) -> str:
    """As one part of a path, whatever it holds."""
    return quote(text, safe="").replace(".", "%2E")  # two dots would be the parent folder


class ApiError(Exception):
    """The gateway's problem document (RFC 9457): status, stable code, and what to do in the message."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class Client:
    """`transport` takes the place of the network, in tests."""

    def __init__(
        self, url: str, api_key: str, *, timeout: float = 40, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def create_gallery(self, gallery: str, **rules: str | int) -> dict[str, Any]:
        """`rules`: model, lookalikes, templates_per_person, liveness."""
        return self._json("POST", "/v1/galleries", json={"id": gallery, **rules})

    def galleries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", "/v1/galleries")["galleries"]
        return found

    def gallery(self, gallery: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/galleries/{_id(gallery)}")

    def change_gallery(self, gallery: str, **rules: str | int) -> dict[str, Any]:
        """Change the rules of a gallery; those left out stay."""
        return self._json("PATCH", f"/v1/galleries/{_id(gallery)}", json=rules)

    def enrol(self, gallery: str, person: str, photo: Path) -> dict[str, Any]:
        """Enrol a person from one photo; the finished job."""
        return self._job(f"/v1/galleries/{_id(gallery)}/persons/{_id(person)}/faces", {"image": photo})

    def verify(self, gallery: str, person: str, photo: Path, **options: str) -> dict[str, Any]:
        """`options`: policy, liveness, liveness_session."""
        fields = {"person": person, **options}
        return self._job(f"/v1/galleries/{_id(gallery)}/verifications", {"image": photo}, fields)

    def compare(self, photo_a: Path, photo_b: Path, **options: str) -> dict[str, Any]:
        """`options`: policy, model."""
        return self._job("/v1/comparisons", {"image_a": photo_a, "image_b": photo_b}, options)

    def recognise(self, gallery: str, photo: Path, *, top_k: int = 5, **options: str) -> dict[str, Any]:
        """`options`: policy, thorough ("true": small faces beside large ones too), liveness, liveness_session."""
        fields = {"top_k": str(top_k), **options}
        return self._job(f"/v1/galleries/{_id(gallery)}/recognitions", {"image": photo}, fields)

    def detect(self, photo: Path, *, thorough: bool = False) -> dict[str, Any]:
        """Every face with its box, landmarks, pose, quality and advice."""
        return self._job("/v1/detections", {"image": photo}, {"thorough": str(thorough).lower()})

    def start_liveness(self, gallery: str | None = None) -> dict[str, Any]:
        """A liveness session: its challenge, to be answered within three minutes."""
        return self._json("POST", "/v1/liveness-sessions", json={"gallery": gallery} if gallery else {})

    def answer_liveness(self, session: str, frames: Sequence[Path]) -> dict[str, Any]:
        """Send the frames of a camera, in order; the finished job. Name the session in `verify` when it passed."""
        parts = [("frames", (frame.name, frame.read_bytes())) for frame in frames]
        return self._finished(self._send(f"/v1/liveness-sessions/{_id(session)}/frames", parts, wait=WAIT_S))

    # --- measuring, calibrating, changing the model ---

    def evaluate(
        self, gallery: str, archive: Path | None = None, *, pairs: Path | None = None, seed: int = 0
    ) -> dict[str, Any]:
        """Start an evaluation of the gallery's own templates, or of a ZIP of photos; follow it with `progress`.

        `pairs` is a file in the format of LFW's pairs.txt.
        """
        files = {name: file for name, file in (("archive", archive), ("pairs", pairs)) if file}
        return self._upload(f"/v1/galleries/{_id(gallery)}/evaluations", files, {"seed": str(seed)}, wait=0)

    def report(self, job: dict[str, Any]) -> dict[str, bytes]:
        """The files of the report of a finished evaluation or training, by name."""
        return {url.rpartition("/")[2]: self._bytes(url) for url in job["links"]["report"]}

    def calibrate(self, gallery: str, archive: Path | None = None, **target: float) -> dict[str, Any]:
        """Start a calibration for `target_fmr` or `target_fpir`; follow it with `progress`."""
        fields = {name: str(value) for name, value in target.items()}
        return self._start(f"/v1/galleries/{_id(gallery)}/calibrations", archive, fields)

    def calibrations(self, gallery: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", f"/v1/galleries/{_id(gallery)}/calibrations")["calibrations"]
        return found

    def models(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", "/v1/models")["models"]
        return found

    def train(self, name: str, archive: Path, **options: str | float) -> dict[str, Any]:
        """Start a training on a ZIP of photos; `options`: mining, margin, epochs, seed. Follow it with `progress`."""
        fields = {"name": name, **{option: str(value) for option, value in options.items()}}
        return self._start("/v1/trainings", archive, fields)

    def register_model(self, folder: Path) -> dict[str, Any]:
        """Register what `likeness train` wrote into a folder; the finished job."""
        files = {"manifest": folder / "manifest.json", "weights": folder / "model.safetensors"}
        return self._job("/v1/models", files)

    def start_migration(self, gallery: str, model: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/galleries/{_id(gallery)}/migrations", json={"model": model})

    def migration(self, gallery: str, migration: str) -> dict[str, Any]:
        """How far it is, and who still needs a photo."""
        return self._json("GET", f"/v1/galleries/{_id(gallery)}/migrations/{_id(migration)}")

    def reembed(self, gallery: str, migration: str, person: str, photo: Path) -> dict[str, Any]:
        """Supply a photo of a person again, for the new model; the finished job."""
        path = f"/v1/galleries/{_id(gallery)}/migrations/{_id(migration)}/faces"
        return self._job(path, {"image": photo}, {"person": person})

    def cut_over(self, gallery: str, migration: str, *, leave_behind: bool = False) -> dict[str, Any]:
        path = f"/v1/galleries/{_id(gallery)}/migrations/{_id(migration)}/cut-over"
        return self._json("POST", path, json={"leave_behind": leave_behind})

    def roll_back(self, gallery: str, migration: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/galleries/{_id(gallery)}/migrations/{_id(migration)}/roll-back")

    def complete_migration(self, gallery: str, migration: str) -> None:
        self._request("POST", f"/v1/galleries/{_id(gallery)}/migrations/{_id(migration)}/complete")

    def abandon_migration(self, gallery: str, migration: str) -> None:
        self._request("DELETE", f"/v1/galleries/{_id(gallery)}/migrations/{_id(migration)}")

    # --- style ---

    def stylize(self, content: Path, style: str | Path, **options: str | float) -> dict[str, Any]:
        """Start a stylisation; the job as accepted. Follow it with `progress`.

        `style` is the id of a style of the library, or a picture.
        """
        return self._stylize(content, style, options, wait=0)

    # --- styles ---

    def styles(self, words: str = "") -> Iterator[dict[str, Any]]:
        """Every style that has these words in its id, title or artist; those that come with Likeness first."""
        query = {"q": words} if words else {}
        while True:
            page = self._json("GET", "/v1/styles", params=query)
            yield from page["styles"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def style(self, style: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/styles/{_id(style)}")

    def put_style(self, style: str, picture: Path, **about: str) -> dict[str, Any]:
        """Add a style of your own, or replace one; `about`: title, artist, year, licence."""
        texts: list[Part] = [(name, (None, text.encode())) for name, text in about.items()]
        parts: list[Part] = [*texts, ("image", (picture.name, picture.read_bytes()))]
        return self._json("PUT", f"/v1/styles/{_id(style)}", files=parts)

    def style_image(self, style: str, *, thumbnail: bool = False) -> bytes:
        """The picture of a style as it was uploaded, or a small JPEG of it; looks have the latter only."""
        return self._bytes(f"/v1/styles/{_id(style)}/{'thumbnail' if thumbnail else 'image'}")

    def delete_style(self, style: str) -> None:
        self._request("DELETE", f"/v1/styles/{_id(style)}")

    def job(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/jobs/{_id(job_id)}")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel a job: at once when it is queued, at its next step when it runs."""
        return self._json("POST", f"/v1/jobs/{_id(job_id)}/cancel")

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
        return self._bytes(job["result"]["image"]["url"])

    def stylize_now(self, content: Path, style: str | Path, **options: str | float) -> dict[str, Any]:
        """The finished stylisation."""
        return self._finished(self._stylize(content, style, options, wait=WAIT_S))

    def _stylize(
        self, content: Path, style: str | Path, options: Mapping[str, str | float], *, wait: int
    ) -> dict[str, Any]:
        fields = {name: str(value) for name, value in options.items()}
        files = {"content": content}
        if isinstance(style, Path):
            files["style"] = style
        else:
            fields["style_id"] = style
        return self._upload("/v1/stylizations", files, fields, wait=wait)

    # --- batches ---

    def create_batch(
        self, images: Mapping[str, Path], style: str | Path, *, manifest: str | None = None, **options: str | float
    ) -> dict[str, Any]:
        """Start to paint many pictures.

        Args:
            images: name to send it under -> the picture's file.
            style: the id of a style of the library, or a picture.
            manifest: JSON lines that name the pictures and give each an id; without, each one's name becomes its id.
            options: of every stylisation.
        """
        fields = {name: str(value) for name, value in options.items()}
        parts: list[Part] = [("images", (name, file.read_bytes())) for name, file in images.items()]
        if isinstance(style, Path):
            parts.append(("style", (style.name, style.read_bytes())))
        else:
            fields["style_id"] = style
        if manifest is not None:
            parts.append(("manifest", ("manifest.jsonl", manifest.encode())))
        texts: list[Part] = [(name, (None, text.encode())) for name, text in fields.items()]
        # taking in thousands of pictures lasts longer than other calls
        return self._json("POST", "/v1/batches", files=[*texts, *parts], timeout=BATCH_TIMEOUT_S)

    def batches(self) -> Iterator[dict[str, Any]]:
        """The newest first."""
        return self._pages("/v1/batches", "batches")

    def batch(self, batch: str) -> dict[str, Any]:
        """How far it is."""
        return self._json("GET", f"/v1/batches/{_id(batch)}")

    def turn_batch(self, batch: str, turn: str) -> dict[str, Any]:
        """`turn`: pause, resume or cancel."""
        return self._json("POST", f"/v1/batches/{_id(batch)}/{turn}")

    def batch_items(self, batch: str, **query: str) -> Iterator[dict[str, Any]]:
        """What became of each item; `query`: status."""
        return self._pages(f"/v1/batches/{_id(batch)}/items", "items", limit="1000", **query)

    def batch_image(self, item: dict[str, Any]) -> bytes:
        """The picture of an item that succeeded."""
        return self._bytes(item["image"]["url"])

    def batch_results(self, batch: str) -> Iterator[bytes]:
        """The ZIP of all pictures and the manifest, piece by piece."""
        with self._http.stream("GET", f"/v1/batches/{_id(batch)}/results.zip") as response:
            if response.is_error:
                response.read()
            self._check(response)
            yield from response.iter_bytes()

    def _pages(self, path: str, name: str, **query: str) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = self._json("GET", path, params={**query, **cursor})
            yield from page[name]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def _start(self, path: str, archive: Path | None, fields: dict[str, str]) -> dict[str, Any]:
        return self._upload(path, {"archive": archive} if archive else {}, fields, wait=0)

    def _job(self, path: str, files: dict[str, Path], fields: dict[str, str] | None = None) -> dict[str, Any]:
        return self._finished(self._upload(path, files, fields or {}, wait=WAIT_S))

    def _finished(self, job: dict[str, Any]) -> dict[str, Any]:
        return job if job["status"] not in {"queued", "running"} else list(self.progress(job["id"]))[-1]

    def _upload(self, path: str, files: dict[str, Path], fields: dict[str, str], *, wait: int) -> dict[str, Any]:
        # a form even without a file: httpx would send the fields url-encoded
        texts: list[Part] = [(name, (None, text.encode())) for name, text in fields.items()]
        parts: list[Part] = [(name, (file.name, file.read_bytes())) for name, file in files.items()]
        return self._send(path, [*texts, *parts], wait=wait)

    def _send(self, path: str, parts: Sequence[Part], *, wait: int) -> dict[str, Any]:
        return self._json("POST", path, files=parts, headers={"Prefer": f"wait={wait}"})

    def _bytes(self, path: str) -> bytes:
        return self._request("GET", path).content

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._request(method, path, **arguments).json()
        return answer

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._http.request(method, path, **arguments)
        self._check(response)
        return response

    @staticmethod
    def _check(response: httpx.Response) -> None:
        if not response.is_success:
            try:
                problem = response.json()
            except ValueError:
                problem = {}
            raise ApiError(
                response.status_code,
                problem.get("code", "no_problem_document"),
                problem.get("detail", response.reason_phrase),
            )
