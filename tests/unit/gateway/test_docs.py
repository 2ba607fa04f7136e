"""The documentation page loads nothing from anybody else."""

import re

import pytest
from apiflask import APIFlask


def test_the_page_and_all_it_loads_come_from_here(app: APIFlask) -> None:
    client = app.test_client()
    page = client.get("/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 4
    for path in loaded:
        assert path.startswith("/docs/")
        assert client.get(path).status_code == 200


def test_the_policy_lets_the_page_load_from_its_server_only(app: APIFlask) -> None:
    policy = app.test_client().get("/docs").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert "script-src" not in rules, "so default-src holds for scripts: no inline ones, none from elsewhere"
    assert "unsafe" not in policy
    assert "http" not in policy


def test_there_is_no_inline_script(app: APIFlask) -> None:
    page = app.test_client().get("/docs").text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "onload=" not in page


def test_the_start_script_shows_the_document_of_this_server(app: APIFlask) -> None:
    answer = app.test_client().get("/docs/start.js")
    assert answer.mimetype == "text/javascript"
    assert "validatorUrl: null" in answer.text
    assert "http" not in answer.text


@pytest.mark.parametrize("name", ["swagger-ui.js", "oauth2-redirect.html", "..%2f__init__.py", "%2e%2e"])
def test_nothing_else_of_the_package_is_served(app: APIFlask, name: str) -> None:
    assert app.test_client().get(f"/docs/{name}").status_code == 404
