"""Every page by axe-core, at a desk's and a phone's width, light and dark; and by keyboard alone."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shared.embedded.info import StackInfo
from tests.browser.conftest import PHOTOS, MakeConsole
from tests.browser.console import Console

LOOKS = [(1280, "light"), (360, "dark")]  # what is wrong in one width or one theme is wrong in the other, too
PHONE = 360


def violations(page: Page) -> list[str]:
    """The serious and the critical ones, and where they are."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def check(page: Page, name: str) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = violations(page)
    return [f"{name}: {one}" for one in ([f"{wide} px too wide"] if wide > 0 else []) + found]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_page_has_a_serious_violation(
    make_console: MakeConsole, staff: str, http: httpx.Client, width: int, scheme: str
) -> None:
    batch = http.post("/v1/batches", data={"style_id": "poppies", "size": "96"}, files=[("images", photo())]).json()
    job = http.get("/v1/jobs").json()["jobs"][0]
    pages = {
        "/galleries": "People",
        f"/galleries/{staff}": staff,
        f"/galleries/{staff}/enrol": "Enrol somebody",
        f"/galleries/{staff}/bulk": "Enrol many",
        f"/galleries/{staff}/persons/barack": "barack",
        "/door": "Door",
        "/compare": "Compare",
        "/studio": "Style studio",
        "/batches": "Batches",
        f"/batches/{batch['id']}": f"Batch {batch['id'][:8]}",
        "/jobs": "Jobs",
        f"/jobs/{job['id']}": f"Enrolment {job['id'][:8]}",
        "/audit": "Audit",
        "/keys": "Keys",
        "/health": "Health",
        "/nowhere": "There is no such page",
    }
    console = make_console(width=width, scheme=scheme)
    found: list[str] = []
    for path, heading in pages.items():
        page = console.open(path, heading)
        expect(page.locator("main [aria-busy='true'], main .loading")).to_have_count(0)
        found += check(page, path)
    assert found == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_results_dialogs_and_the_sign_in_have_none_either(
    make_console: MakeConsole, staff: str, width: int, scheme: str
) -> None:
    stranger = make_console(key=None, width=width, scheme=scheme)
    found = check(stranger.open("/", "Sign in to Likeness"), "sign in")
    console = make_console(width=width, scheme=scheme)
    page = console.open("/compare", "Compare")
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / "obama-1.jpg")
    page.get_by_label("Choose a file: Second photo").set_input_files(PHOTOS / "obama-3.jpg")
    console.button("Compare").click()
    expect(page.locator(".chart svg")).to_be_visible()
    found += check(page, "comparison")
    console.open(f"/door?gallery={staff}", "Door")
    console.button("Start").click()
    expect(page.get_by_role("region", name="Decision")).to_contain_text("Granted")
    found += check(page, "granted")
    console.open(f"/galleries/{staff}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "group.jpg")
    expect(console.button("Face 6 of 6")).to_be_visible()
    page.get_by_label("Person", exact=True).press_sequentially("bar")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option")).to_be_visible()
    page.keyboard.press("ArrowDown")
    found += check(page, "choosing a face and a person")
    page.keyboard.press("Enter")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "sunak.jpg")
    console.button("Enrol").click()
    expect(console.button("Add anyway")).to_be_visible()
    found += check(page, "a photo that is doubted")
    console.button("Cancel").click()
    console.open(f"/galleries/{staff}", staff)
    console.button("Rules").click()
    expect(console.dialog()).to_be_visible()
    found += check(page, "rules")
    console.button("Cancel").click()
    console.open(f"/galleries/{staff}/persons/barack", "barack")
    page.get_by_text("Change", exact=True).click()
    console.button("Erase").click()
    found += check(page, "erase")
    if width == PHONE:
        console.open("/jobs", "Jobs")
        console.button("Menu").click()
        expect(page.get_by_role("link", name="Health")).to_be_visible()
        found += check(page, "menu")
    assert found == []


