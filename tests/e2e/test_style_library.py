"""The library of styles, end to end: on the real object store, and as the command line shows it."""

import io
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from gateway.client import ApiError, Client
from gateway.client.cli import app
from shared.embedded.info import StackInfo
from tests.e2e.conftest import PHOTOS

PICTURE = PHOTOS / "hopper.jpg"


@pytest.fixture
def style(client: Client) -> Iterator[str]:
    """An id of ones own, free again afterwards."""
    name = f"s-{uuid.uuid4().hex[:8]}"
    yield name
    if name in [known["id"] for known in client.styles.list()]:
        client.styles.delete(name)


def test_every_shipped_style_has_a_thumbnail(client: Client) -> None:
    shipped = [style for style in client.styles.list() if style["shared"]]
    assert {style["kind"] for style in shipped} == {"painting", "look"}
    for known in shipped:
        small = Image.open(io.BytesIO(client.styles.image(known["id"], thumbnail=True)))
        assert 64 < max(small.size) <= 256


def test_a_photo_is_repainted_after_a_style_of_ones_own_that_is_deleted_at_once(client: Client, style: str) -> None:
    client.styles.put(style, PICTURE, title="Hopper", licence="my own")
    job = client.stylizations.start(PHOTOS / "collins.png", style, mode="fine", size=96, steps=20).document
    client.styles.delete(style)
    job = client.jobs.wait(job["id"], None).document
    assert job["status"] == "succeeded", job
    assert Image.open(io.BytesIO(client.jobs.get(job["id"]).image())).width > 0


def test_uploads_of_one_style_at_once_end_in_one_of_them(client: Client, style: str, tmp_path: Path) -> None:
    files = []
    for side in range(70, 90):
        files.append(tmp_path / f"{side}.png")
        Image.new("RGB", (side, side), (side, 0, 0)).save(files[-1])
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda file: client.styles.put(style, file), files))
    found = client.styles.get(style)
    image = Image.open(io.BytesIO(client.styles.image(style)))
    assert image.size == (found["width"], found["height"])
    assert image.getpixel((0, 0)) == (found["width"], 0, 0)
    assert Image.open(io.BytesIO(client.styles.image(style, thumbnail=True))).size == image.size
    assert [known["id"] for known in client.styles.list()].count(style) == 1


def test_the_commands_add_list_show_and_delete(stack: StackInfo, client: Client, style: str, tmp_path: Path) -> None:
    def likeness(*words: str) -> str:
        run = CliRunner().invoke(app, ["styles", *words, "--url", stack.url, "--key", stack.api_key])
        assert run.exit_code == 0, run.output
        return run.output

    assert f"{style}: " in likeness("add", style, str(PICTURE), "--artist", "Ada", "--licence", "CC0-1.0")
    assert f"* {style}  {style}, Ada, licence: CC0-1.0\n" in likeness("list")
    assert "great-wave" in likeness("list", "hokusai", "wave")
    assert style not in likeness("list", "hokusai", "wave")
    shown = likeness("show", style, "--output", str(tmp_path / "back.jpg"))
    assert "CC0-1.0" in shown
    assert "fast, fine" in shown
    assert (tmp_path / "back.jpg").read_bytes() == PICTURE.read_bytes()
    assert "deleted" in likeness("delete", style)
    with pytest.raises(ApiError, match="style_not_found"):
        client.styles.get(style)
