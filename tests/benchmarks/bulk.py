"""Interactive calls beside a bulk job: what they take without one and with one, and what the bulk job gets done."""

import io
import statistics
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from gateway.client import Client
from gateway.client.style_documents import Batch, Stylization
from shared.embedded.stack import Stack
from tests.benchmarks.service import UNLIMITED
from tests.benchmarks.timing import table

PHOTOS = Path(__file__).parents[1] / "data" / "faces"
BULK_SIZE, INTERACTIVE_SIZE, SMALL = 384, 384, 64  # px
CALLS = 40  # of each kind, without and with the bulk job
STYLE = "great-wave"
PICTURES, DAMAGED = 1000, 10


def beside_interactive(calls: int = CALLS, size: int = INTERACTIVE_SIZE) -> str:
    """A fast stylisation and a verification with `Prefer: wait` over loopback, alone and while a batch is painted."""
    with (
        TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=UNLIMITED) as info,
        Client(info.url, info.api_key) as client,
    ):
        client.galleries.create("bench")
        client.faces.enrol("bench", "obama", PHOTOS / "obama-1.jpg")
        asks: dict[str, Callable[[], Any]] = {
            f"fast stylisation, {size} px": lambda: _painted(client, size),
            "verification": lambda: client.faces.verify("bench", "obama", PHOTOS / "obama-2.jpg").document,
        }
        for ask in asks.values():
            ask()
        alone = {name: _taken(ask, calls) for name, ask in asks.items()}
        batch = _begin_endless(client, Path(folder))
        _until(client, batch, lambda found: found["counts"]["done"] > 0)
        done, started = client.batches.get(batch)["counts"]["done"], time.perf_counter()
        beside = {name: _taken(ask, calls) for name, ask in asks.items()}
        seconds = time.perf_counter() - started
        rate = (client.batches.get(batch)["counts"]["done"] - done) / seconds
        client.batches.cancel(batch)
        _until(client, batch, _finished)
    rows = [_row(name, alone[name], beside[name]) for name in asks]
    return (
        "### Interactive calls beside a bulk job\n\n"
        f"The bulk job paints photos at {BULK_SIZE} px in fast mode, {rate:.2f} a second meanwhile, in its own worker "
        "at niceness 19; gateway, Redis, S3, every worker and the client share one machine.\n\n"
        + table(["call", "median alone, ms", "beside, ms", "95th percentile alone, ms", "beside, ms"], rows)
    )


def thousand(pictures: int = PICTURES, damaged: int = DAMAGED) -> str:
    """A batch of small pictures, some damaged: what comes of each, and how many a second the machinery carries."""
    with (
        TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack") as info,
        Client(info.url, info.api_key) as client,
    ):
        photos = _photos(Path(folder) / "photos", pictures, damaged)
        started = time.perf_counter()
        batch = client.batches.paint(photos, STYLE, size=SMALL)["id"]
        taken = time.perf_counter()
        _until(client, batch, _finished)
        done = time.perf_counter()
        counts = client.batches.get(batch)["counts"]
        errors = {
            item["name"]: error["code"] for item in client.batches.items(batch, "failed") if (error := item["error"])
        }
        with zipfile.ZipFile(io.BytesIO(b"".join(client.batches.results(batch)))) as archive:
            packed = len(archive.namelist()) - 1
    named = ", ".join(f"{name}: {code}" for name, code in sorted(errors.items()))
    return (
        f"### A batch of {pictures:,} pictures, {damaged} of them damaged\n\n"
        f"{SMALL} px, fast mode: {counts['done']:,} done, {counts['failed']} failed, {packed:,} pictures in the ZIP; "
        f"taken in after {taken - started:.1f} s, painted in {done - taken:.1f} s "
        f"({pictures / (done - taken):.1f} pictures/s).\n\n"
        f"The errors: {named}."
    )


def _painted(client: Client, size: int) -> Stylization:
    return client.stylizations.start(PHOTOS / "collins.png", STYLE, size=size, wait=600).result


def _taken(ask: Callable[[], Any], calls: int) -> list[float]:
    """Milliseconds of each call, in order of size."""
    taken = []
    for _ in range(calls):
        started = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)


def _begin_endless(client: Client, folder: Path) -> str:
    """A batch that lasts longer than the calls beside it."""
    photos = _photos(folder / "bulk", 400, 0, size=BULK_SIZE)
    return str(client.batches.paint(photos, "poppies", size=BULK_SIZE)["id"])


def _photos(folder: Path, count: int, damaged: int, size: int = SMALL) -> dict[str, Path]:
    """Photos that differ; the damaged ones end in the middle, evenly spread over the others."""
    folder.mkdir()
    with Image.open(PHOTOS / "collins.png") as image:
        small = image.convert("RGB").resize((size, size))
    every = count // damaged if damaged else count + 1
    found = {}
    for number in range(count):
        small.paste((number % 256, number // 256 % 256, 90), (0, 0, 8, 8))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG")
        data = buffer.getvalue()
        name = f"photo-{number:05d}.jpg"
        found[name] = folder / name
        found[name].write_bytes(data[: len(data) // 2] if number % every == every - 1 else data)
    return found


def _finished(batch: Batch) -> bool:
    return batch["finished_at"] is not None


def _until(client: Client, batch: str, condition: Callable[[Batch], bool]) -> None:
    while not condition(client.batches.get(batch)):
        time.sleep(0.2)


def _row(name: str, alone: list[float], beside: list[float]) -> list[str]:
    values = [statistics.median(alone), statistics.median(beside), _p95(alone), _p95(beside)]
    return [name, *(f"{value:.0f}" for value in values)]


def _p95(ordered: list[float]) -> float:
    return ordered[int(len(ordered) * 0.95)]
