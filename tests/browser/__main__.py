"""Pictures of the console for docs/console.md: `python -m tests.browser`. Only portraits in the public domain."""

import io
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from tests.browser.conftest import CHROMIUM_NAMES, KNOWN, PHOTOS, arguments, enrol, film
from tests.browser.console import Console

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "console"
PEOPLE: Mapping[str, tuple[str, list[str], str]] = {
    "barack": ("Barack Obama", ["obama-1.jpg", "obama-3.jpg"], "speakers"),
    "eileen": ("Eileen Collins", ["collins.png"], "crew"),
    "grace": ("Grace Hopper", ["hopper.jpg"], "crew"),
    "jacinda": ("Jacinda Ardern", ["ardern-2022.jpg"], "speakers"),
}
STYLES = ("poppies", "great-wave", "summertime", "composition-viii")
DESK, PHONE = (1280, 860), (360, 780)
SHOWN_PX = 960


def seed(stack: StackInfo) -> None:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60) as http:
        http.post("/v1/galleries", json={"id": "staff"}).raise_for_status()
        http.post("/v1/galleries", json={"id": "vault", "liveness": "active"}).raise_for_status()
        for person, (name, photos, group) in PEOPLE.items():
            for photo in photos:
                enrol(http, "staff", person, photo)
            fields = {"name": name, "groups": [group]}
            http.put(f"/v1/galleries/staff/persons/{person}", json=fields).raise_for_status()
        for style in STYLES:
            files = {"content": (PHOTOS / "obama-4.jpg").read_bytes()}
            fields = {"style_id": style, "size": "512"}
            http.post("/v1/stylizations", data=fields, files=files, headers={"Prefer": "wait=25"})


def keep(page: Page, name: str) -> None:
    """The page as it is, as a small WebP."""
    page.wait_for_timeout(800)
    with Image.open(io.BytesIO(page.screenshot())) as taken:
        taken.thumbnail((SHOWN_PX, SHOWN_PX))
        taken.convert("RGB").save(FOLDER / f"{name}.webp", quality=82, method=6)
    sys.stdout.write(f"{name}\n")


def console(browser: Browser, stack: StackInfo, size: tuple[int, int], scheme: str) -> Console:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    context.add_init_script("Object.defineProperty(MediaDeviceInfo.prototype, 'label', { get: () => 'Front door' })")
    made = Console(context.new_page(), stack.url)
    made.keep_key(stack.api_key)
    return made


def enrolling(on: Console) -> None:
    page = on.open("/galleries/staff/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "macron-2025.jpg")
    page.get_by_text("Quality").wait_for()
    keep(page, "enrol")


def door(on: Console, name: str) -> None:
    page = on.open("/door?gallery=staff&device=front", "Door")
    on.button("Start").click()
    page.get_by_text("Granted").first.wait_for()
    page.get_by_text("times").wait_for()
    keep(page, name)


def challenge(on: Console) -> None:
    page = on.open("/door?gallery=vault&device=front", "Door")
    on.button("Start").click()
    on.button("Begin").click()
    page.get_by_text("Movement 1 of").wait_for()
    keep(page, "challenge")


def compare(on: Console) -> None:
    page = on.open("/compare", "Compare")
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / "obama-1.jpg")
    page.get_by_label("Choose a file: Second photo").set_input_files(PHOTOS / "obama-3.jpg")
    on.button("Compare").click()
    page.locator(".chart svg").wait_for()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    keep(page, "compare")


def studio(on: Console) -> None:
    page = on.open("/studio", "Style studio")
    page.get_by_label("Preview as I change things").uncheck()
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "collins.png")
    on.button("Paint").click()
    page.locator(".before-after").wait_for()
    page.evaluate("window.scrollTo(0, 380)")
    keep(page, "studio")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = next(found for name in CHROMIUM_NAMES if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as home, Stack(Path(home) / "stack") as stack, sync_playwright() as playwright:
        seed(stack)
        video = film(KNOWN, Path(home) / "camera.mjpeg")
        browser = playwright.chromium.launch(executable_path=path, args=arguments(video))
        light = console(browser, stack, DESK, "light")
        enrolling(light)
        compare(light)
        studio(console(browser, stack, DESK, "dark"))
        door(console(browser, stack, DESK, "light"), "door")
        door(console(browser, stack, PHONE, "dark"), "door-phone")
        challenge(console(browser, stack, DESK, "light"))
        browser.close()


if __name__ == "__main__":
    main()
