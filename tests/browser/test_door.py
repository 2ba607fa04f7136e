"""The door view, before a webcam that shows a face."""

import base64
import io
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect

from shared.ml.face.detector import FaceDetector
from shared.ml.face.liveness.actions import Action, Challenge
from shared.ml.face.liveness.challenge import FIRST_FRAMES
from shared.ml.weights import YUNET, fetch
from tests.browser.conftest import CAMERA_PX, KNOWN, PHOTOS, STRANGER, MakeConsole, MakeKey, enrol, framed
from tests.browser.console import Console
from tests.browser.test_accessibility import violations
from tests.unit.shared.ml.face.liveness.motion import path, turned

CAMERA = Path(__file__).parent / "stand_in_camera.js"
FACE_PX = 150
TRIES = 6
OVER = re.compile("Granted|Not seen")
ASKED = {
    Action.TURN_LEFT: "Turn your head to your left",
    Action.TURN_RIGHT: "Turn your head to your right",
    Action.COME_CLOSER: "Come closer to the camera",
    Action.LOOK_UP: "Raise your chin, look up",
}

LIVE_TRACKS = "(window.tracks ?? []).filter((track) => track.readyState === 'live').length"
WATCH_TRACKS = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await open(wanted);
  window.tracks = [...(window.tracks ?? []), ...stream.getTracks()];
  return stream;
};
"""


def start(console: Console, gallery: str, device: str = "front") -> Page:
    page = console.open(f"/door?gallery={gallery}&device={device}", "Door")
    console.button("Start").click()
    return page


def test_who_is_known_is_granted_by_name_and_the_audit_knows(console: Console, staff: str, http: httpx.Client) -> None:
    page = start(console, staff)
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("Granted")
    expect(panel).to_contain_text("Barack")
    expect(page.locator("#announcer")).to_have_text("Granted: Barack")
    expect(page.get_by_role("img", name="In the picture: Barack, granted")).to_be_visible()
    expect(page.locator(".events li").first).to_contain_text("Barack")
    entries = http.get("/v1/audit", params={"gallery": staff, "device": "front"}).json()["entries"]
    assert {entry["decision"] for entry in entries} == {"granted"}


def test_a_stranger_is_denied_with_the_reason(make_console: MakeConsole, staff: str) -> None:
    page = start(make_console(photo=STRANGER), staff)
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("Denied")
    expect(panel).to_contain_text("Not recognised")
    expect(panel.get_by_role("button")).to_have_count(0)


def test_of_several_each_has_a_box_and_the_panel_counts(
    make_console: MakeConsole, staff: str, http: httpx.Client
) -> None:
    enrol(http, staff, "grace", "hopper.jpg")
    page = start(make_console(photo="group.jpg"), staff)
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("2 of 6 may pass")
    expect(panel.get_by_role("listitem")).to_have_count(6)
    expect(panel.get_by_role("listitem").filter(has_text="Granted")).to_have_count(2)
    expect(page.locator(".live-box")).to_have_count(6)
    assert violations(page) == []
    expect(page.locator(".live-granted").filter(has_text="Barack")).to_have_count(1)
    # at the right of the photo, and so at the left of the mirror that the picture is
    box = page.locator(".live-granted").filter(has_text="grace").bounding_box()
    stage = page.locator(".door-stage").bounding_box()
    assert box is not None
    assert stage is not None
    assert (box["x"] - stage["x"]) / stage["width"] < 1 / 3


def test_a_decision_goes_when_its_face_goes(console: Console, staff: str) -> None:
    console.page.add_init_script(path=CAMERA)
    page = start(console, staff)
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("Waiting for a face")
    page.evaluate("url => showPicture(url)", data_url(framed(KNOWN)))
    expect(panel).to_contain_text("Granted")
    page.evaluate("showPicture('')")
    expect(panel).to_contain_text(re.compile(r"Waiting for a face.*Last: Barack, granted, \d s ago"), timeout=4000)
    expect(panel).not_to_contain_text("Granted")
    expect(page.locator(".live-box")).to_have_count(0)
    page.route("**/recognitions", lambda route: route.abort())  # nobody answers any more
    page.evaluate("url => showPicture(url)", data_url(framed(KNOWN)))
    page.unroute("**/recognitions")
    expect(panel).to_contain_text("Granted")
    page.route("**/recognitions", lambda _: None)  # this one never comes back
    expect(panel).to_contain_text("Last: Barack", timeout=5000)
    # what was aborted here may or may not have been on its way
    console.complaints[:] = [complaint for complaint in console.complaints if "ERR_FAILED" not in complaint]


def test_a_challenge_is_shown_and_whoever_meets_it_is_let_in(console: Console, staff: str, http: httpx.Client) -> None:
    """A rendered head turns as it is asked to, before the real service."""
    http.patch(f"/v1/galleries/{staff}", json={"liveness": "active"}).raise_for_status()
    console.page.add_init_script(path=CAMERA)
    page = start(console, staff)
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("Stand before the camera")
    still, films = moving("obama-3.jpg")
    page.evaluate("films => playFilms(films, 100)", films)
    page.evaluate("url => showPicture(url)", still)
    expect(panel).to_contain_text("Look into the camera: 3")
    assert 3 <= panel.get_by_role("listitem").count() <= 4
    expect(panel).to_contain_text("Movement 1 of")
    expect(panel.get_by_role("progressbar", name="Time for this movement")).to_be_visible()
    said = panel.locator(".door-word")
    for _ in range(TRIES):  # a challenge may ask for a raised chin, of which little is seen
        expect(said).to_have_text(OVER, timeout=40_000)
        if "Granted" in said.inner_text():
            break
        console.button("Try again").click()
        expect(said).to_contain_text("Look into the camera")
    expect(panel).to_contain_text("Granted")
    expect(panel).to_contain_text("Barack")


def test_a_picture_held_before_the_camera_fails_the_challenge_with_advice(
    make_console: MakeConsole, make_key: MakeKey, staff: str, http: httpx.Client
) -> None:
    """With a key that may not look for faces, so that somebody begins."""
    http.patch(f"/v1/galleries/{staff}", json={"liveness": "active"}).raise_for_status()
    console = make_console(key=make_key("recognise"))
    page = start(console, staff)
    console.button("Begin").click()
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("Movement 1 of")
    assert violations(page) == []
    expect(panel).to_contain_text("Not seen", timeout=40_000)
    expect(panel).to_contain_text("Again in")
    expect(panel).to_contain_text(re.compile("picture (stood still|was seen before)"))
    expect(console.button("Try again")).to_be_visible()


def data_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def moving(photo: str) -> tuple[str, dict[str, list[str]]]:
    """A portrait as it is, and making each movement, by the words that ask for it."""
    still = close_up(photo)
    (face,) = FaceDetector(fetch(YUNET)).detect(still)
    films = {}
    for action, words in ASKED.items():
        poses = path(Challenge((action,)))[FIRST_FRAMES:]
        films[words] = [data_url(Image.fromarray(turned(still, face, pose))) for pose in poses]
    return data_url(Image.fromarray(still)), films


def close_up(photo: str) -> npt.NDArray[np.uint8]:
    """A face as wide as a challenge needs it, in the middle of a camera's picture."""
    with Image.open(PHOTOS / photo) as opened:
        whole = opened.convert("RGB")
    x, y, width, height = FaceDetector(fetch(YUNET)).detect(np.asarray(whole))[0].box
    part = width / FACE_PX
    wide, high = CAMERA_PX[0] * part, CAMERA_PX[1] * part
    left, top = x + width / 2 - wide / 2, y + height / 2 - high / 2
    corners = (left, top, left + wide, top + high)
    return np.asarray(whole.transform(CAMERA_PX, Image.Transform.EXTENT, corners, Image.Resampling.BICUBIC))


