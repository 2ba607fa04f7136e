"""The figures that the documentation gives are those of the code: change one, and this says where the other stands."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from gateway import migrations, upload_routes, visualisations
from gateway.faces.person_limits import duration
from gateway.persons import PersonPage
from gateway.style_choice import MOST_STYLES
from gateway.web import bodies, downloads, idempotency, memory_budget, prefer
from gateway.web.paging import IdPage
from shared import liveness_sessions
from shared.galleries.persons import MOST_SCANNED
from shared.images.limits import WORKING_PIXELS
from shared.ml.face import quality
from shared.ml.face.catalogue import ACCURATE_MODEL, CATALOGUE, DEFAULT_MODEL, ModelCard
from shared.ml.face.liveness.actions import MAX_FRAMES as MAX_SESSION_FRAMES
from shared.ml.face.liveness.actions import MIN_FRAMES as MIN_SESSION_FRAMES
from shared.ml.face.liveness.passive import DEFAULT_PASSIVE
from shared.ml.face.verification import (
    DEFAULT_IDENTIFICATION,
    DEFAULT_VERIFICATION,
    SAME_PERSON,
    VERIFICATION_POLICIES,
    identification_profile,
    verification_profile,
)
from shared.ml.style.options import MAX_LEVELS
from shared.schemas import GalleryRules
from shared.schemas.base import ID_RULE
from shared.schemas.texts import Attributes, Groups, Tags
from shared.settings import Settings
from shared.styles import LEAST_SIDE
from shared.webhooks import subscriptions
from workers.feeding import EVENTS_S
from workers.style_progress import MOST_PREVIEWS

PROJECT = Path(__file__).parents[2]
PAGES = {str(path.relative_to(PROJECT)): path for path in (PROJECT / "README.md", *(PROJECT / "docs").glob("*.md"))}
MEASURED = {"docs/accuracy.md", "docs/benchmarks.md", "docs/style-gallery.md"}  # written by what measures
RATES, LIMITS, JOBS, WORKERS, WEBHOOKS = (
    Settings.model_fields[name].get_default() for name in ("rates", "limits", "jobs", "workers", "webhooks")
)
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "day": 86_400, "days": 86_400, "minutes": 60}


def text_of(page: str) -> str:
    """The page in one line."""
    return " ".join(PAGES[page].read_text().split())


def threshold(policy: str, card: ModelCard = DEFAULT_MODEL) -> str:
    return f"{verification_profile(policy, card.curve).threshold:g}"


def thresholds(card: ModelCard) -> list[str]:
    """The strictest last."""
    return [threshold(policy, card) for policy in VERIFICATION_POLICIES]


def most(annotation: Any, name: str = "maxItems") -> int:
    """A bound of a type, by its name in JSON Schema."""
    return int(TypeAdapter(annotation).json_schema()[name])


def mib(size: int) -> str:
    return f"{size / 2**20:g} MiB"


LOOSE, DEFAULT, STRICT = thresholds(DEFAULT_MODEL)
RULES = {name: field.get_default() for name, field in GalleryRules.model_fields.items()}
CLAIMS: list[tuple[str, str]] = [
    ("docs/api.md", f"`verify-fmr-1e-3` | verifications, comparisons | cosine ≥ {LOOSE}:"),
    ("docs/api.md", f'`verify-fmr-1e-4` (default) | " | ≥ {DEFAULT}:'),
    ("docs/api.md", f'`verify-fmr-1e-5` | " | ≥ {STRICT}:'),
    ("docs/api.md", f'"policy": "{DEFAULT_VERIFICATION}", "threshold": {DEFAULT},'),
    ("docs/api.md", f"`{DEFAULT_VERIFICATION}` (default)"),
    ("docs/api.md", f"`{DEFAULT_IDENTIFICATION}` (default)"),
    ("docs/api.md", "those of `accurate` are {} , {} and {}".format(*thresholds(ACCURATE_MODEL)).replace(" ,", ",")),
    ("docs/api.md", f"those of the model `{DEFAULT_MODEL.name}`"),
    ("docs/models.md", f"profiles ask for {LOOSE} / {DEFAULT} / {STRICT}"),
    ("README.md", f"`{DEFAULT_VERIFICATION}` (the default)"),
    ("docs/faces.md", f"(below the threshold for FMR {VERIFICATION_POLICIES[SAME_PERSON]:.0e}".replace("e-03", "e-3")),
    ("docs/faces.md", f"less than {quality.MIN_WIDTH:.0f} px wide"),
    ("docs/faces.md", f"at most `templates_per_person` faces ({RULES['templates_per_person']} unless"),
    ("docs/faces.md", f"Of one person {RATES.person_enrolments_per_day} photos a day"),
    ("docs/faces.md", f"more than {WORKING_PIXELS // 10**6} million pixels"),
    ("docs/api.md", f"A key may send {RATES.key_per_minute:,} requests a minute"),
    ("docs/api.md", f"q={RATES.key_per_minute};w=60"),
    ("docs/api.md", f"make {RATES.liveness_per_minute} liveness sessions a minute"),
    ("docs/api.md", f"`attempts` | after {RATES.person_per_minute} verifications within a minute"),
    ("docs/api.md", f"`failures` | after {RATES.person_failures} failed verifications"),
    ("docs/api.md", f"within {RATES.failure_seconds / 60:g} minutes: nobody"),
    ("docs/api.md", f"as that person for {RATES.lock_seconds / 60:g} minutes."),
    ("docs/api.md", f"`failures_of_a_day` | after {RATES.person_failures_per_day} failed ones within a day"),
    ("docs/api.md", f"are counted too: {RATES.person_enrolments_per_day} a day"),
    ("docs/api.md", f"interactive jobs takes {JOBS.interactive_limit} ("),
    ("docs/api.md", f"one of bulk jobs {JOBS.queue_limit:,}"),
    ("docs/api.md", f"(seconds, at most {prefer.LONGEST_WAIT_S})"),
    ("docs/api.md", f"JSON has at most {bodies.MOST_VALUES:,} values"),
    ("docs/api.md", f"answer beyond {idempotency.LONGEST_BODY // 2**10} KiB"),
    ("docs/api.md", f"| bytes | {mib(LIMITS.image_bytes)} |"),
    ("docs/api.md", f"| {LIMITS.jpeg_pixels:,} | `LIKENESS_LIMITS__JPEG_PIXELS`"),
    ("docs/api.md", f"| {LIMITS.image_pixels:,} (8192"),
    ("docs/api.md", f"| {LIMITS.image_min_side} to {LIMITS.image_side:,} px |"),
    ("docs/api.md", f"more than {WORKING_PIXELS // 10**6} million pixels"),
    ("docs/api.md", f"takes up to {LIMITS.batch_items:,} pictures ({mib(LIMITS.batch_bytes)} a request)"),
    ("docs/api.md", "(ten minutes for a job of a batch)" if EVENTS_S == 600 else "other events"),
    ("docs/api.md", f"up to {most(Tags)} `tags` and {most(Groups)} `groups`"),
    ("docs/api.md", f"up to {most(Attributes, 'maxProperties')} flat `attributes`"),
    ("docs/api.md", f"reads {MOST_SCANNED:,} people at most"),
    ("docs/api.md", f"one style or several, up to {MOST_STYLES}:"),
    ("docs/api.md", f"from coarse to fine, 1 to {MAX_LEVELS},"),
    ("docs/api.md", f"at most {MOST_PREVIEWS} of a job"),
    ("docs/api.md", f"each side needs at least {LEAST_SIDE} px"),
    ("docs/api.md", f"there may be {LIMITS.styles:,} of them"),
    ("docs/api.md", f"up to {visualisations.MOST_UNITS} `units`"),
    ("docs/api.md", f"a `count` ({visualisations.COUNT})"),
    ("docs/api.md", f"holds for {upload_routes.URL_S // 60} minutes"),
    ("docs/api.md", "good for five minutes" if downloads.URL_S == 300 else "another time"),
    ("docs/api.md", f"Answer with 2xx within {WEBHOOKS.timeout_seconds:g} seconds"),
    ("docs/api.md", "for three days" if sum(map(int, WEBHOOKS.retry_seconds.split(","))) // 86_400 == 3 else "other"),
    ("docs/api.md", "one signs beside it for a day" if subscriptions.OVERLAP_S == 86_400 else "another time"),
    ("docs/liveness.md", f"A key may make {RATES.liveness_per_minute} sessions a minute"),
    ("docs/liveness.md", f"a session: {MIN_SESSION_FRAMES} to {MAX_SESSION_FRAMES} frames"),
    ("docs/liveness.md", "within three minutes" if liveness_sessions.SESSION_S == 180 else "another time"),
    ("docs/liveness.md", f"live from {DEFAULT_PASSIVE.threshold:g} on"),
    ("docs/security.md", f"a body ({mib(LIMITS.body_bytes)})"),
    ("docs/security.md", f"bodies over {mib(memory_budget.LARGE)} share"),
    ("docs/security.md", f"open uploads ({LIMITS.open_uploads:,})"),
    ("docs/security.md", f"JSON has at most {bodies.MOST_VALUES:,} values"),
]


@pytest.mark.parametrize(("page", "claim"), CLAIMS, ids=[f"{page}: {claim[:60]}" for page, claim in CLAIMS])
def test_a_figure_is_the_codes(page: str, claim: str) -> None:
    assert claim in text_of(page), f"{page} says something else"


def settings_told() -> Iterator[tuple[str, str, str]]:
    """Page, setting, and the figure that stands in brackets behind it."""
    for page in PAGES:
        for name, told in re.findall(r"`LIKENESS_([A-Z0-9_]+)` \(([0-9][^);]*)", text_of(page)):
            yield page, name, told


def default_of(name: str) -> Any:
    section, _, field = name.lower().partition("__")
    found = Settings.model_fields[section].get_default()
    return getattr(found, field) if field else found


def number(told: str) -> float:
    """`7.25 GiB`, `1,000`, `5 s`."""
    found = re.match(r"([0-9][0-9,.]*[0-9]|[0-9])\s*([A-Za-z]*)", told)
    assert found is not None, told
    return float(found[1].replace(",", "")) * UNITS.get(found[2], 1)


@pytest.mark.parametrize(("page", "name", "told"), list(settings_told()))
def test_a_setting_has_the_default_that_is_told(page: str, name: str, told: str) -> None:
    assert number(told) == pytest.approx(float(default_of(name))), page


def test_settings_are_told_with_their_defaults_at_all() -> None:
    assert len(list(settings_told())) > 7


@pytest.mark.parametrize("page", sorted(PAGES.keys() - MEASURED - {"docs/models.md"}))
def test_no_threshold_is_told_that_is_no_models(page: str) -> None:
    """Three digits after the point, behind a word or sign that makes it one."""
    known = {figure for card in CATALOGUE.values() for figure in thresholds(card)}
    told = re.findall(r'(?:cosine|[Tt]hresholds?"?|≥|>=)[\s:=]*(?:of |is |are )?(0\.[0-9]{3})\b', text_of(page))
    assert set(told) <= known


def answers(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case dict():
            if {"policy", "threshold"} <= value.keys() and not value.get("calibration"):
                yield value
            for member in value.values():
                yield from answers(member)
        case list():
            for member in value:
                yield from answers(member)


def test_recorded_answers_have_the_thresholds_of_their_policies() -> None:
    """Of the default model, with which the examples are recorded."""
    recorded = json.loads((PROJECT / "gateway" / "web" / "examples.json").read_text())
    found = [answer for answer in answers(recorded) if answer["threshold"] is not None]
    assert found
    for answer in found:
        if answer["policy"] in VERIFICATION_POLICIES:
            expected = verification_profile(answer["policy"]).threshold
        elif "persons" in answer and answer["policy"].startswith("identify"):
            expected = identification_profile(answer["policy"]).threshold(answer["persons"])
        else:
            continue  # of liveness, or a calibration's own
        assert answer["threshold"] == pytest.approx(expected), answer["policy"]


SPEC = json.loads((PROJECT / "docs" / "openapi.json").read_text())
RANGE = re.compile(r"\b([0-9][0-9,]*) to ([0-9][0-9,]*) (?:characters|pictures|of A-Z)")
MOST = re.compile(r"\b(?:at most|up to) ([0-9][0-9,]*) (?:texts|ids|numbers|characters)")


def bounds(schema: Any) -> Iterator[float]:
    """Every limit in a schema, and the repetitions in its patterns."""
    match schema:
        case dict():
            for name, value in schema.items():
                if name.startswith(("min", "max")) and isinstance(value, int):
                    yield value
                elif name == "pattern" and isinstance(value, str):
                    yield from (int(end) + 1 for end in re.findall(r"\{\d+,(\d+)\}", value))
                yield from bounds(value)
        case list():
            for value in schema:
                yield from bounds(value)


def described(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every description with the schema that it stands in."""
    match schema:
        case dict():
            if isinstance(schema.get("description"), str) and len(schema) > 1:
                yield schema["description"], schema
            for name, value in schema.items():
                if name not in {"example", "examples"}:
                    yield from described(value)
        case list():
            for value in schema:
                yield from described(value)


