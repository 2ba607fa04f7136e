"""Galleries and the people in them: enrol, change, merge, erase."""

import io
import uuid
import zipfile

import httpx
from playwright.sync_api import FilePayload, Route, expect

from tests.browser.conftest import PHOTOS, MakeConsole, MakeKey, enrol
from tests.browser.console import Console

THUMBNAIL_PX = 112
UNMET = {"code": "liveness_unavailable", "detail": "Photos cannot be checked here: weights are missing."}
HOSTILE = "<img src=x onerror=\"document.title='broken'\"> & <script>alert(1)</script>"


def name_somebody_new(console: Console, person: str) -> None:
    console.refusals.add(404)  # it is looked up whether anybody has the id
    console.page.get_by_label("Person", exact=True).fill(person)


def test_a_gallery_is_made_and_somebody_enrolled_from_a_file(console: Console) -> None:
    name = f"g-{uuid.uuid4().hex[:8]}"
    page = console.open("/galleries", "People")
    console.button("New gallery").first.click()
    console.dialog().get_by_label("Name").fill(name)
    console.button("Create").click()
    expect(console.heading(name)).to_be_visible()
    page.get_by_role("link", name="Enrol somebody").first.click()
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "hopper.jpg")
    expect(page.get_by_text("A good photo.")).to_be_visible()
    expect(page.get_by_role("img", name="1 face found")).to_be_visible()
    name_somebody_new(console, "grace")
    page.get_by_label("Name (optional)").fill("Grace Hopper")
    console.button("Enrol").click()
    expect(page.get_by_text("grace is enrolled.")).to_be_visible()
    page.get_by_role("link", name="See the person").click()
    expect(console.heading("grace")).to_be_visible()
    expect(page.get_by_text("Grace Hopper")).to_be_visible()
    expect(page.get_by_text("Good quality")).to_have_count(1)


def test_somebody_is_enrolled_with_the_webcam(console: Console, gallery: str, http: httpx.Client) -> None:
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    console.button("Use the camera").click()
    console.button("Take the photo").click()
    expect(page.get_by_text("A good photo.")).to_be_visible()
    assert page.locator("video").count() == 0
    name_somebody_new(console, "barack")
    console.button("Enrol").click()
    expect(page.get_by_text("barack is enrolled.")).to_be_visible()
    assert len(http.get(f"/v1/galleries/{gallery}/persons/barack").json()["faces"]) == 1


def test_a_photo_without_one_clear_face_is_advised_against(console: Console, gallery: str) -> None:
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    chooser = page.get_by_label("Choose a file: Photo")
    chooser.set_input_files(PHOTOS / "group.jpg")
    expect(page.get_by_text("There is more than one face.")).to_be_visible()
    expect(page.get_by_role("group", name="Whose face is meant?").get_by_role("button")).to_have_count(6)
    name_somebody_new(console, "crowd")
    console.button("Enrol").click()
    expect(page.get_by_text("More than one face.", exact=True)).to_be_visible()
    expect(page.get_by_text("by its number in the photo. Nobody was made.")).to_be_visible()
    chooser.set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(page.get_by_text("Choose a picture: JPEG, PNG")).to_be_visible()


def test_what_is_pressed_after_an_id_was_typed_stays_where_it_is(console: Console, gallery: str) -> None:
    """Leaving the field has the id looked up; what is told of it must not push the button from under the mouse."""
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    button = console.button("Enrol")
    before = button.bounding_box()
    name_somebody_new(console, "crowd")
    page.get_by_label("Person", exact=True).blur()
    expect(page.get_by_text("Nobody has this id yet")).to_be_visible()
    assert button.bounding_box() == before


def test_one_of_several_faces_is_chosen_by_keyboard(console: Console, gallery: str, http: httpx.Client) -> None:
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "group.jpg")
    chosen = console.button("Face 2 of 6")
    chosen.focus()
    page.keyboard.press("Enter")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("A good photo.")).to_be_visible()
    name_somebody_new(console, "second")
    console.button("Enrol").click()
    expect(page.get_by_text("second is enrolled.")).to_be_visible()
    assert http.get(f"/v1/galleries/{gallery}/persons/second").json()["face_count"] == 1


