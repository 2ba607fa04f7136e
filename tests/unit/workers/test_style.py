"""The style worker: the picture, what is said about it, every option; with the published weights."""

import hashlib
from typing import Any

import pytest

from shared.errors import CorruptImage, JobCancelled
from shared.images import ImageFormat
from shared.ml.style import options
from shared.ml.style.options import Preset
from shared.schemas import FineOptions, JobStatus, Message, Model, StyleMode, StylizationPayload
from tests.unit.workers.conftest import SIZE, StyleBench, picture
from workers.runner import Held
from workers.style import fine_options
from workers.style_models import StyleModels

STEPS = 3
FINE = {"fine": FineOptions(steps=STEPS)}
BOTH = pytest.mark.parametrize(("mode", "given"), [(StyleMode.FAST, {}), (StyleMode.FINE, FINE)], ids=["fast", "fine"])


@BOTH
def test_the_picture_has_the_asked_size_and_the_contents_shape(
    style_bench: StyleBench, mode: StyleMode, given: dict[str, Any]
) -> None:
    painted = style_bench.paint(mode, **given)
    assert (painted.image.format, painted.image.size) == ("PNG", (SIZE, 30))
    assert (painted.result.image.width, painted.result.image.height) == (SIZE, 30)


@BOTH
def test_the_answer_describes_the_stored_picture(
    style_bench: StyleBench, mode: StyleMode, given: dict[str, Any]
) -> None:
    painted = style_bench.paint(mode, **given)
    image = painted.result.image
    assert image.sha256 == hashlib.sha256(painted.data).hexdigest()
    assert image.bytes == len(painted.data)
    assert image.media_type == "image/png"
    assert image.url == f"/v1/jobs/{painted.job.id}/image"
    assert painted.result.mode is mode


@pytest.mark.parametrize("image_format", ImageFormat)
def test_the_picture_lies_under_the_jobs_key_in_the_asked_format(
    style_bench: StyleBench, image_format: ImageFormat
) -> None:
    painted = style_bench.paint(StyleMode.FAST, format=image_format)
    assert style_bench.images() == [f"images/acme/{painted.job.id}.{image_format.value}"]
    assert painted.image.format == image_format.name
    assert painted.result.image.media_type == image_format.media_type


@BOTH
def test_the_picture_says_what_made_it(style_bench: StyleBench, mode: StyleMode, given: dict[str, Any]) -> None:
    painted = style_bench.paint(mode, style_id="great-wave", **given)
    assert painted.job.model is not None
    for said in (
        "Likeness ",
        "compositeWithTrainedAlgorithmicMedia",
        f"{painted.job.model.name} {painted.job.model.digest}",
        f"mode={mode.value}",
        f"size={SIZE}",
        "styles=great-wave:1",
    ):
        assert said.encode() in painted.data


def test_where_the_photos_lay_is_not_in_the_picture(style_bench: StyleBench) -> None:
    assert b"uploads/" not in style_bench.paint(StyleMode.FAST).data


def test_the_fast_mode_reports_its_end_and_has_no_costs(style_bench: StyleBench) -> None:
    painted = style_bench.paint(StyleMode.FAST)
    assert painted.progress[-1] == {"done": 1, "total": 1, "stage": "painting"}
    assert painted.result.costs is None


def test_the_fine_mode_reports_its_steps_with_their_costs(style_bench: StyleBench) -> None:
    painted = style_bench.paint(StyleMode.FINE, **FINE)
    last = painted.progress[-1]
    assert (last["done"], last["total"], last["stage"]) == (STEPS, STEPS, "optimising")
    assert last["cost"] > 0
    assert [step["done"] for step in painted.progress] == sorted({step["done"] for step in painted.progress})


def test_the_fine_mode_tells_the_costs_at_its_start_and_end(style_bench: StyleBench) -> None:
    costs = style_bench.paint(StyleMode.FINE, **FINE).result.costs
    assert costs is not None
    assert 0 < costs.style < costs.style_at_start
    assert costs.total >= costs.content > 0


def test_the_two_modes_name_their_own_model(style_bench: StyleBench, style_models: StyleModels) -> None:
    assert style_bench.paint(StyleMode.FAST).job.model == style_models.fast_model
    assert style_bench.paint(StyleMode.FINE, **FINE).job.model == style_models.fine_model
    assert style_models.fast_model != style_models.fine_model


def test_the_same_job_twice_gives_the_same_picture(style_bench: StyleBench) -> None:
    assert style_bench.paint(StyleMode.FAST).data == style_bench.paint(StyleMode.FAST).data


