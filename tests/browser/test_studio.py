"""The style studio and batches of paintings."""

import re
import time

import httpx
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import PHOTOS
from tests.browser.console import Console

NAMES = ("hopper.jpg", "biden.jpg")


def choose_photo(page: Page) -> None:
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "collins.png")


def put(page: Page, label: str, value: int) -> None:
    """Move a slider."""
    page.get_by_label(label).fill(str(value))


def test_a_photo_is_painted_fast_and_compared_by_keyboard(console: Console) -> None:
    page = console.open("/studio", "Style studio")
    page.get_by_label("Preview as I change things").uncheck()
    choose_photo(page)
    page.get_by_label("Find a style").fill("poppies")
    expect(page.get_by_role("radio", name="Poppies")).to_be_checked()
    put(page, "Size", 256)
    console.button("Paint").click()
    handle = page.get_by_role("slider", name="How much of the original is shown")
    expect(handle).to_be_visible()
    handle.focus()
    page.keyboard.press("Home")
    assert page.locator(".before-after").evaluate("e => e.style.getPropertyValue('--cut')") == "0%"
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", "1 % original, 99 % painted")
    with page.expect_download() as download:
        console.button("Download").click()
    assert download.value.suggested_filename.endswith(".jpeg")
    expect(page.locator(".paintings li").first).to_contain_text("poppies")


def test_what_was_missing_is_not_said_any_more_when_it_is_there(console: Console) -> None:
    page = console.open("/studio", "Style studio")
    page.get_by_label("Preview as I change things").uncheck()
    console.button("Paint").click()
    missing = page.get_by_text("Choose a photo first.")
    expect(missing).to_be_visible()
    choose_photo(page)
    expect(missing).to_have_count(0)


def test_a_painting_that_cannot_be_downloaded_says_why(console: Console, http: httpx.Client) -> None:
    files = {"content": (PHOTOS / "collins.png").read_bytes()}
    fields = {"style_id": "poppies", "size": "128"}
    http.post("/v1/stylizations", data=fields, files=files, headers={"Prefer": "wait=20"}).raise_for_status()
    console.refusals.add(404)
    page = console.open("/studio", "Style studio")
    download = page.get_by_role("button", name="Download the painting after poppies").first
    expect(download).to_be_visible()
    gone = {"status": 404, "json": {"detail": "It is deleted: paint it again.", "code": "not_found"}}
    page.route("**/v1/jobs/*/image", lambda route: route.fulfill(**gone))
    download.click()
    expect(page.get_by_role("alert").filter(has_text="paint it again")).to_be_visible()


def test_changes_show_a_small_preview(console: Console) -> None:
    page = console.open("/studio", "Style studio")
    choose_photo(page)
    preview = page.get_by_role("img", name="Preview")
    expect(preview).to_be_visible()
    first = preview.get_attribute("src")
    page.get_by_role("radio", name="Village Street in Auvers").check(force=True)
    expect(preview).not_to_have_attribute("src", first or "")
    assert preview.evaluate("image => image.naturalWidth") == 256


def test_a_fine_painting_grows_before_ones_eyes(console: Console) -> None:
    page = console.open("/studio", "Style studio")
    page.get_by_label("Preview as I change things").uncheck()
    choose_photo(page)
    page.get_by_text("optimised step by step").click()
    page.get_by_label("Preset").select_option("sketch")
    put(page, "Size", 128)
    put(page, "Steps", 40)
    console.button("Paint").click()
    expect(page.get_by_role("img", name="The painting after")).to_be_visible()
    assert int(page.get_by_role("progressbar", name="Painting").get_attribute("max") or 0) == 40
    expect(page.get_by_role("slider", name="How much of the original is shown")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("style cost")).to_be_visible()


def test_a_fine_painting_is_stopped(console: Console) -> None:
    page = console.open("/studio", "Style studio")
    page.get_by_label("Preview as I change things").uncheck()
    choose_photo(page)
    page.get_by_text("optimised step by step").click()
    put(page, "Steps", 300)
    console.button("Paint").click()
    console.button("Stop").click()
    expect(page.get_by_text("The job was cancelled.")).to_be_visible()