def test_a_photo_of_somebody_else_is_added_only_on_purpose_and_taken_back(
    console: Console, staff: str, http: httpx.Client
) -> None:
    def faces() -> int:
        return int(http.get(f"/v1/galleries/{staff}/persons/barack").json()["face_count"])

    page = console.open(f"/galleries/{staff}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "sunak.jpg")
    page.get_by_label("Person", exact=True).press_sequentially("Bara")
    expect(page.get_by_role("option")).to_have_text("barackBarack · 1 face")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Adds to Barack (1 face).")).to_be_visible()
    console.button("Enrol").click()
    expect(console.dialog().get_by_role("heading")).to_have_text(
        "This does not look like Barack (1 photo). Add anyway?"
    )
    expect(console.dialog().get_by_role("img", name="sunak.jpg")).to_be_visible()
    expect(console.dialog().get_by_role("listitem")).to_contain_text("Face 1")
    console.button("Cancel").click()
    expect(page.get_by_text("nothing was stored")).to_be_visible()
    assert faces() == 1
    console.button("Enrol").click()
    console.button("Add anyway").click()
    expect(page.get_by_text("barack is enrolled.")).to_be_visible()
    assert faces() == 2
    console.button("Undo").click()
    expect(page.get_by_text("The photo is taken back. barack stays as before.")).to_be_visible()
    assert faces() == 1


def test_who_may_not_decide_is_told_whom_to_ask(
    make_console: MakeConsole, make_key: MakeKey, staff: str, http: httpx.Client
) -> None:
    console = make_console(key=make_key("enrol"))
    page = console.open(f"/galleries/{staff}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "sunak.jpg")
    page.get_by_label("Person", exact=True).fill("barack")
    console.button("Enrol").click()
    expect(console.dialog()).to_contain_text("barack belongs to somebody who is there already")
    console.button("Add to them").click()
    expect(console.dialog()).to_contain_text("ask an administrator")
    expect(console.button("Add anyway")).to_have_count(0)
    console.button("Close").click()
    assert http.get(f"/v1/galleries/{staff}/persons/barack").json()["face_count"] == 1
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "obama-1.jpg")
    console.button("Enrol").click()
    expect(page.get_by_text("enrolled already as “Face 1”: nothing was changed.")).to_be_visible()


def test_somebody_new_is_gone_when_the_photo_is_taken_back(console: Console, gallery: str, http: httpx.Client) -> None:
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "hopper.jpg")
    name_somebody_new(console, "grace")
    page.get_by_label("Name (optional)").fill("Grace Hopper")
    console.button("Enrol").click()
    console.button("Undo").click()
    expect(page.get_by_text("grace, who was new, is gone with it.")).to_be_visible()
    assert http.get(f"/v1/galleries/{gallery}/persons/grace").status_code == 404


def test_faces_are_told_apart_and_who_has_none_is_found(console: Console, gallery: str, http: httpx.Client) -> None:
    http.patch(f"/v1/galleries/{gallery}", json={"thumbnails": True}).raise_for_status()
    http.put(f"/v1/galleries/{gallery}/persons/faceless").raise_for_status()
    enrol(http, gallery, "barack", "obama-1.jpg", label="badge 2026")
    enrol(http, gallery, "barack", "obama-3.jpg")
    enrol(http, gallery, "barack", "sunak.jpg", override="identity_conflict")
    page = console.open(f"/galleries/{gallery}", gallery)
    expect(page.locator("tbody tr")).to_contain_text(["barack", "facelessNo face"])
    page.get_by_label("Show").select_option("Without a face")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "faces=none" in page.url
    console.open(f"/galleries/{gallery}/persons/barack", "barack")
    cards = page.locator(".face-card")
    expect(cards).to_contain_text(["badge 2026", "Face 2", "Unlike the other faces"])
    for picture in cards.get_by_role("img").all():
        expect(picture).to_have_js_property("naturalWidth", THUMBNAIL_PX)
    console.button("Forget badge 2026").click()
    expect(console.dialog()).to_contain_text("“Face 3” does not. Is that the one to forget?")
    console.button("Cancel").click()
    for name, rest in (("Face 3", 2), ("Face 2", 1)):
        console.button(f"Forget {name}").click()
        console.button("Forget it").click()
        expect(cards).to_have_count(rest)
    cards.get_by_role("button").click()
    expect(console.dialog()).to_contain_text("It is the only face")
    console.button("Forget it").click()
    expect(page.get_by_text("No face yet")).to_be_visible()