def test_another_strength_gives_another_picture(style_bench: StyleBench) -> None:
    assert style_bench.paint(StyleMode.FAST, strength=0.2).data != style_bench.paint(StyleMode.FAST).data


@BOTH
def test_a_cancelled_job_stops_and_leaves_no_picture(
    style_bench: StyleBench, mode: StyleMode, given: dict[str, Any]
) -> None:
    job_id, payload = style_bench.accept(mode, **given)
    job = style_bench.jobs.claim(job_id)
    assert job is not None
    style_bench.jobs.cancel("acme", job_id)
    with pytest.raises(JobCancelled):
        style_bench.worker.stylize(payload, Held(style_bench.jobs, job))
    assert style_bench.images() == []


def test_cancelling_ends_the_optimisation_long_before_its_last_step(style_bench: StyleBench) -> None:
    job_id, _ = style_bench.accept(StyleMode.FINE, fine=FineOptions(steps=100_000))

    def cancel_and_work(payload: StylizationPayload, held: Held) -> tuple[Message, Model]:
        style_bench.jobs.cancel("acme", job_id)
        return style_bench.worker.stylize(payload, held)

    style_bench.runner.run(job_id, StylizationPayload, cancel_and_work)
    assert style_bench.jobs.get("acme", job_id).status is JobStatus.CANCELLED


@pytest.mark.parametrize("upload", ["content", "style"])
@BOTH
def test_a_damaged_photo_fails_the_job_with_its_own_code(
    style_bench: StyleBench, mode: StyleMode, given: dict[str, Any], upload: str
) -> None:
    job_id, _ = style_bench.accept(mode, **given)
    style_bench.store.put(f"uploads/acme/{job_id}/{upload}", picture(60, 60)[:-200])
    job = style_bench.run(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == CorruptImage.code


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        pytest.param(
            StyleMode.FAST,
            {},
            id="fast",
        ),
        pytest.param(StyleMode.FINE, FINE, id="fine"),
    ],
)
def test_a_photo_too_narrow_at_the_asked_size_fails_at_once(
    style_bench: StyleBench, mode: StyleMode, given: dict[str, Any]
) -> None:
    job_id, _ = style_bench.accept(mode, **given)
    style_bench.store.put(f"uploads/acme/{job_id}/content", picture(1900, 16))
    job = style_bench.run(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "pixels on each side" in job.error.detail


# --- options -----------------------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "steps": 7,
    "alpha": 2.5,
    "beta": 0.5,
    "tv_weight": 0.25,
    "content_layers": {"relu3_1": 2.0},
    "style_layers": {"relu1_1": 1.0, "relu2_1": 0.5},
    "init": options.Init.NOISE,
    "optimiser": options.Optimiser.ADAM,
    "pooling": options.Pooling.AVERAGE,
    "levels": 2,
    "learning_rate": 0.125,
    "seed": 9,
}


def engine_options(strength: float = 1.0, **given: Any) -> options.FineOptions:
    fine = FineOptions.model_validate_json(FineOptions.model_validate(given).model_dump_json())
    payload = {"content_key": "c", "styles": (), "mode": "fine", "size": 64, "format": "png", "strength": strength}
    return fine_options(StylizationPayload.model_validate({**payload, "fine": fine}, strict=False))


def test_every_option_of_the_message_is_covered_below() -> None:
    assert {*VALUES, "preset"} == FineOptions.model_fields.keys()


@pytest.mark.parametrize("name", VALUES)
def test_an_option_reaches_the_model_code(name: str) -> None:
    found = getattr(engine_options(**{name: VALUES[name]}), name)
    assert found == VALUES[name]
    assert isinstance(found, type(VALUES[name]))
    assert found != getattr(options.FineOptions(), name)


def test_the_strength_reaches_the_model_code() -> None:
    assert engine_options(0.25).strength == 0.25


def test_what_was_not_asked_for_has_the_model_codes_default() -> None:
    assert engine_options() == options.FineOptions()


@pytest.mark.parametrize("preset", Preset)
def test_what_is_said_beside_a_preset_overrides_it(preset: Preset) -> None:
    assert engine_options(preset=preset) == options.FineOptions.of(preset)
    assert engine_options(preset=preset, steps=7) == options.FineOptions.of(preset, steps=7)


def test_the_answer_tells_all_options_as_they_were_used(style_bench: StyleBench) -> None:
    fine = FineOptions(preset=Preset.RICH, steps=2, seed=5)
    told = style_bench.paint(StyleMode.FINE, fine=fine).result.fine
    assert told is not None
    used = options.FineOptions.of(Preset.RICH, steps=2, seed=5)
    assert told.preset is Preset.RICH
    for name in VALUES:
        assert getattr(told, name) == getattr(used, name)
