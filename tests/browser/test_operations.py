"""Jobs, audit, keys and health."""

import csv
import re
import time

import httpx
from playwright.sync_api import Route, expect

from shared.embedded.info import StackInfo
from tests.browser.conftest import PHOTOS, MakeConsole
from tests.browser.console import Console


def a_comparison(http: httpx.Client) -> str:
    files = {"image_a": (PHOTOS / "hopper.jpg").read_bytes(), "image_b": (PHOTOS / "collins.png").read_bytes()}
    answer = http.post("/v1/comparisons", files=files, headers={"Prefer": "wait=20"})
    answer.raise_for_status()
    return str(answer.json()["id"])


def test_jobs_are_filtered_and_shown_whole(console: Console, http: httpx.Client) -> None:
    job = a_comparison(http)
    page = console.open("/jobs?type=comparison", "Jobs")
    link = page.get_by_role("link", name=job[:8])
    expect(link).to_be_visible()
    page.get_by_label("Kind").select_option("training")
    expect(page.get_by_text("No job of the last day is like that")).to_be_visible()
    page.get_by_label("Kind").select_option("comparison")
    link.click()
    expect(console.heading(f"Comparison {job[:8]}")).to_be_visible()
    expect(page.get_by_label("Result as JSON")).to_contain_text('"verdict": "no_match"')


def test_a_running_job_tells_its_progress_and_is_cancelled(console: Console, http: httpx.Client) -> None:
    fields = {"style_id": "great-wave", "mode": "fine", "steps": "900", "size": "256"}
    files = {"content": (PHOTOS / "collins.png").read_bytes()}
    job = http.post("/v1/stylizations", data=fields, files=files).json()["id"]
    page = console.open(f"/jobs/{job}", f"Stylization {job[:8]}")
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("max", "900")
    console.button("Cancel").click()
    expect(page.locator(".card .badge").first).to_have_text("Cancelled")


def audited(http: httpx.Client, gallery: str) -> bool:
    asked = {"gallery": gallery, "action": "enrolment"}
    return bool(http.get("/v1/audit", params=asked).json()["entries"])


def test_the_audit_is_searched_verified_and_exported(console: Console, staff: str, http: httpx.Client) -> None:
    until = time.monotonic() + 20
    while not audited(http, staff):
        assert time.monotonic() < until
        time.sleep(0.2)
    page = console.open(f"/audit?gallery={staff}", "Audit")
    expect(page.get_by_role("row").filter(has_text="Enrolment")).to_have_count(1)
    console.button("Verify the chain").click()
    expect(page.get_by_text("The chain is whole.")).to_be_visible()
    with page.expect_download() as download:
        console.button("Download CSV").click()
    with download.value.path().open() as lines:
        rows = list(csv.DictReader(lines))
    assert rows
    assert {row["gallery"] for row in rows} == {staff}
    page.get_by_label("Until").fill("2020-01-01T00:00")
    console.button("Search").click()
    expect(page.get_by_text("No entry is like that")).to_be_visible()


def test_a_pseudonym_leads_to_all_entries_of_its_person(console: Console) -> None:
    uid = "0123456789abcdef0123456789abcdef"
    entry = {"sequence": 7, "at": "2026-11-22T00:00:00Z", "action": "person.erased", "actor": "k", "person": uid}
    console.page.route("**/v1/audit?*", lambda route: route.fulfill(json={"entries": [entry], "next_cursor": None}))
    page = console.open("/audit?gallery=elsewhere", "Audit")
    with page.expect_request(lambda request: f"person={uid}" in request.url):
        page.get_by_role("link", name=uid[:8]).click()
    expect(page.get_by_label("Person")).to_have_value(uid)


def test_what_takes_its_time_is_said_to_be_loading(console: Console) -> None:
    answers: list[Route] = []

    def keep(route: Route) -> None:
        answers.append(route)

    console.page.route("**/v1/audit?*", keep)
    console.page.route("**/v1/models?*", keep)
    page = console.open("/audit", "Audit")
    loading = page.get_by_text("Loading…")
    expect(loading).to_be_visible()
    answers.pop().fulfill(json={"entries": [], "next_cursor": None})
    expect(loading).to_have_count(0)
    page.get_by_role("link", name="Compare").click()
    expect(loading).to_be_visible()
    expect(console.heading("Audit")).to_have_count(0)
    answers.pop().continue_()
    expect(console.heading("Compare")).to_be_visible()