def test_a_gallerys_rules_are_changed_as_far_as_they_can_be_met(
    console: Console, gallery: str, http: httpx.Client
) -> None:
    available = http.get("/v1/models").json()["liveness"]["passive"]["available"]
    page = console.open(f"/galleries/{gallery}", gallery)
    console.button("Rules").click()
    passive = console.dialog().get_by_role("option", name="Every photo must look alive")
    expect(passive).to_have_attribute("disabled", "") if not available else expect(passive).to_be_enabled()
    console.dialog().get_by_label("Liveness").select_option("active")
    console.dialog().get_by_label("does not look like the person").select_option("flag")
    console.dialog().get_by_label("Keep a small picture").check()
    console.button("Save").click()
    expect(console.dialog()).to_have_count(0)
    rules = http.get(f"/v1/galleries/{gallery}").json()
    assert (rules["liveness"], rules["conflicts"], rules["thumbnails"]) == ("active", "flag", True)
    assert (rules["lookalikes"], rules["templates_per_person"]) == ("flag", 8)
    page.route("**/v1/galleries/*", refuse_changes)
    console.refusals.add(409)
    console.button("Rules").click()
    console.dialog().get_by_label("Faces kept of a person").fill("5")
    console.button("Save").click()
    expect(console.dialog().get_by_text(UNMET["detail"])).to_be_visible()


def refuse_changes(route: Route) -> None:
    if route.request.method == "PATCH":
        route.fulfill(status=409, json=UNMET)
    else:
        route.continue_()


