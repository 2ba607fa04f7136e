"""Memory is asked for before a stylisation is accepted."""

from typing import Any

import pytest

from shared.errors import NeedsTooMuchMemory
from shared.ml.style import memory
from shared.schemas import StyleMode
from shared.style_memory import Work, admit
from tests.unit.gateway.conftest import Api, MakeApi, picture
from tests.unit.gateway.test_style_inputs import FINE, PATH, refusal, send

ESTIMATE = f"{PATH}/estimate"
WIDE = picture(size=(120, 60))


def estimate(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.get(ESTIMATE, query_string=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_an_estimate_lies_above_what_the_painting_alone_needs(api: Api) -> None:
    found = estimate(api, mode="fine", width=640, height=480)
    assert memory.fine_bytes(640, 480) < found["memory_bytes"] < 1.3 * memory.fine_bytes(640, 480)
    assert (found["budget_bytes"], found["fits"]) == (29 * 2**28, True)


def test_a_fast_stylisation_needs_less_than_a_fine_one(api: Api) -> None:
    fast, fine = (estimate(api, mode=mode, width=640, height=480) for mode in ("fast", "fine"))
    assert fast["memory_bytes"] == memory.fast_bytes(640, 480) < fine["memory_bytes"]


def test_tiles_need_less(api: Api) -> None:
    whole, tiled = (estimate(api, mode="fine", width=3000, height=2000, tiled=tiled) for tiled in ("false", "true"))
    assert memory.fine_bytes(3000, 2000, tile=memory.TILE) < tiled["memory_bytes"] < whole["memory_bytes"]
    assert tiled["largest_size"] == whole["largest_size_tiled"] > whole["largest_size"]


@pytest.mark.parametrize("mode", ["fast", "fine"])
@pytest.mark.parametrize("tiled", ["false", "true"])
def test_the_largest_size_fits_and_the_next_does_not(api: Api, mode: str, tiled: str) -> None:
    largest = estimate(api, mode=mode, width=2000, height=1000, tiled=tiled)["largest_size"]
    assert estimate(api, mode=mode, width=largest, height=largest // 2, tiled=tiled)["fits"]
    assert not estimate(api, mode=mode, width=largest + 2, height=largest // 2 + 1, tiled=tiled)["fits"]


def test_a_size_that_does_not_fit_is_refused_with_what_would(api: Api) -> None:
    size = 4096
    told = estimate(api, mode="fine", width=size, height=size // 2)
    fields = {**FINE, "style_id": "poppies", "size": str(size)}
    detail = refusal(send(api, fields, content=WIDE), code="needs_too_much_memory")
    for number in (told["memory_bytes"], told["budget_bytes"], told["largest_size"], told["largest_size_tiled"]):
        assert f"{number:,}" in detail
    assert "tiled=true" in detail


def test_the_size_that_was_named_is_accepted(api: Api) -> None:
    told = estimate(api, mode="fine", width=4096, height=2048)
    fields = {**FINE, "style_id": "poppies", "size": str(told["largest_size"])}
    assert send(api, fields, content=WIDE).status_code == 202
    tiled = {**fields, "size": str(told["largest_size_tiled"]), "tiled": "true"}
    assert send(api, tiled, content=WIDE).status_code == 202


def test_a_size_that_does_not_fit_in_tiles_either_names_what_does(api: Api) -> None:
    told = estimate(api, mode="fine", width=4096, height=4096)
    fields = {**FINE, "style_id": "poppies", "size": "4096", "tiled": "true"}
    detail = refusal(send(api, fields, content=picture(size=(100, 100))), code="needs_too_much_memory")
    assert f"At most size={told['largest_size_tiled']:,} fits." in detail
    assert "tiled=true" not in detail


def test_the_fast_mode_is_not_told_to_use_tiles() -> None:
    with pytest.raises(NeedsTooMuchMemory) as refused:
        admit(Work(StyleMode.FAST), (1000, 1000), memory.fast_bytes(800, 800), most=4096)
    assert "At most size=800 fits." in str(refused.value)
    assert "tiled" not in str(refused.value)


def test_masks_and_more_styles_count(api: Api) -> None:
    side = estimate(api, mode="fine", width=1000, height=500)["largest_size"]
    fields = {**FINE, "style_id": ["poppies", "great-wave", "poppies"], "size": str(side)}
    refusal(send(api, fields, content=WIDE), code="needs_too_much_memory")


@pytest.mark.parametrize("mode", ["fast", "fine"])
def test_no_size_of_a_shape_that_is_too_narrow_is_accepted(api: Api, mode: str) -> None:
    told = estimate(api, mode=mode, width=16, height=100_000)
    assert (told["fits"], told["largest_size"], told["largest_size_tiled"]) == (False, 0, 0)


@pytest.mark.parametrize("query", [{}, {"width": 64}, {"width": 64, "height": 0}, {"width": 64, "height": 64, "a": 1}])
def test_an_estimate_of_nothing_is_refused(api: Api, query: dict[str, Any]) -> None:
    refusal(api.get(ESTIMATE, query_string=query))


def test_an_estimate_is_for_those_who_may_stylise(make_api: MakeApi) -> None:
    answer = make_api("acme", set()).get(ESTIMATE, query_string={"width": 64, "height": 64})
    assert answer.status_code == 403