def test_a_picture_of_ones_own_is_a_style_and_can_be_kept(console: Console, http: httpx.Client) -> None:
    page = console.open("/studio", "Style studio")
    page.get_by_label("Preview as I change things").uncheck()
    choose_photo(page)
    name = f"own{time.time_ns()}"
    own: FilePayload = {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": (PHOTOS / "group.jpg").read_bytes()}
    page.get_by_label("Use a picture of my own").set_input_files(own)
    expect(page.get_by_role("radio", name="My own")).to_be_checked()
    put(page, "Size", 192)
    console.button("Paint").click()
    expect(page.get_by_role("slider", name="How much of the original is shown")).to_be_visible()
    console.button("Keep it in the library").click()
    expect(page.get_by_role("radio", name=name)).to_be_visible()
    page.get_by_label("Use a picture of my own").set_input_files(own)
    console.button("Keep it in the library").click()
    expect(page.get_by_role("radio", name=f"{name}-2")).to_be_visible()
    assert http.delete(f"/v1/styles/{name}").status_code == 204
    assert http.delete(f"/v1/styles/{name}-2").status_code == 204


def test_looks_are_offered_for_the_fast_mode_only(console: Console) -> None:
    page = console.open("/studio", "Style studio")
    looks = page.locator(".style[data-modes='fast']")
    expect(looks.first).to_be_visible()
    page.get_by_text("optimised step by step").click()
    expect(looks.first).to_be_hidden()


def test_a_batch_is_painted_and_its_results_are_seen(console: Console) -> None:
    page = console.open("/batches", "Batches")
    page.get_by_role("heading", name="Paint many pictures").click()
    broken: FilePayload = {"name": "<b>broken.png", "mimeType": "image/png", "buffer": b"no picture"}
    photos = [FilePayload(name=name, mimeType="image/jpeg", buffer=(PHOTOS / name).read_bytes()) for name in NAMES]
    page.get_by_label("Choose files: pictures or a ZIP").set_input_files([*photos, broken])
    expect(page.get_by_text("3 files chosen")).to_be_visible()
    expect(page.get_by_role("radio", name="The Great Wave off Kanagawa")).to_be_checked()
    put(page, "Size", 128)
    console.button("Begin").click()
    expect(page).to_have_url(re.compile("#/batches/[0-9a-f]"))
    expect(page.locator(".card").get_by_text("2 of 3 items done · 1 failed")).to_be_visible()
    expect(page.get_by_role("img", name="Painted hopper.jpg")).to_be_visible()
    expect(page.get_by_role("cell", name="<b>broken.png")).to_be_visible()
    page.get_by_label("Show").select_option("failed")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        console.button("Download the results").click()
    assert download.value.suggested_filename.endswith(".zip")
    former = page.url
    console.button("Try the failed ones again").click()
    expect(page.get_by_text("0 of 1 item done · 1 failed")).to_be_visible()
    assert page.url != former


def test_a_batch_is_paused_resumed_and_cancelled(console: Console, http: httpx.Client) -> None:
    photo = (PHOTOS / "hopper.jpg").read_bytes()
    files = [("images", (f"{number}.jpg", photo)) for number in range(30)]
    fields = {"style_id": "poppies", "mode": "fine", "steps": "200", "size": "256"}
    batch = http.post("/v1/batches", data=fields, files=files).json()
    page = console.open(f"/batches/{batch['id']}", f"Batch {batch['id'][:8]}")
    status = page.locator(".card .badge").first
    console.button("Pause").click()
    expect(status).to_have_text("Paused")
    console.button("Go on").click()
    expect(status).to_have_text("Running")
    console.button("Cancel").click()
    expect(status).to_have_text("Cancelled")
    console.open("/batches", "Batches")
    expect(page.get_by_role("row").filter(has_text=batch["id"][:8])).to_contain_text("Cancelled")
