from pathlib import Path

import pytest
import torch

from shared.errors import UnknownModel
from shared.ml.face.models import NAMES, load_model
from shared.ml.weights import SFACE


@pytest.mark.parametrize("name", NAMES)
def test_every_model_loads_by_its_name(name: str, weights_dir: Path) -> None:
    model = load_model(name, torch.device("cpu"), cache_dir=weights_dir)
    assert model.name == (SFACE.name if name == "default" else name)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="default, sface-2021dec, accurate"):
        load_model("facenet", torch.device("cpu"))