def test_a_key_is_made_used_rotated_and_revoked(console: Console, stack: StackInfo, http: httpx.Client) -> None:
    page = console.open("/keys", "Keys")
    console.button("New key").click()
    page.get_by_label("What for").fill("side door <i>")
    page.get_by_label("Role").select_option("door")
    console.button("Create").click()
    token = console.dialog().locator("code").inner_text()
    console.button("I have copied it").click()
    row = page.get_by_role("row").filter(has_text="side door <i>")
    expect(row).to_contain_text("recognise")
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{stack.url}/v1/whoami", headers=bearer).json()["name"] == "side door <i>"

    row.get_by_role("button", name="Rotate").click()
    console.dialog().get_by_role("button", name="Rotate").click()
    rotated = console.dialog().locator("code").inner_text()
    console.button("I have copied it").click()
    assert rotated != token
    row.get_by_role("button", name="Revoke").click()
    console.dialog().get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert http.get(f"/v1/keys/{token.split('_')[1]}").status_code == 404


def test_health_says_ready_and_shows_the_models_and_the_work(console: Console, http: httpx.Client) -> None:
    a_comparison(http)
    page = console.open("/health", "Health")
    expect(page.get_by_text("Ready.")).to_be_visible()
    expect(page.get_by_role("heading", name="sface-2021dec")).to_be_visible()
    expect(page.get_by_role("cell", name="Comparison")).to_be_visible()


def test_a_service_that_does_not_answer_is_told_and_asked_again(make_console: MakeConsole) -> None:
    console = make_console()
    page = console.open("/health", "Health")
    console.refusals.add(503)
    page.route(
        "**/readyz", lambda route: route.fulfill(status=503, json={"detail": "Not ready: Redis.", "code": "not_ready"})
    )
    expect(page.get_by_text("Not ready: Redis.")).to_be_visible()
    page.unroute("**/readyz")
    expect(page.get_by_text("are there.")).to_be_visible()


def test_a_busy_service_is_asked_again_with_the_same_idempotency_key(console: Console) -> None:
    keys: list[str | None] = []
    page = console.open("/compare", "Compare")
    console.refusals.add(503)
    busy = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"detail": "Busy.", "code": "queue_full"}}

    def first_busy(route: object) -> None:
        keys.append(route.request.headers.get("idempotency-key"))  # type: ignore[attr-defined]
        if len(keys) == 1:
            route.fulfill(**busy)  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/v1/comparisons", first_busy)
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / "hopper.jpg")
    page.get_by_label("Choose a file: Second photo").set_input_files(PHOTOS / "collins.png")
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="Different people")).to_be_visible()
    assert len(keys) == 2
    assert keys[0]
    assert keys[0] == keys[1]


def test_pages_without_an_entry_are_passed_over(console: Console) -> None:
    entry = {"sequence": 7, "at": "2026-11-22T00:00:00Z", "action": "key.created", "actor": "k"}
    last = {"entries": [entry], "next_cursor": None}
    pages = iter([*[{"entries": [], "next_cursor": "more"}] * 3, last])
    console.page.route("**/v1/audit?*", lambda route: route.fulfill(json=next(pages, last)))
    page = console.open("/audit", "Audit")
    expect(page.get_by_role("row").filter(has_text="Key created")).to_have_count(1)
    expect(console.button("Show more")).to_have_count(0)


def test_a_job_whose_event_stream_is_refused_is_asked_for(console: Console, http: httpx.Client) -> None:
    finished = http.get(f"/v1/jobs/{a_comparison(http)}").json()
    page = console.open("/compare", "Compare")
    console.refusals.add(503)
    streams: list[str] = []

    def refuse(route: Route) -> None:
        streams.append(route.request.url)
        route.fulfill(status=503, json={"detail": "Too many event streams.", "code": "too_many_streams"})

    page.route("**/v1/comparisons", lambda route: route.fulfill(status=202, json={**finished, "status": "queued"}))
    page.route("**/v1/jobs/*/events", refuse)
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / "hopper.jpg")
    page.get_by_label("Choose a file: Second photo").set_input_files(PHOTOS / "collins.png")
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="Different people")).to_be_visible()
    assert len(streams) == 1