def test_what_somebody_resembles_is_told(console: Console, staff: str) -> None:
    page = console.open(f"/galleries/{staff}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "obama-3.jpg")
    name_somebody_new(console, "twin")
    console.button("Enrol").click()
    expect(page.get_by_text("Looks like somebody else")).to_be_visible()


def test_an_id_that_is_none_is_said_beside_its_field(console: Console, gallery: str) -> None:
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    page.get_by_label("Person", exact=True).fill("no spaces, please")
    console.button("Enrol").click()
    expect(page.get_by_text("1 to 64 letters")).to_be_visible()
    assert console.focused() == "Person"


def test_the_list_is_searched_and_paged(console: Console, gallery: str, http: httpx.Client) -> None:
    for number in range(55):
        fields = {"name": f"Guest {number}", "tags": ["even" if number % 2 == 0 else "odd"]}
        http.put(f"/v1/galleries/{gallery}/persons/p{number:02}", json=fields).raise_for_status()
    page = console.open(f"/galleries/{gallery}", gallery)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    console.button("Show more").click()
    expect(rows).to_have_count(55)
    page.get_by_label("Search").fill("guest 54")
    expect(rows).to_have_count(1)
    assert "q=guest+54" in page.url
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("Search").fill("nobody at all")
    expect(page.get_by_text("Nobody is like that")).to_be_visible()
    page.get_by_label("Search").fill("")
    page.get_by_label("Tag").fill("odd")
    expect(rows).to_have_count(27)


def test_a_person_is_changed_merged_and_erased(console: Console, staff: str, http: httpx.Client) -> None:
    enrol(http, staff, "again", "obama-4.jpg")
    page = console.open(f"/galleries/{staff}/persons/barack", "barack")
    page.get_by_text("Change", exact=True).click()
    page.get_by_label("Tags").fill("president, guest")
    page.get_by_label("Groups").fill("west-wing")
    page.get_by_label("Valid until").fill("2040-01-02T03:04")
    console.button("Save").click()
    expect(page.locator(".facts").get_by_text("president")).to_be_visible()
    known = http.get(f"/v1/galleries/{staff}/persons/barack").json()
    assert (sorted(known["tags"]), known["groups"]) == (["guest", "president"], ["west-wing"])
    assert known["valid_until"].startswith("2040-01-0")

    console.button("Merge").click()
    console.dialog().get_by_label("Id of the other one").fill("again")
    console.dialog().get_by_role("button", name="Merge").click()
    expect(page.get_by_role("heading", name="Faces (2)")).to_be_visible()
    assert http.get(f"/v1/galleries/{staff}/persons/again").status_code == 404

    console.button("Erase").click()
    expect(console.dialog()).to_contain_text("cannot be undone")
    page.keyboard.press("Escape")
    assert http.get(f"/v1/galleries/{staff}/persons/barack").status_code == 200
    console.button("Erase").click()
    console.button("Erase for ever").click()
    expect(page.get_by_role("heading", name="barack is erased")).to_be_visible()
    expect(console.dialog().locator("dt").filter(has_text="Templates")).to_be_visible()
    console.button("Close").click()
    expect(console.heading(staff)).to_be_visible()
    assert http.get(f"/v1/galleries/{staff}/persons/barack").status_code == 404


def test_what_is_not_touched_of_a_person_stays_as_it_was(console: Console, gallery: str, http: httpx.Client) -> None:
    known = {
        "name": "Ada",
        "tags": ["night shift"],
        "expires_at": "2040-01-02T03:04:59Z",
        "consent": {"reference": "c"},
    }
    http.put(f"/v1/galleries/{gallery}/persons/ada", json=known).raise_for_status()
    path = f"/v1/galleries/{gallery}/persons/ada"
    before = http.get(path).json()
    page = console.open(f"/galleries/{gallery}/persons/ada", "ada")
    page.get_by_text("Change", exact=True).click()
    page.get_by_label("Name").fill("Ada Lovelace")
    console.button("Save").click()
    expect(page.locator(".facts").get_by_text("Ada Lovelace")).to_be_visible()
    assert http.get(path).json() == {**before, "name": "Ada Lovelace"}


def test_many_are_enrolled_from_a_zip(console: Console, gallery: str, http: httpx.Client) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(PHOTOS / "hopper.jpg", "grace/one.jpg")
        archive.write(PHOTOS / "collins.png", "eileen/one.png")
        archive.write(PHOTOS / "sunak.jpg", "grace/two.jpg")
        archive.writestr("nobody/empty.jpg", b"no picture")
        archive.writestr("grace/notes.txt", b"no picture either")
    page = console.open(f"/galleries/{gallery}/bulk", "Enrol many")
    chooser = page.get_by_label("Choose a ZIP")
    chooser.set_input_files({"name": "staff.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()})
    console.button("Enrol everybody").click()
    expect(page.locator("main").get_by_text("2 of 4 items done · 2 failed")).to_be_visible()
    expect(page.get_by_text("Finished with problems")).to_be_visible()
    expect(page.get_by_role("cell", name="Enrolled", exact=True)).to_have_count(2)
    expect(page.get_by_role("cell", name="Does not look like this person")).to_have_count(1)
    page.locator("summary").get_by_text("1 file left out").click()
    expect(page.locator(".skipped")).to_contain_text("grace/notes.txt")
    known = http.get(f"/v1/galleries/{gallery}/persons").json()["persons"]
    assert {"grace", "eileen"} <= {person["id"] for person in known}


def test_names_of_people_and_files_stay_text(console: Console, staff: str, http: httpx.Client) -> None:
    http.put(f"/v1/galleries/{staff}/persons/barack", json={"name": HOSTILE, "tags": ["<b>bold"]}).raise_for_status()
    page = console.open(f"/galleries/{staff}", staff)
    expect(page.get_by_role("cell", name=HOSTILE)).to_be_visible()
    console.open(f"/galleries/{staff}/persons/barack", "barack")
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    console.open(f"/galleries/{staff}/enrol", "Enrol somebody")
    hostile_file: FilePayload = {
        "name": f"{HOSTILE}.jpg",
        "mimeType": "image/jpeg",
        "buffer": (PHOTOS / "hopper.jpg").read_bytes(),
    }
    page.get_by_label("Choose a file: Photo").set_input_files(hostile_file)
    expect(page.get_by_text("A good photo.")).to_be_visible()
    console.open(f"/door?gallery={staff}", "Door")
    console.button("Start").click()
    expect(page.locator(".door-who")).to_have_text(HOSTILE)
    assert page.locator("img[src='x']").count() == 0
    assert page.evaluate("document.title") == "Door · Likeness"


def test_a_gallery_is_deleted_only_with_its_name_typed(console: Console, staff: str, http: httpx.Client) -> None:
    page = console.open(f"/galleries/{staff}", staff)
    console.button("Delete").click()
    console.button("Delete everybody in it").click()
    expect(console.dialog().get_by_text(f"Type {staff} to confirm.")).to_be_visible()
    page.get_by_label(f"Type {staff} to confirm").fill(staff)
    console.button("Delete everybody in it").click()
    expect(console.heading("People")).to_be_visible()
    assert http.get(f"/v1/galleries/{staff}").status_code == 404


def test_a_key_without_verify_enrols_without_advice(make_console: MakeConsole, make_key: MakeKey, gallery: str) -> None:
    console = make_console(key=make_key("enrol"))
    page = console.open(f"/galleries/{gallery}/enrol", "Enrol somebody")
    page.get_by_label("Choose a file: Photo").set_input_files(PHOTOS / "hopper.jpg")
    expect(page.get_by_text("This key cannot check photos")).to_be_visible()
    name_somebody_new(console, "grace")
    console.button("Enrol").click()
    expect(page.get_by_text("grace is enrolled.")).to_be_visible()
    expect(console.button("Erase")).to_have_count(0)
