"""What is told of the face models."""

from shared.ml.face.catalogue import CATALOGUE, DEFAULT_MODEL
from tests.unit.gateway.conftest import Api


def test_every_model_tells_its_measured_points_and_where_they_are_from(api: Api) -> None:
    listed = api.get("/v1/models").get_json()["models"]
    assert [model["name"] for model in listed] == list(CATALOGUE)
    for model in listed:
        curve = CATALOGUE[model["name"]].curve
        assert [(one["rate"], one["score"]) for one in model["false_match_rates"]] == list(curve.points)
        assert (model["measured_on"], model["source"]) == (curve.data, curve.source)


def test_the_points_are_the_thresholds_of_the_policies(api: Api) -> None:
    (model,) = (one for one in api.get("/v1/models").get_json()["models"] if one["name"] == DEFAULT_MODEL.name)
    for point in model["false_match_rates"]:
        assert DEFAULT_MODEL.curve.threshold(point["rate"]) == point["score"]