@pytest.mark.parametrize("width", [360, 960, 1280])
def test_what_somebody_wrote_at_length_stays_on_the_page(
    make_console: MakeConsole, gallery: str, http: httpx.Client, width: int
) -> None:
    fields = {"name": "n" * 200, "tags": ["t" * 64, "u" * 64], "groups": ["g" * 64], "attributes": {"badge": "b" * 200}}
    http.put(f"/v1/galleries/{gallery}/persons/{'x' * 64}", json=fields).raise_for_status()
    console = make_console(width=width)
    for path, heading in ((f"/galleries/{gallery}", gallery), (f"/galleries/{gallery}/persons/{'x' * 64}", "x" * 64)):
        page = console.open(path, heading)
        expect(page.locator(".badge").filter(has_text="ttt")).to_be_visible()
        assert check(page, path) == []
        sticks_out = "e => e.getBoundingClientRect().right - e.closest('dd, td').getBoundingClientRect().right"
        assert page.locator(".badge").filter(has_text="ttt").evaluate(sticks_out) < 1


def photo() -> tuple[str, bytes]:
    return "hopper.jpg", (PHOTOS / "hopper.jpg").read_bytes()


def test_a_violation_would_be_found(console: Console) -> None:
    page = console.open("/jobs", "Jobs")
    page.evaluate(
        "document.querySelector('main').append(document.createElement('img'), document.createElement('input'))"
    )
    assert {one.split(":")[0] for one in violations(page)} >= {"image-alt", "label"}


def test_sign_in_and_enrol_by_keyboard_alone(make_console: MakeConsole, gallery: str, stack: StackInfo) -> None:
    console = make_console(key=None)
    page = console.open(f"/galleries/{gallery}/enrol", "Sign in to Likeness")
    page.keyboard.type(stack.api_key)
    page.keyboard.press("Enter")
    expect(console.heading("Enrol somebody")).to_be_focused()
    console.tab_to("Use the camera")
    page.keyboard.press("Enter")
    expect(console.button("Take the photo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("A good photo.")).to_be_visible()
    console.refusals.add(404)  # it is looked up whether anybody has the id
    console.tab_to("Person")
    page.keyboard.type("barack")
    page.keyboard.press("Enter")
    expect(page.get_by_text("barack is enrolled.")).to_be_visible()
    console.tab_to("See the person")
    page.keyboard.press("Enter")
    expect(console.heading("barack")).to_be_focused()
    console.tab_to("Erase")
    page.keyboard.press("Enter")
    expect(console.dialog()).to_be_visible()
    page.keyboard.press("Escape")
    expect(console.dialog()).to_have_count(0)
    expect(console.button("Erase")).to_be_focused()


def test_compare_by_keyboard_alone(console: Console) -> None:
    page = console.open("/compare", "Compare")
    page.on("filechooser", lambda chooser: chooser.set_files(PHOTOS / "obama-1.jpg"))
    for name in ("First photo", "Second photo"):
        console.tab_to(f"Choose a file: {name}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("img", name=f"{name}: obama-1.jpg")).to_be_visible()
    console.tab_to("Policy")
    page.keyboard.press("ArrowDown")
    console.tab_to("Compare")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The same person")).to_be_visible()
    expect(page.get_by_text("verify-fmr-1e-5")).to_be_visible()


def test_a_link_before_everything_skips_the_navigation(console: Console) -> None:
    page = console.open("/jobs", "Jobs")
    console.tab_to("Skip to the content")
    page.keyboard.press("Tab")
    assert "Likeness" in console.focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    expect(console.heading("Jobs")).to_be_visible()


def test_the_theme_follows_the_system_until_it_is_chosen(make_console: MakeConsole) -> None:
    console = make_console(scheme="dark")
    page = console.open("/jobs", "Jobs")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    console.button("Switch to the light theme").click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    expect(console.heading("Jobs")).to_be_visible()
    assert page.evaluate(ground) == light


def test_nothing_moves_for_those_who_prefer_that(console: Console) -> None:
    page = console.open("/jobs", "Jobs")
    moving = "[...document.querySelectorAll('*')].some(e => parseFloat(getComputedStyle(e).transitionDuration) > 0)"
    assert page.evaluate(moving) is False
