"""Chromium in front of the live stack, its webcam a file that shows a face."""

import io
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from shared.embedded.info import StackInfo
from tests.browser.console import Console

PHOTOS = Path(__file__).parents[1] / "data" / "faces"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CAMERA_PX = (640, 480)
KNOWN, STRANGER = "obama-2.jpg", "sunak.jpg"
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def chromium_path() -> str:
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return found
    missing = "Chromium is not installed: apt-get install chromium"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


# Of the package, not of the session: while Playwright is there no other test could run an event loop of its own.
@pytest.fixture(scope="package")
def playwright(chromium_path: str) -> Iterator[Playwright]:  # noqa: ARG001 - it must be there first
    with sync_playwright() as started:
        yield started


def framed(photo: str) -> Image.Image:
    """A photo as a camera would show it."""
    with Image.open(PHOTOS / photo) as opened:
        face = opened.convert("RGB")
    face.thumbnail(CAMERA_PX)
    frame = Image.new("RGB", CAMERA_PX, (90, 96, 104))
    frame.paste(face, ((CAMERA_PX[0] - face.width) // 2, (CAMERA_PX[1] - face.height) // 2))
    return frame


def film(photo: str, file: Path) -> Path:
    """A video of one photo, as Chromium takes it: JPEGs one after the other."""
    buffer = io.BytesIO()
    framed(photo).save(buffer, "JPEG", quality=92)
    file.write_bytes(buffer.getvalue() * 8)
    return file


def arguments(video: Path) -> list[str]:
    """Of a browser whose webcam shows a video to every page that asks."""
    return [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    ]


Browsers = Callable[[str], Browser]


@pytest.fixture(scope="package")
def browsers(
    playwright: Playwright, chromium_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browsers]:
    """A browser whose webcam shows a photo; one for each photo, which is said when a browser starts."""
    folder, started = tmp_path_factory.mktemp("films"), dict[str, Browser]()

    def browser(photo: str) -> Browser:
        if photo not in started:
            video = film(photo, folder / f"{photo}.mjpeg")
            started[photo] = playwright.chromium.launch(executable_path=chromium_path, args=arguments(video))
        return started[photo]

    yield browser
    for one in started.values():
        one.close()


MakeConsole = Callable[..., Console]


@pytest.fixture
def make_console(browsers: Browsers, stack: StackInfo) -> Iterator[MakeConsole]:
    """A console in a browser profile of its own; in the end none of them may have complained."""
    contexts: list[BrowserContext] = []
    made: list[Console] = []

    def make(
        *, key: str | None = stack.api_key, photo: str = KNOWN, width: int = 1280, scheme: str = "light"
    ) -> Console:
        context = browsers(photo).new_context(
            viewport={"width": width, "height": 860},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            locale="en-GB",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        made.append(console := Console(context.new_page(), stack.url))
        if key:
            console.keep_key(key)
        return console

    yield make
    for context in contexts:
        context.close()
    assert [complaint for console in made for complaint in console.complaints] == []


@pytest.fixture
def console(make_console: MakeConsole) -> Console:
    """Signed in with a key that may do everything."""
    return make_console()


@pytest.fixture
def http(stack: StackInfo) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60) as opened:
        yield opened


def enrol(http: httpx.Client, gallery: str, person: str, photo: str, **fields: str) -> None:
    answer = http.post(
        f"/v1/galleries/{gallery}/persons/{person}/faces",
        data=fields,
        files={"image": (photo, (PHOTOS / photo).read_bytes())},
        headers={"Prefer": "wait=20"},
    )
    assert answer.json()["result"]["verdict"] == "enrolled", answer.text


@pytest.fixture
def gallery(http: httpx.Client) -> str:
    """A new, empty gallery."""
    name = f"g-{uuid.uuid4().hex[:8]}"
    http.post("/v1/galleries", json={"id": name}).raise_for_status()
    return name


@pytest.fixture
def staff(http: httpx.Client, gallery: str) -> str:
    """A gallery that knows the one whom the webcam shows, by another photo, and his name."""
    enrol(http, gallery, "barack", "obama-1.jpg")
    http.put(f"/v1/galleries/{gallery}/persons/barack", json={"name": "Barack"}).raise_for_status()
    return gallery


MakeKey = Callable[..., str]


@pytest.fixture
def make_key(http: httpx.Client) -> MakeKey:
    """The token of a new key with these scopes."""

    def make(*scopes: str) -> str:
        answer = http.post("/v1/keys", json={"name": "browser", "scopes": list(scopes)})
        answer.raise_for_status()
        return str(answer.json()["token"])

    return make