def test_the_galleries_rules_are_told(console: Console, staff: str, http: httpx.Client) -> None:
    http.put(f"/v1/galleries/{staff}/persons/barack", json={"valid_until": "2020-01-01T00:00:00Z"}).raise_for_status()
    page = start(console, staff)
    panel = page.get_by_role("region", name="Decision")
    expect(panel).to_contain_text("Denied")
    expect(panel.locator(".door-who")).to_have_text("Barack")
    expect(panel).to_contain_text("No longer valid")
    expect(panel.get_by_role("button")).to_have_count(0)
    expect(page.locator(".events li").first).to_contain_text("Barack · No longer valid")


def test_who_came_before_many_empty_frames_stays_among_the_events(console: Console, staff: str) -> None:
    asked: list[int] = []

    def entry(number: int, minute: int, reason: str) -> dict[str, object]:
        at = f"2026-11-22T08:{minute:02}:00Z"
        return {"sequence": number, "at": at, "decision": "denied", "outcome": reason, "reason": reason}

    def answer(route: Route) -> None:
        limit = int(parse_qs(urlsplit(route.request.url).query)["limit"][0])
        asked.append(limit)
        early, late = entry(7, 1, "unknown_device"), entry(400, 50, "spoof_suspected")
        frames = [entry(number, 40, "no_face") for number in range(399, 340, -1)]
        newest = [late, *frames] if len(asked) > 1 else [*frames]
        route.fulfill(json={"entries": [*newest, early][:limit], "next_cursor": None})

    console.page.route("**/v1/audit?*", answer)
    page = start(console, staff)
    events = page.locator(".events li")
    expect(events).to_have_count(2)
    expect(events.first).to_contain_text("Perhaps not a living face")
    expect(events.last).to_contain_text("This door is not known")


