"""Signing in and out, and what a key may see."""

import httpx
from playwright.sync_api import expect

from shared.embedded.info import StackInfo
from tests.browser.conftest import MakeConsole, MakeKey


def test_a_key_signs_in_by_keyboard_and_stays_in_the_tab_only(make_console: MakeConsole, stack: StackInfo) -> None:
    console = make_console(key=None)
    page = console.open("/compare", "Sign in to Likeness")
    page.keyboard.type(stack.api_key)
    page.keyboard.press("Enter")
    expect(console.heading("Compare")).to_be_visible()
    assert page.title() == "Compare · Likeness"
    assert page.evaluate("sessionStorage.getItem('likeness.key')") == stack.api_key
    stored = page.evaluate("JSON.stringify(localStorage) + document.cookie")
    assert stack.api_key not in stored
    assert stack.api_key not in page.content()


def test_a_wrong_key_is_refused_in_one_line(make_console: MakeConsole) -> None:
    console = make_console(key=None)
    console.refusals.add(401)
    page = console.open("/", "Sign in to Likeness")
    page.get_by_label("API key").fill("lk_first_" + "x" * 43)
    console.button("Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="key")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('likeness.key')") is None


def test_an_empty_field_says_what_belongs_there(make_console: MakeConsole) -> None:
    console = make_console(key=None)
    page = console.open("/", "Sign in to Likeness")
    console.button("Sign in").click()
    expect(page.get_by_text("Paste an API key")).to_be_visible()
    assert console.focused() == "API key"


def test_a_key_that_was_copied_with_something_unseen_is_said_to_be_none(make_console: MakeConsole) -> None:
    console = make_console(key=None)
    page = console.open("/", "Sign in to Likeness")
    page.get_by_label("API key").fill("lk_first_" + "x" * 43 + "\u200b")
    console.button("Sign in").click()
    expect(page.get_by_text("Paste an API key")).to_be_visible()


def test_pages_that_a_key_may_not_use_are_hidden_and_say_why(make_console: MakeConsole, make_key: MakeKey) -> None:
    console = make_console(key=make_key("verify"))
    page = console.open("/compare", "Compare")
    names = page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts()
    assert names == ["People", "Compare", "Jobs", "Health"]
    expect(page.get_by_text("1 scope", exact=True)).to_be_visible()
    console.open("/keys", "Not with this key")
    expect(page.get_by_text("needs a key with the scope “admin”")).to_be_visible()


def test_a_key_begins_where_it_may(make_console: MakeConsole, make_key: MakeKey) -> None:
    make_console(key=make_key("stylise")).open("/", "Style studio")
    make_console(key=make_key("audit:read")).open("/", "Jobs")


def test_a_key_that_is_revoked_leads_back_to_the_sign_in(
    make_console: MakeConsole, make_key: MakeKey, http: httpx.Client
) -> None:
    token = make_key("verify")
    console = make_console(key=token)
    page = console.open("/health", "Health")
    console.refusals.add(401)
    http.delete(f"/v1/keys/{token.split('_')[1]}").raise_for_status()
    expect(console.heading("Sign in to Likeness")).to_be_visible()
    expect(page.get_by_text("not valid, or not any more")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('likeness.key')") is None


def test_sign_out_ends_the_session(make_console: MakeConsole, stack: StackInfo) -> None:
    console = make_console(key=None)
    page = console.open("/health", "Sign in to Likeness")
    page.get_by_label("API key").fill(stack.api_key)
    console.button("Sign in").click()
    expect(console.heading("Health")).to_be_visible()
    console.button("Sign out").click()
    expect(console.heading("Sign in to Likeness")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('likeness.key')") is None
    page.reload()
    expect(console.heading("Sign in to Likeness")).to_be_visible()


def test_an_unknown_address_says_so(make_console: MakeConsole) -> None:
    make_console().open("/nowhere/at/all", "There is no such page")


def test_an_address_that_steps_out_of_its_place_is_no_page(make_console: MakeConsole) -> None:
    make_console().open("/galleries/staff/persons/..", "There is no such page")
    make_console().open("/galleries/%2e%2E", "There is no such page")