def test_what_a_field_is_said_to_hold_is_what_it_takes() -> None:
    """`text of 1 to 200 characters`, `a list of at most 20 ids`: of every schema of the contract."""
    seen = 0
    for text, schema in described(SPEC):
        told = {end for pair in RANGE.findall(text) for end in pair} | set(MOST.findall(text))
        allowed = {1.0, 0.0, *bounds(schema)}
        for figure in told:
            seen += 1
            assert float(figure.replace(",", "")) in allowed, text
    assert seen > 20


def test_pages_hold_as_many_as_is_told() -> None:
    assert IdPage.model_fields["limit"].default == 100
    assert PersonPage.model_fields["limit"].default == 100


def test_what_is_named_in_part_says_how_much_of_it() -> None:
    missing = migrations.MigrationDocument.model_fields["missing"].description
    assert missing == f"the first {migrations.MOST_NAMED} of the others"


def test_an_id_is_told_everywhere_alike() -> None:
    assert "1 to 64 of `A-Z a-z 0-9 . _ -`" in text_of("docs/api.md")
    assert ID_RULE.startswith("1 to 64 of A-Z a-z 0-9 . _ -")


def test_durations_are_told_as_people_say_them() -> None:
    assert duration(RATES.failure_seconds) == f"{RATES.failure_seconds / 60:g} min"


def test_every_section_of_the_settings_is_one() -> None:
    """The names that the pages use exist."""
    known = set()
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            known |= {f"{name}__{inner}".upper() for inner in section.model_fields}
        else:
            known.add(name.upper())
    for page, path in PAGES.items():
        named = set(re.findall(r"LIKENESS_([A-Z0-9]+(?:__?[A-Z0-9]+)*)(?![A-Z_…])", path.read_text()))
        clients = {"URL", "API_KEY", "LFW_DIR"}
        assert named - known - clients <= {name for name in named if any(k.startswith(f"{name}__") for k in known)}, (
            page
        )
