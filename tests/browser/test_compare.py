"""Comparing two photos."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from shared.ml.face.catalogue import DEFAULT_MODEL
from tests.browser.conftest import PHOTOS, MakeConsole, MakeKey
from tests.browser.console import Console


def choose(page: Page, first: str, second: str) -> None:
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / first)
    page.get_by_label("Choose a file: Second photo").set_input_files(PHOTOS / second)


def test_one_person_scores_above_the_threshold_on_the_measured_axis(console: Console) -> None:
    page = console.open("/compare", "Compare")
    choose(page, "obama-1.jpg", "obama-3.jpg")
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="The same person")).to_be_visible()
    expect(page.locator("svg.boxes")).to_have_count(2)
    chart = page.get_by_role("img", name="above the threshold")
    expect(chart).to_be_visible()
    expect(chart.locator("circle.chart-point")).to_have_count(3)
    page.get_by_text("The measured points as a table").click()
    expect(page.get_by_role("cell", name="1 in 10,000")).to_be_visible()
    expect(page.get_by_role("paragraph").filter(has_text="Fewer than 1 in 100,000 pairs")).to_be_visible()
    expect(page.get_by_text("LFW")).to_be_visible()


@pytest.mark.parametrize("rate", [1e-3, 3e-4, 1e-4, 2.5e-5, 1e-5])
def test_between_the_measured_points_the_rate_is_the_curves_own(console: Console, rate: float) -> None:
    curve = DEFAULT_MODEL.curve
    points = [{"score": score, "rate": measured} for measured, score in curve.points]
    page = console.open("/compare", "Compare")
    ask = "([points, score]) => import('/console/parts/score_chart.js').then((chart) => chart.rateAt(points, score))"
    assert page.evaluate(ask, [points, curve.threshold(rate)]) == pytest.approx(rate, rel=1e-6)
    assert page.evaluate(ask, [points, curve.points[-1].threshold + 0.01]) is None
    assert page.evaluate(ask, [points, curve.points[0].threshold - 0.01]) is None


def test_two_people_score_below_it(console: Console) -> None:
    page = console.open("/compare", "Compare")
    choose(page, "obama-1.jpg", "sunak.jpg")
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="Different people")).to_be_visible()
    expect(page.get_by_role("img", name="below the threshold")).to_be_visible()


def test_a_photo_of_the_webcam_is_compared(console: Console) -> None:
    page = console.open("/compare", "Compare")
    page.get_by_label("Choose a file: First photo").set_input_files(PHOTOS / "obama-4.jpg")
    page.get_by_role("group", name="Second photo").get_by_role("button", name="Use the camera").click()
    console.button("Take the photo").click()
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="The same person")).to_be_visible()


def test_of_several_faces_one_is_chosen(console: Console) -> None:
    page = console.open("/compare", "Compare")
    choose(page, "group.jpg", "obama-1.jpg")
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="More than one face")).to_be_visible()
    expect(page.locator(".chart")).to_have_count(0)
    offered = page.get_by_role("group", name="First photo").get_by_role("button", name=re.compile(r"Face \d of 6"))
    expect(offered).to_have_count(6)
    offered.nth(top_middle(offered)).click()
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="The same person")).to_be_visible()


def top_middle(places: Locator) -> int:
    """The one in the middle of the upper row of three."""
    corners = places.evaluate_all("all => all.map(one => [one.offsetLeft, one.offsetTop])")
    upper = sorted(range(len(corners)), key=lambda number: corners[number][1])[:3]
    return sorted(upper, key=lambda number: corners[number][0])[1]


def test_a_key_without_scores_sees_the_verdict_only(make_console: MakeConsole, make_key: MakeKey) -> None:
    console = make_console(key=make_key("verify"))
    page = console.open("/compare", "Compare")
    choose(page, "obama-1.jpg", "obama-3.jpg")
    console.button("Compare").click()
    expect(page.get_by_role("heading", name="The same person")).to_be_visible()
    expect(page.get_by_text("scores:read")).to_be_visible()
    expect(page.locator(".chart")).to_have_count(0)


def test_without_two_photos_it_says_what_is_missing(console: Console) -> None:
    page = console.open("/compare", "Compare")
    console.button("Compare").click()
    expect(page.get_by_text("Choose two photos first.")).to_be_visible()