def test_what_is_shown_of_a_running_batch_stays_shown(console: Console) -> None:
    """The page reads the items again as they are done: as many as there were, and the keyboard stays where it was."""
    done = 0

    def batch(route: Route) -> None:
        nonlocal done
        done += 1
        counts = {"total": 6, "queued": 0, "running": 6 - done % 6, "done": done % 6, "failed": 0, "cancelled": 0}
        said = {"id": "b" * 32, "kind": "stylization", "status": "running", "counts": counts, "links": {}}
        route.fulfill(json={**said, "created_at": "2026-11-22T00:00:00Z"})

    def items(route: Route) -> None:
        first = int(re.search(r"cursor=(\d)", route.request.url + "&cursor=0")[1])  # type: ignore[index]
        page = [{"custom_id": f"i{first + n}", "name": f"{first + n}.png", "status": "running"} for n in range(2)]
        route.fulfill(json={"items": page, "next_cursor": str(first + 2) if first < 4 else None})

    console.page.route("**/v1/batches/bbb*", batch)
    console.page.route("**/v1/batches/*/items?*", items)
    page = console.open(f"/batches/{'b' * 32}", "Batch bbbbbbbb")
    rows = page.get_by_role("row").filter(has_text=".png")
    expect(rows).to_have_count(2)
    console.button("Show more").click()
    expect(rows).to_have_count(4)
    console.button("Show more").focus()
    shown = done
    with page.expect_response(lambda answer: done > shown + 1 and "cursor=2" in answer.url):
        pass
    expect(rows).to_have_count(4)
    expect(console.button("Show more")).to_be_focused()


def test_a_control_keeps_the_focus_while_what_is_around_it_changes(console: Console) -> None:
    batch = {
        "id": "b" * 32,
        "kind": "stylization",
        "status": "running",
        "counts": {"total": 9, "queued": 9, "running": 0, "done": 0, "failed": 0, "cancelled": 0},
        "created_at": "2026-11-22T00:00:00Z",
        "links": {"pause": "p", "cancel": "c"},
    }
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json=batch)

    console.page.route(f"**/v1/batches/{batch['id']}", answer)
    console.page.route("**/v1/batches/*/items?*", lambda route: route.fulfill(json={"items": [], "next_cursor": None}))
    page = console.open(f"/batches/{batch['id']}", "Batch bbbbbbbb")
    console.button("Cancel").focus()
    shown = len(asked)
    with page.expect_response(lambda _: len(asked) > shown + 1):
        pass
    expect(console.button("Cancel")).to_be_focused()


def test_a_key_is_kept_while_the_service_does_not_answer(console: Console, stack: StackInfo) -> None:
    console.refusals.add(503)
    away = {"status": 503, "json": {"detail": "Come back later.", "code": "not_ready"}}
    console.page.route("**/v1/whoami", lambda route: route.fulfill(**away))
    page = console.open("/jobs", "The service does not answer")
    expect(page.get_by_role("alert").filter(has_text="Come back later.")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('likeness.key')") == stack.api_key
    page.unroute("**/v1/whoami")
    console.button("Try again").click()
    expect(console.heading("Jobs")).to_be_visible()


def test_a_refusal_shows_what_to_do_as_text(console: Console) -> None:
    console.refusals.add(422)
    page = console.open("/compare", "Compare")
    problem = {"detail": "<img src=x onerror=alert(1)> Send a photo.", "code": "corrupt_image"}
    page.route("**/v1/comparisons", lambda route: route.fulfill(status=422, json=problem))
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / "hopper.jpg")
    page.get_by_label("Choose a file: Second photo").set_input_files(PHOTOS / "collins.png")
    console.button("Compare").click()
    expect(page.get_by_role("alert").filter(has_text="<img src=x")).to_be_visible()
