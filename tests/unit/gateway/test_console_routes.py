"""The console's files: served from a list, with a policy that lets them load nothing from elsewhere."""

import re
from collections.abc import Sequence
from enum import StrEnum

import pytest
from apiflask import APIFlask

from gateway.console_routes import FILES, FOLDER, read_files
from shared.images import formats
from shared.ml.face.liveness.actions import Action
from shared.ml.face.liveness.challenge import Failure
from shared.ml.face.quality import Reason
from shared.ml.face.verification import Verdict
from shared.schemas import Denial, FaceSource, JobType
from workers.liveness import PASSIVE, REPLAYED

SCRIPTS = [name for name in FILES if name.endswith(".js")]


def test_the_page_is_served_to_anybody(app: APIFlask) -> None:
    page = app.test_client().get("/console")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert b'<script type="module" src="/console/app.js">' in page.data


def test_the_address_with_a_slash_leads_to_the_page(app: APIFlask) -> None:
    answer = app.test_client().get("/console/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("app.js", "text/javascript"), ("styles/base.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_each_file_has_its_media_type(app: APIFlask, name: str, media_type: str) -> None:
    answer = app.test_client().get(f"/console/{name}")
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.data == FOLDER.joinpath(name).read_bytes()


@pytest.mark.parametrize("path", ["", "/app.js"])
def test_the_policy_allows_this_server_alone(app: APIFlask, path: str) -> None:
    headers = app.test_client().get(f"/console{path}").headers
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "blob:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert "camera=(self)" in headers["Permissions-Policy"]


def test_a_file_that_has_not_changed_is_not_sent_again(app: APIFlask) -> None:
    client = app.test_client()
    first = client.get("/console/app.js")
    again = client.get("/console/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["Cache-Control"] == "no-cache"
    assert client.get("/console/api.js").headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "styles", "styles/", "/", "//etc/passwd", "app.js%00"],
)
def test_nothing_else_is_served(app: APIFlask, name: str) -> None:
    answer = app.test_client().get(f"/console/{name}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def test_every_file_of_the_folder_is_served() -> None:
    assert set(FILES) == {name for name, _ in read_files(FOLDER)}
    folders = {name.split("/")[0] for name in FILES if "/" in name}
    assert folders == {"pages", "parts", "styles"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_or_code_of_text(name: str) -> None:
    text = FILES[name].content.decode()
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
    assert re.findall(forbidden, text) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_import_of_a_script_is_served(name: str) -> None:
    text = FILES[name].content.decode()
    folder = name.rpartition("/")[0]
    for wanted in re.findall(r'from "([^"]+)"', text):
        assert wanted.startswith(("./", "../")), wanted
        parts = [*folder.split("/"), *wanted.split("/")]
        path: list[str] = []
        for part in parts:
            if part == "..":
                path.pop()
            elif part not in {"", "."}:
                path.append(part)
        assert "/".join(path) in FILES


def test_every_page_that_is_named_has_a_file() -> None:
    named = re.findall(r'page\("[^"]+", "([^"]+)"', FILES["pages.js"].content.decode())
    assert len(named) >= 15
    assert {f"pages/{name}.js" for name in named} <= set(FILES)


def test_jobs_of_every_kind_can_be_asked_for() -> None:
    types = re.search(r"const TYPES = \[(.*?)\]", FILES["pages/jobs.js"].content.decode(), re.DOTALL)
    assert types is not None
    assert set(re.findall(r'"(\w+)"', types[1])) == set(JobType)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("parts/words.js", [*Verdict, *Reason, *Denial]),
        ("parts/challenge.js", [*Failure, Verdict.NO_FACE, Verdict.MULTIPLE_FACES, PASSIVE, REPLAYED]),
        ("parts/challenge_prompt.js", list(Action)),
        ("parts/icons.js", list(Action)),
        ("parts/face_cards.js", list(FaceSource)),
    ],
)
def test_whatever_the_service_says_is_said_in_words(name: str, codes: Sequence[StrEnum | str]) -> None:
    said = re.findall(r"^  (\w+):", FILES[name].content.decode(), re.MULTILINE)
    assert set(map(str, codes)) <= set(said)


def test_the_files_that_may_be_chosen_are_those_that_are_read() -> None:
    text = FILES["parts/image_files.js"].content.decode()
    suffixes = re.search(r'"(\.jpg[^"]*)"\.split', text)
    assert suffixes is not None
    assert set(suffixes[1].split(" ")) == formats.SUFFIXES
    assert {f.media_type for f in formats.Format} <= set(re.findall(r'"(image/\w+)"', text))
    assert f'"{formats.ACCEPTED}"' in text


def test_nothing_is_loaded_from_elsewhere_and_no_style_is_inline() -> None:
    page = FILES["index.html"].content.decode()
    assert re.findall(r"(?:src|href)=\"(?!/console/|#)", page) == []
    assert "style=" not in page
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", "".join(f.content.decode() for f in FILES.values())) == []