def test_two_who_stand_there_together_are_two_events(console: Console, staff: str) -> None:
    faces = ["spoof_suspected", "not_recognised"] * 6
    entries = [
        {"sequence": 90 - n, "at": "2026-11-22T08:00:00Z", "decision": "denied", "outcome": reason, "reason": reason}
        for n, reason in enumerate(faces)
    ]
    console.page.route("**/v1/audit?*", lambda route: route.fulfill(json={"entries": entries, "next_cursor": None}))
    page = start(console, staff)
    expect(page.locator(".events li")).to_have_text([re.compile("living face · 6 times"), re.compile("6 times")])


def test_not_this_person_is_noted(console: Console, staff: str, http: httpx.Client) -> None:
    page = start(console, staff)
    console.button("Not this person").click()
    expect(page.locator("#announcer")).to_contain_text("Noted")
    reports = http.get(f"/v1/galleries/{staff}/feedback").json()["feedback"]
    assert {report["kind"] for report in reports} == {"wrong_person"}


def test_the_camera_stops_with_a_pause_and_with_the_page(console: Console, staff: str) -> None:
    console.page.add_init_script(WATCH_TRACKS)
    page = start(console, staff)
    expect(page.get_by_role("region", name="Decision")).to_contain_text("Granted")
    assert page.evaluate(LIVE_TRACKS) == 1
    console.button("Pause").click()
    assert page.evaluate(LIVE_TRACKS) == 0
    expect(page.get_by_text("The camera is off.")).to_be_visible()
    console.button("Start").click()
    expect(page.get_by_role("region", name="Decision")).to_contain_text("Granted")
    assert page.evaluate(LIVE_TRACKS) == 1
    page.get_by_role("link", name="Jobs").click()
    expect(console.heading("Jobs")).to_be_visible()
    assert page.evaluate(LIVE_TRACKS) == 0


def test_nothing_is_sent_while_the_tab_is_hidden(console: Console, staff: str) -> None:
    page = start(console, staff)
    expect(page.get_by_role("region", name="Decision")).to_contain_text("Granted")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.wait_for_timeout(1500)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if "recognitions" in request.url else None)
    page.wait_for_timeout(2500)
    assert sent == []
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_request(lambda request: "recognitions" in request.url):
        pass


def test_without_the_audit_the_page_lists_what_it_saw(make_console: MakeConsole, make_key: MakeKey, staff: str) -> None:
    console = make_console(key=make_key("recognise"))
    page = start(console, staff)
    expect(page.get_by_text("What this page has seen")).to_be_visible()
    expect(page.locator(".events li")).to_have_count(1)
    expect(page.locator(".events li").first).to_contain_text("Barack")


def test_a_camera_that_is_refused_says_what_to_do(console: Console, staff: str) -> None:
    console.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
    )
    page = start(console, staff)
    expect(page.get_by_text("does not let this page use the camera")).to_be_visible()


def test_an_address_that_names_no_gallery_of_these_leaves_one_chosen(console: Console, staff: str) -> None:
    page = console.open("/door?gallery=gone-long-ago", "Door")
    chosen = page.get_by_label("Gallery")
    expect(chosen.get_by_role("option", name=staff, exact=True)).to_have_count(1)
    expect(chosen).to_have_value(re.compile("."))
