"""Batches through the whole system: what was accepted is done, whatever dies meanwhile, and errors have names."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from gateway.client import ApiError, Client, ConnectionFailed, ServiceUnavailable
from gateway.client.commands.painting import STATE
from gateway.client.style_documents import Batch
from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from tests.e2e.conftest import PHOTOS, Restricted
from tests.live_stack import wait_until_ready

SIZE = 64


def photo(number: int) -> bytes:
    """A small photo, each a little different."""
    buffer = io.BytesIO()
    with Image.open(PHOTOS / "collins.png") as image:
        small = image.convert("RGB").resize((SIZE, SIZE))
    small.paste((number % 256, number // 256, 90), (0, 0, 8, 8))
    small.save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder of photos, some of them damaged: half of one, text instead of one, in turn."""

    def make(count: int, damaged: int = 0) -> Path:
        made = tmp_path / "photos"
        made.mkdir()
        for number in range(count):
            data = photo(number)
            if number < damaged:
                data = data[: len(data) // 2] if number % 2 else b"no picture"
            (made / f"photo-{number:04d}.jpg").write_bytes(data)
        return made

    return make


def start(client: Client, folder: Path) -> Batch:
    images = {file.name: file for file in sorted(folder.iterdir())}
    return client.batches.paint(images, "poppies", size=SIZE)


def wait_for(client: Client, batch: str, until: Callable[[Batch], bool], seconds: float = 120) -> Batch:
    """The batch when it is so; while the system cannot be reached it is asked again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(ConnectionFailed, ServiceUnavailable):
            if until(found := client.batches.get(batch)):
                return found
        time.sleep(0.1)
    raise AssertionError("not in time")


def finished(batch: Batch) -> bool:
    return batch["finished_at"] is not None


def some_done(batch: Batch) -> bool:
    return bool(batch["counts"]["done"] >= 3)


def test_damaged_pictures_are_named_and_all_others_painted(client: Client, folder: Callable[..., Path]) -> None:
    batch = start(client, folder(300, damaged=10))
    done = wait_for(client, batch["id"], finished, seconds=280)
    assert done["status"] == "succeeded"
    assert (done["counts"]["done"], done["counts"]["failed"]) == (290, 10)
    errors = {
        item["name"]: item["error"] and item["error"]["code"]
        for item in client.batches.items(batch["id"], status="failed")
    }
    codes = ("unsupported_image", "corrupt_image")
    assert errors == {f"photo-{number:04d}.jpg": codes[number % 2] for number in range(10)}
    with zipfile.ZipFile(io.BytesIO(b"".join(client.batches.results(batch["id"])))) as archive:
        told = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert len(archive.namelist()) == 290 + 1
        for line in told[10:20]:
            with Image.open(io.BytesIO(archive.read(line["file"]))) as image:
                assert image.size == (SIZE, SIZE)


def test_a_paused_batch_stands_still_and_goes_on(client: Client, folder: Callable[..., Path]) -> None:
    batch = start(client, folder(60))["id"]
    wait_for(client, batch, some_done)
    client.batches.pause(batch)
    still = wait_for(client, batch, lambda found: found["counts"]["running"] == 0)
    assert still["counts"]["queued"] > 0
    time.sleep(1.5)
    assert client.batches.get(batch)["counts"] == still["counts"]
    client.batches.resume(batch)
    assert wait_for(client, batch, finished)["counts"]["done"] == 60


def test_a_cancelled_batch_keeps_what_is_done(client: Client, folder: Callable[..., Path]) -> None:
    batch = start(client, folder(60))["id"]
    wait_for(client, batch, some_done)
    client.batches.cancel(batch)
    done = wait_for(client, batch, finished)
    assert done["status"] == "cancelled"
    assert done["counts"]["cancelled"] > 0
    kept = list(client.batches.items(batch, status="succeeded"))
    assert len(kept) == done["counts"]["done"] >= 3
    assert all(client.batches.image(item) for item in kept)


@pytest.mark.parametrize("process", ["style-bulk", "housekeeping", "gateway", "redis"])
def test_a_process_that_is_killed_in_the_middle_costs_no_item(
    running: Stack, stack: StackInfo, client: Client, folder: Callable[..., Path], process: str
) -> None:
    batch = start(client, folder(60))["id"]
    wait_for(client, batch, some_done)
    os.kill(running.supervisor.pid(process), signal.SIGKILL)
    done = wait_for(client, batch, finished)
    assert (done["status"], done["counts"]["done"], done["counts"]["failed"]) == ("succeeded", 60, 0)
    assert len({item["job"] for item in client.batches.items(batch)}) == 60, "each once"
    wait_until_ready(stack)  # the tests that follow find everything there


def test_housekeeping_leaves_nothing_behind_when_it_is_killed(running: Stack) -> None:
    housekeeping = psutil.Process(running.supervisor.pid("housekeeping"))
    assert housekeeping.children(recursive=True) == []


def test_an_interactive_picture_does_not_wait_for_a_batch(client: Client, folder: Callable[..., Path]) -> None:
    batch = start(client, folder(150))["id"]
    wait_for(client, batch, some_done)
    job = client.jobs.wait(client.stylizations.start(PHOTOS / "collins.png", "great-wave", size=SIZE).id, None).document
    assert job["status"] == "succeeded"
    assert not finished(client.batches.get(batch))
    client.batches.cancel(batch)
    wait_for(client, batch, finished)


def test_the_bulk_worker_gives_way_to_every_other(running: Stack) -> None:
    niceness = {name: psutil.Process(running.supervisor.pid(name)).nice() for name in ("style", "style-bulk")}
    assert niceness["style-bulk"] > niceness["style"]
    session = Path(f"/proc/{running.supervisor.pid('style-bulk')}/autogroup")
    if session.exists():  # of kernels that weigh sessions before processes
        assert session.read_text().split()[-1] == str(niceness["style-bulk"])


def test_batches_need_the_scope(restricted: Restricted, folder: Callable[..., Path]) -> None:
    with restricted({"verify"}) as nobody, pytest.raises(ApiError) as refusal:
        start(nobody, folder(1))
    assert refusal.value.code == "forbidden"


# --- the command line ---


def likeness(stack: StackInfo, *arguments: str | Path) -> subprocess.Popen[str]:
    # whoever was started in the background ignores Ctrl-C, and so do its children unless they are told otherwise
    command = ["env", "--default-signal=INT", sys.executable, "-m", "gateway.client.cli", *map(str, arguments)]
    environment = {**os.environ, "LIKENESS_URL": stack.url, "LIKENESS_API_KEY": stack.api_key}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_folder_is_painted_into_a_folder_and_errors_are_named(
    stack: StackInfo, folder: Callable[..., Path], tmp_path: Path
) -> None:
    photos, output = folder(20, damaged=1), tmp_path / "painted"
    command = ("stylize", photos, "--style", "poppies", "-o", output, "--size", SIZE)
    process = likeness(stack, *map(str, command))
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "photo-0000.jpg: unsupported_image" in told
    assert "19 of 20 photos are painted" in told
    assert len(list(output.glob("photo-*.jpeg"))) == 19


def test_a_command_that_is_interrupted_goes_on_where_it_stopped(
    stack: StackInfo, client: Client, folder: Callable[..., Path], tmp_path: Path
) -> None:
    count = 300
    photos, output = folder(count), tmp_path / "painted"
    command = ["stylize", str(photos), "--style", str(PHOTOS / "hopper.jpg"), "-o", str(output), "--size", str(SIZE)]
    process = likeness(stack, *command)
    end = time.monotonic() + 60
    while not list(output.glob("photo-*")):
        assert time.monotonic() < end
        time.sleep(0.05)
    [begun] = json.loads((output / STATE).read_text())["batches"]
    client.batches.pause(begun["id"])  # or a fast machine is done before the interrupt comes
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"likeness batches cancel {begun['id']}" in told
    client.batches.resume(begun["id"])
    early = {path: path.stat().st_mtime_ns for path in output.glob("photo-*")}
    assert 0 < len(early) < count

    batches = len(list(client.batches.list()))
    process = likeness(stack, *command, "--json")
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert len(json.loads(told)["pictures"]) == len(list(output.glob("photo-*"))) == count
    assert len(list(client.batches.list())) == batches, "the same batch was gone on with"
    assert {path: path.stat().st_mtime_ns for path in early} == early, "what was there was left alone"


def test_one_photo_is_painted_at_once(stack: StackInfo, tmp_path: Path) -> None:
    process = likeness(stack, "stylize", PHOTOS / "collins.png", "-s", "poppies", "-o", tmp_path, "--size", "96")
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "1 of 1" in told
    with Image.open(tmp_path / "collins.jpeg") as image:
        assert max(image.size) == 96
