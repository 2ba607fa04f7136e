"""`make demo`: the whole path on real photos, through the HTTP API only."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from gateway.client import Client, Job
from gateway.client.demo.contact_sheet import Section, Tile, render
from gateway.client.demo.script import Enrolment, Recognition, Script, Stylization, Verification
from gateway.client.options import StyleOptions
from gateway.client.style_documents import Stylization as Stylized
from shared.embedded.info import StackInfo

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One line of `report.json`."""

    endpoint: str
    input: str
    expected: str
    verdict: str
    milliseconds: int
    ok: bool


@dataclass
class Demo:
    """Runs the script against a stack and collects what it answered."""

    script: Script
    client: Client
    photos: Path
    paintings: Path
    output: Path
    progress: Progress
    requests: list[Request] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    def run(self) -> None:
        made, elapsed = _timed(lambda: self.client.galleries.create(self.script.gallery))
        ok = made["id"] == self.script.gallery
        self.requests.append(Request("POST /v1/galleries", "", "created", "created" if ok else str(made), elapsed, ok))
        self._section("Enrolled from one photo each", self.script.enrolments, self._enrol)
        self._section("Is this the claimed person? (1:1)", self.script.verifications, self._verify)
        self._section("Who is this? (1:K)", self.script.recognitions, self._recognise)
        painted = [tile for step in self.script.stylizations for tile in self._stylize(step)]
        self.sections.append(Section("Repainted", painted))

    def _section(self, heading: str, steps: Any, act: Callable[[Any], Tile]) -> None:
        task = self.progress.add_task(heading, total=len(steps))
        tiles = []
        for step in steps:
            tiles.append(act(step))
            self.progress.advance(task)
        self.sections.append(Section(heading, tiles))

    def _enrol(self, step: Enrolment) -> Tile:
        photo = self.photos / step.photo
        job, elapsed = _timed(lambda: self.client.faces.enrol(self.script.gallery, step.person, photo))
        ok = self._note("POST /v1/galleries/{g}/persons/{p}/faces", step.photo, "enrolled", job, elapsed)
        return Tile(photo.read_bytes(), step.person, f"{elapsed} ms", ok, _boxes(_result(job)))

    def _verify(self, step: Verification) -> Tile:
        photo = self.photos / step.photo
        job, elapsed = _timed(lambda: self.client.faces.verify(self.script.gallery, step.claimed, photo))
        ok = self._note("POST /v1/galleries/{g}/verifications", step.photo, step.expected, job, elapsed)
        result = _result(job)
        note = f"{_score(result)}as {step.claimed}"
        return Tile(photo.read_bytes(), _verdict(job), note, ok, _boxes(result.get("face")))

    def _recognise(self, step: Recognition) -> Tile:
        photo = self.photos / step.photo
        job, elapsed = _timed(lambda: self.client.faces.recognise(self.script.gallery, photo))
        result = _result(job)
        endpoint = "POST /v1/galleries/{g}/recognitions"
        expected = f"{step.expected} {step.person}" if step.person else step.expected
        found = f"{_verdict(job)} {result['person']}" if result.get("person") else _verdict(job)
        ok = self._note(endpoint, step.photo, expected, job, elapsed, found)
        faces = result.get("faces") or [{}]
        note = f"{_score(faces[0])}{result.get('person') or ''}"
        boxes = [box for face in faces for box in _boxes(face)]
        return Tile(photo.read_bytes(), _verdict(job), note, ok, boxes)

    def _stylize(self, step: Stylization) -> list[Tile]:
        content = self.photos / step.content
        options: StyleOptions = {"mode": step.mode, "size": step.size}
        if step.steps:
            options["steps"] = step.steps
        task = self.progress.add_task(f"{step.mode} stylisation: {step.style}", total=step.steps or 1)
        started = time.monotonic()
        job = self._follow(self.client.stylizations.start(content, step.style, **options), task)
        self.progress.update(task, completed=step.steps or 1, total=step.steps or 1)
        elapsed = round((time.monotonic() - started) * 1000)
        ok = self._note("POST /v1/stylizations", f"{step.content} + {step.style}", "succeeded", job, elapsed)
        if not ok:
            return [Tile(content.read_bytes(), "content", _verdict(job), ok)]
        image = job.image()
        suffix = job.result["image"]["media_type"].rpartition("/")[2]
        name = f"{content.stem}-{step.style}-{step.mode}.{suffix}"
        (self.output / name).write_bytes(image)
        painting = self.paintings / f"{step.style}.jpg"
        return [
            Tile(content.read_bytes(), "content"),
            Tile(painting.read_bytes(), "+ style", step.style),
            Tile(image, f"= {step.mode}", f"{elapsed / 1000:.1f} s, {step.size} px", good=True),
        ]

    def _follow(self, job: Job[Stylized], task: TaskID) -> Job[Stylized]:
        """Show a job's progress until it is finished; the finished job."""
        for event in job.follow():
            if event.event == "progress":
                self.progress.update(task, completed=event.data["done"], total=event.data["total"])
        return job

    def _note(
        self,
        endpoint: str,
        name: str,
        expected: str,
        job: Job[Any],
        elapsed: int,
        found: str | None = None,
    ) -> bool:
        verdict = found or _verdict(job)
        ok = verdict == expected
        self.requests.append(Request(endpoint, name, expected, verdict, elapsed, ok))
        return ok


def run_demo(
    stack: StackInfo, script: Script, *, photos: Path, paintings: Path, output: Path, console: Console
) -> bool:
    """Drive a running stack; True when every verdict is the expected one."""
    output.mkdir(parents=True, exist_ok=True)
    text = TextColumn("{task.description}")
    columns = (SpinnerColumn(), text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Client(stack.url, stack.api_key) as client, Progress(*columns, console=console) as progress:
        demo = Demo(script, client, photos, paintings, output, progress)
        demo.run()
    ok = all(request.ok for request in demo.requests)
    report = {"ok": ok, "requests": [asdict(request) for request in demo.requests]}
    (output / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    render("Likeness: what the demo saw", demo.sections).save(output / "contact-sheet.png")
    console.print(_table(demo.requests))
    return ok


def _table(requests: list[Request]) -> Table:
    table = Table(title="Every request")
    for heading in ("endpoint", "input", "expected", "answer"):
        table.add_column(heading)
    table.add_column("ms", justify="right")
    for request in requests:
        colour = "green" if request.ok else "bold red"
        table.add_row(
            request.endpoint.rpartition("/")[2], request.input, request.expected,
            f"[{colour}]{request.verdict}[/]", str(request.milliseconds),
        )  # fmt: skip
    return table


def _timed(call: Callable[[], T]) -> tuple[T, int]:
    """The answer, and how many milliseconds it took."""
    started = time.monotonic()
    answer = call()
    return answer, round((time.monotonic() - started) * 1000)


def _result(job: Job[Any]) -> dict[str, Any]:
    """What the job made; empty when it made nothing."""
    return job.document.get("result") or {}


def _verdict(job: Job[Any]) -> str:
    """The verdict of a job, or what became of it."""
    if job.status != "succeeded":
        return f"{job.status}: {job.error['detail'] if job.error else ''}"
    return str(job.result.get("verdict", job.status))


def _score(result: dict[str, Any]) -> str:
    score = result.get("score")
    return "" if score is None else f"{score:.2f}  "


def _boxes(part: dict[str, Any] | None) -> list[tuple[float, float, float, float]]:
    box = (part or {}).get("box")
    return [(box["x"], box["y"], box["width"], box["height"])] if box else []
